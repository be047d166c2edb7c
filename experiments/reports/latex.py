"""LaTeX tables of a run or sweep, for a paper: booktabs, means and intervals as math.

Core Objects: write_run_table, write_sweep_tables
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.findings.comparison import HEADLINES, Comparison, by_choice, changing, name_choice
from experiments.findings.summary import METRICS, Findings
from experiments.reports.printed import cell, cell_of
from sim.records.tables import write_atomically

NEEDS = "% Needs \\usepackage{booktabs}.\n"


def write_run_table(folder: Path, findings: Findings) -> list[Path]:
    """Write `summary.tex`, a row a metric and a column an arm, and return its place.

    Parameters
    ----------
    folder : Path
        Where to write.
    findings : Findings
        What the run found.
    """
    arms = list(dict.fromkeys(findings.table["arm"]))
    measured = [metric for metric in METRICS if metric in set(findings.table["metric"])]
    rows = {METRICS[m]: [_math(cell(findings.value(arm, m))) for arm in arms] for m in measured}
    frame = pd.DataFrame(rows, index=pd.Index(arms)).T
    count = int(findings.table["n"].max())
    caption = f"Means over {count} replicates, and half of the 95\\% Student interval, by arm."
    return [_write(folder / "summary.tex", frame, caption)]


def write_sweep_tables(folder: Path, comparison: Comparison, outcome: str) -> list[Path]:
    """Write `comparison.tex` (headline metrics) and `differences.tex` (an outcome), and return their places.

    Parameters
    ----------
    folder : Path
        Where to write.
    comparison : Comparison
        The choices of the sweep compared; one choice has no differences.
    outcome : str
        Metric whose paired differences are told.
    """
    keys = comparison.keys
    levels = pd.DataFrame(
        [
            {"choice": name, "arm": arm}
            | {text: _math(cell_of(rows.get(metric))) for metric, text in HEADLINES.items()}
            for name, arm, rows in by_choice(keys, comparison.levels)
        ]
    )
    caption = "Means over replicates, and half of the 95\\% Student interval, by choice and arm."
    written = [_write(folder / "comparison.tex", levels.set_index(["choice", "arm"]), caption)]
    found = changing(comparison.differences)
    if found.empty:
        return written
    rows = [
        {
            "key": row["key"],
            "choice": name_choice(keys, [row[key] for key in keys], row["arm"]),
            "arm": row["arm"],
            "difference": _math(cell_of(row)),
            "effect size": _rounded(row["effect_size"], 2),
            "Holm's $p$": _rounded(row["p_holm"], 3),
            "pairs": f"{row['n']:.0f}",
        }
        for row in found[found["metric"] == outcome].to_dict("records")
    ]
    caption = (
        f"Paired differences of {METRICS[outcome]}, to the first value of each key, all else equal, with "
        "half of the 95\\% Student interval, Hedges' $g_z$ and $p$ adjusted by Holm's method."
    )
    table = pd.DataFrame(rows).set_index(["key", "choice", "arm"])
    return [*written, _write(folder / "differences.tex", table, caption)]


def _write(path: Path, frame: pd.DataFrame, caption: str) -> Path:
    told: Any = frame.style.format(escape="latex-math")
    for axis in (0, 1):
        told = told.format_index(escape="latex-math", axis=axis)
    text = told.format_index_names(escape="latex-math").to_latex(
        hrules=True,
        clines=None,
        sparse_index=False,
        caption=caption,
        label=f"tab:{path.stem}",
        position_float="centering",
        column_format="l" * frame.index.nlevels + "r" * frame.shape[1],
    )
    write_atomically(path, partial(Path.write_text, data=NEEDS + text, encoding="utf-8"))
    return path


def _rounded(value: float, digits: int) -> str:
    least = 10.0**-digits
    if not np.isfinite(value):
        return "--"
    return f"$<{least:g}$" if 0 < value < least / 2 else f"${value:.{digits}f}$"


def _math(text: str) -> str:
    return "--" if text == "-" else "$" + text.replace(" ± ", r" \pm ") + "$"
