"""Choices of a sweep are compared in pairs, one key at a time."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.findings.comparison import (
    Comparison,
    by_choice,
    changing,
    compare_choices,
    name_choice,
    print_comparison,
)
from experiments.findings.statistics import bootstrap_interval, effect_size, holm, p_value, paired_interval
from experiments.findings.summary import METRICS
from experiments.sweeping.sweeps import Sweep, aggregate, read_sweep
from tests.experiments.made_up_sweep import write_sweep


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = write_sweep(tmp_path_factory.mktemp("sweep"))
    aggregate(folder)
    return read_sweep(folder)


@pytest.fixture(scope="module")
def comparison(sweep: Sweep) -> Comparison:
    return compare_choices(sweep.keys, sweep.replicates, [], {"gini": 0.01})


def welfare(sweep: Sweep, mechanism: str, setting: str, arm: str) -> np.ndarray:
    rows = sweep.replicates
    chosen = rows[(rows["mechanism"] == mechanism) & (rows["setting"] == setting) & (rows["arm"] == arm)]
    return chosen.sort_values(["seed", "replicate"])["welfare"].to_numpy()


def row(comparison: Comparison, key: str, mechanism: str, setting: str, arm: str) -> dict[str, object]:
    table = comparison.differences
    found = table[
        (table["key"] == key)
        & (table["mechanism"] == mechanism)
        & (table["setting"] == setting)
        & (table["arm"] == arm)
        & (table["metric"] == "welfare")
    ]
    (only,) = found.to_dict("records")
    return {str(name): value for name, value in only.items()}


def test_a_difference_is_paired_with_the_choice_that_differs_in_one_key(
    sweep: Sweep, comparison: Comparison
) -> None:
    found = row(comparison, "mechanism", "mcafee", "competitive", "competitive")
    a = welfare(sweep, "mcafee", "competitive", "competitive")
    b = welfare(sweep, "first_price", "competitive", "competitive")
    student, resampled = paired_interval(a, b), bootstrap_interval(a - b)
    assert found["reference"] == "first_price"
    assert (found["mean"], found["low"], found["high"]) == (student.mean, student.low, student.high)
    assert (found["bootstrap_low"], found["bootstrap_high"]) == (resampled.low, resampled.high)
    assert (found["effect_size"], found["p"], found["n"]) == (effect_size(a - b), p_value(a - b), 6)
    # By construction: 4 organisations, -0.5 each; what a seed shares cancels.
    assert found["mean"] == pytest.approx(-2.0, abs=0.02)
    assert found["half_width"] == pytest.approx(0.1 * abs(student.mean))
    assert found["replicates_needed"] == 2


def test_settings_are_compared_by_the_arms_that_bear_their_names(
    sweep: Sweep, comparison: Comparison
) -> None:
    found = row(comparison, "setting", "mcafee", "competitive", "competitive")
    a = welfare(sweep, "mcafee", "competitive", "competitive")
    b = welfare(sweep, "mcafee", "independent", "independent")
    assert found["mean"] == pytest.approx((a - b).mean())
    assert row(comparison, "setting", "mcafee", "competitive", "autarky")["mean"] == 0


def test_holm_counts_all_differences_of_a_metric_that_could_be_made(comparison: Comparison) -> None:
    table = comparison.differences[comparison.differences["metric"] == "welfare"]
    np.testing.assert_array_equal(table["p_holm"], holm(table["p"].to_numpy()))
    # Autarky never changes, and is no comparison: four are left.
    assert table["p_holm"].notna().sum() == 4
    assert table["p_holm"].min() == pytest.approx(4 * table["p"].min())


def test_what_a_key_does_not_change_is_not_told(comparison: Comparison) -> None:
    told = changing(comparison.differences)
    assert set(told["arm"]) == {"independent", "competitive"}
    names = [(name, arm) for name, arm, _ in by_choice(comparison.keys, comparison.levels)]
    assert names == [
        ("any choice", "autarky"),
        ("first_price", "independent"),
        ("mcafee", "independent"),
        ("first_price", "competitive"),
        ("mcafee", "competitive"),
    ]


def test_a_half_width_that_is_asked_for_is_counted_for(sweep: Sweep, comparison: Comparison) -> None:
    gini = comparison.differences[comparison.differences["metric"] == "gini"]
    assert set(gini["half_width"]) == {0.01}
    for wrong, message in (({"worth": 1.0}, "one of welfare"), ({"gini": 0.0}, "greater than 0; got 0.0")):
        with pytest.raises(ValueError, match=message):
            compare_choices(sweep.keys, sweep.replicates, [], wrong)


def test_cells_without_a_partner_are_left_out(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, lost="first_price-competitive-4-1")
    aggregate(folder)
    sweep = read_sweep(folder)
    found = compare_choices(sweep.keys, sweep.replicates, sweep.unfinished)
    assert row(found, "mechanism", "mcafee", "competitive", "competitive")["n"] == 3
    assert row(found, "mechanism", "mcafee", "independent", "independent")["n"] == 6
    assert [Path(cell).name for cell in found.unfinished] == ["first_price-competitive-4-1"]


def test_one_choice_has_levels_and_no_differences(sweep: Sweep) -> None:
    found = compare_choices([], sweep.replicates[sweep.replicates["cell"] == "mcafee-independent-4-0"], [])
    assert found.differences.empty
    assert set(found.levels["n"]) == {3}
    print_comparison(found)


def test_the_printed_tables_mark_what_can_be_told_from_chance(
    comparison: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    print_comparison(comparison)
    printed = capsys.readouterr().out
    assert "total welfare, credits: difference to mechanism=first_price" in printed
    assert "total welfare, credits: difference to setting=independent" in printed
    assert "-2*" in printed or "-1.99*" in printed or "-2.01*" in printed
    assert "nan" not in printed


def test_names_of_choices() -> None:
    assert name_choice(["mechanism", "setting.demand.tau"], ["mcafee", 0.1], "autarky") == "mcafee, tau=0.1"
    assert name_choice(["setting"], ["competitive"], "competitive") == ""


def test_a_single_replicate_has_differences_without_intervals() -> None:
    rows = pd.DataFrame(
        {"mechanism": ["a", "b"], "seed": 0, "replicate": 0, "arm": "competitive", "welfare": [1.0, 2.0]}
    )
    (found,) = compare_choices(["mechanism"], rows, []).differences.to_dict("records")
    assert found["mean"] == 1.0
    assert all(math.isnan(found[name]) for name in ("low", "bootstrap_low", "effect_size", "p", "p_holm"))
    assert math.isnan(found["replicates_needed"])


def test_what_is_printed_of_a_large_sweep_fits_on_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    choices = [(f"rule_{rule}", tau, arm) for rule in range(9) for tau in range(7) for arm in ("a", "b")]
    rows = pd.DataFrame(
        [(*choice, 0, replicate, *rng.random(len(METRICS))) for choice in choices for replicate in range(3)],
        columns=["mechanism", "setting.demand.tau", "arm", "seed", "replicate", *METRICS],
    )
    print_comparison(compare_choices(["mechanism", "setting.demand.tau"], rows, []))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120
    printed = "\n".join(lines)
    assert "more in comparison.csv" in printed
    assert "more in differences.csv" in printed
    for word in ("accuracy", "welfare,", "replicates"):
        assert word in printed
