"""Sweeps: the summaries of all cells side by side.

Core Objects: ComparisonTable, compare, print_comparison
"""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from experiments.conclusion import SHOWN, cell
from experiments.statistics import Interval
from sim.records import RecordError, write_atomically

_COLUMNS = ["metric", "mean", "low", "high", "n"]


class ComparisonTable(Callback):
    """Hydra callback that joins the summaries of a sweep's cells when it ends."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Write and print the comparison."""
        print_comparison(compare(Path(config.hydra.sweep.dir)))


def compare(folder: Path) -> pd.DataFrame:
    """Join the summaries of a sweep's finished cells, write them to `comparison.csv`, and return them.

    Returns
    -------
    DataFrame
        The rows of all `summary.csv`, with the columns `cell` and one for each key that was swept.

    Raises
    ------
    RecordError
        If no cell of the sweep has finished.
    """
    cells = sorted((p.parent for p in folder.glob("*/summary.csv")), key=lambda p: (len(p.name), p.name))
    if not cells:
        raise RecordError(f"{folder} must hold at least one finished run; there is none")
    frames = []
    for cell in cells:
        typed = OmegaConf.load(cell / ".hydra" / "overrides.yaml")
        swept = dict(str(override).split("=", 1) for override in typed)
        frames.append(pd.read_csv(cell / "summary.csv").assign(cell=cell.name, **swept))
    joined = pd.concat(frames, ignore_index=True)
    keys = [c for c in joined if c not in ("arm", "metric", "meaning", "mean", "low", "high", "n")]
    constant = [c for c in keys if c != "cell" and joined[c].nunique(dropna=False) == 1]
    joined = joined.drop(columns=constant if len(cells) > 1 else [])
    order = [c for c in keys if c in joined]
    joined = joined[[*order, "arm", "metric", "mean", "low", "high", "n", "meaning"]]
    write_atomically(folder / "comparison.csv", partial(joined.to_csv, index=False))
    return joined


def print_comparison(joined: pd.DataFrame) -> None:
    """Print a row for each cell and arm, with the headline metrics."""
    keys = [c for c in joined.columns[: list(joined.columns).index("arm")] if c != "cell"]
    table = Table(title="mean over replicates ± half of the 95% confidence interval")
    for heading in [*keys, "arm", *SHOWN.values()]:
        table.add_column(heading, justify="left" if heading in keys or heading == "arm" else "right")
    for (_, arm), group in joined.groupby(["cell", "arm"], sort=False):
        found = {row[0]: Interval(*row[1:]) for row in group[_COLUMNS].itertuples(index=False)}
        cells = [cell(found.get(metric)) for metric in SHOWN]
        table.add_row(*(str(group[key].iloc[0]) for key in keys), str(arm), *cells)
    Console().print(table)
