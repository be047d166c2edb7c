"""Tables in LaTeX hold what the summary and the comparison say, and nothing that LaTeX would stumble over."""

import re
from pathlib import Path

import pandas as pd
import pytest

from experiments.findings.comparison import Comparison, compare_choices
from experiments.findings.summary import METRICS, Findings
from experiments.reports.latex import write_run_table, write_sweep_tables
from experiments.sweeping.sweeps import aggregate, read_sweep
from tests.experiments.made_up_sweep import write_sweep


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = write_sweep(tmp_path_factory.mktemp("sweep"))
    aggregate(folder)
    sweep = read_sweep(folder)
    return compare_choices(sweep.keys, sweep.replicates, [])


def rows_of(text: str) -> list[list[str]]:
    body = text.split("\\midrule")[1].split("\\bottomrule")[0]
    return [[cell.strip() for cell in line.split("&")] for line in body.split("\\\\") if "&" in line]


def test_a_run_is_a_row_a_metric_and_a_column_an_arm(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [
            {"arm": arm, "metric": metric, "mean": mean, "low": mean - 0.5, "high": mean + 0.5, "n": 3}
            for arm, metric, mean in (
                ("autarky", "welfare", 1.0),
                ("competitive", "welfare", 2.0),
                ("competitive", "price_of_anarchy", 1.25),
            )
        ]
    )
    (path,) = write_run_table(tmp_path, Findings(table, table, table))
    text = path.read_text(encoding="utf-8")
    assert rows_of(text) == [
        [METRICS["welfare"], r"$1.000 \pm 0.500$", r"$2.000 \pm 0.500$"],
        [METRICS["price_of_anarchy"], "--", r"$1.250 \pm 0.500$"],
    ]
    assert text.count("\\begin{table}") == text.count("\\end{table}") == 1
    assert "3 replicates" in text


def test_a_sweep_has_its_choices_and_its_paired_differences(tmp_path: Path, comparison: Comparison) -> None:
    levels, differences = (
        path.read_text(encoding="utf-8") for path in write_sweep_tables(tmp_path, comparison, "welfare")
    )
    found = {tuple(row[:2]): row[2:] for row in rows_of(levels)}
    assert r"first\_price" in {choice for choice, _ in found}
    assert all(re.fullmatch(r"\$.*\$|--", cell) for row in found.values() for cell in row)
    told = {tuple(row[:3]): row[3] for row in rows_of(differences)}
    # By construction: 4 organisations, -0.5 each.
    value = float(re.match(r"\$(-?[0-9.]+)", told["mechanism", "mcafee", "competitive"])[1])  # type: ignore[index]
    assert value == pytest.approx(-2.0, abs=0.02)
    for text in (levels, differences):
        assert not re.search(r"(?<!\\)[_%#]", re.sub(r"\$[^$]*\$", "", text.removeprefix("% Needs")))
