"""Figures of a sweep draw what its tables say, and ``parabourse figures`` draws them again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from experiments.command_line.cli import main
from experiments.figures.style import USUAL, in_style
from experiments.figures.sweeps import SWEEP_FIGURES, read_seconds
from experiments.figures.sweeps.cost import operations, wall_time
from experiments.figures.sweeps.frontier import efficient, frontier_points
from experiments.figures.sweeps.interaction import mean_grid
from experiments.figures.sweeps.plan import SweepView, over_other_keys
from experiments.findings.statistics import interval, slope_interval
from experiments.runs.cells import CELLS
from experiments.sweeping.sweeps import aggregate, read_sweep
from tests.experiments.made_up_sweep import write_sweep


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_sweep(tmp_path_factory.mktemp("figures"), organisations=(2, 4, 8))
    aggregate(folder)
    return folder


@pytest.fixture(scope="module")
def view(folder: Path) -> SweepView:
    sweep = read_sweep(folder)
    return SweepView(sweep, read_seconds(folder / CELLS), "welfare", sweep.keys)


def draw(name: str, view: SweepView, lay_out: bool = False) -> Figure | None:
    with in_style():
        figure = SWEEP_FIGURES[name].draw(view)
        if figure is not None and lay_out:
            figure.draw_without_rendering()
    return figure


KEYS = {"mechanism", "setting", "organisations"}
LABELS = {
    "sensitivity": KEYS,
    "interaction": {"mechanism", "setting"},
    "frontier": {"total welfare, credits", "Gini index of net profits"},
    "cost": {
        "organisations",
        "floating-point operations\n(a replicate, all arms)",
        "wall time of a run (seconds)",
    },
}


@pytest.mark.parametrize("name", SWEEP_FIGURES)
@pytest.mark.filterwarnings("error")
def test_every_figure_of_a_sweep_labels_its_axes(name: str, view: SweepView) -> None:
    figure = draw(name, view, lay_out=True)
    assert figure is not None
    labels = {label for axes in figure.get_axes() for label in (axes.get_xlabel(), axes.get_ylabel())}
    assert labels - {""} == LABELS[name]
    assert figure.get_figwidth() == USUAL.width


def test_sensitivity_draws_means_over_the_other_keys(view: SweepView) -> None:
    figure = draw("sensitivity", view)
    assert figure is not None
    rows = view.sweep.replicates
    autarky = next(line for line in figure.axes[2].get_lines() if line.get_label() == "autarky")
    expected = rows[rows["arm"] == "autarky"].groupby("organisations")["welfare"].mean()
    np.testing.assert_allclose(autarky.get_xdata(), expected.index)
    np.testing.assert_allclose(autarky.get_ydata(), expected)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["first price", "mcafee"]


def test_means_over_other_keys_leave_out_what_is_not_whole(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, organisations=(2, 4), lost="mcafee-competitive-4-1")
    aggregate(folder)
    sweep = read_sweep(folder)
    view = SweepView(sweep, read_seconds(folder / CELLS), "welfare", sweep.keys)
    found = over_other_keys(view, ["mechanism"])
    counts = found.groupby(["mechanism", "arm"]).size()
    assert counts["mcafee", "competitive"] == 3
    assert counts["first_price", "competitive"] == 6


def test_the_heat_map_holds_the_mean_of_every_pair(view: SweepView) -> None:
    rows = view.sweep.replicates
    view = replace(view, keys=["mechanism", "organisations"])
    grid = mean_grid(view, "organisations", "mechanism", "competitive")
    expected = rows[
        (rows["arm"] == "competitive") & (rows["organisations"] == 8) & (rows["mechanism"] == "mcafee")
    ]
    assert grid.loc[8, "mcafee"] == pytest.approx(expected["welfare"].mean())
    figure = draw("interaction", view)
    assert figure is not None
    titles = [axes.get_title(loc="left") for axes in figure.get_axes()]
    assert titles == ["autarky", "independent", "competitive", ""]
    shown = {text.get_text() for axes in figure.get_axes() for text in axes.texts}
    assert f"{grid.loc[8, 'mcafee']:.3g}" in shown


def test_the_arms_that_bear_the_settings_names_are_one_heat_map(view: SweepView) -> None:
    figure = draw("interaction", view)
    assert figure is not None
    # Neither mechanism nor setting changes autarky.
    assert [axes.get_title(loc="left") for axes in figure.get_axes()] == ["the setting's arm", ""]


def test_the_frontier_is_what_nothing_betters() -> None:
    rng = np.random.default_rng(0)
    welfare, gini = rng.integers(0, 6, size=(2, 40)).astype(float)
    found = efficient(welfare, gini)
    for i in range(40):
        bettered = any(
            welfare[j] >= welfare[i] and gini[j] <= gini[i] and (welfare[j], gini[j]) != (welfare[i], gini[i])
            for j in range(40)
        )
        assert found[i] == (not bettered)


def test_what_has_no_gini_index_is_not_on_the_frontier(view: SweepView) -> None:
    rows = view.sweep.replicates
    lost = rows["arm"].eq("competitive") & rows["mechanism"].eq(rows["mechanism"].iloc[0])
    poor = replace(view.sweep, replicates=rows.assign(gini=rows["gini"].mask(lost)))
    found = frontier_points(replace(view, sweep=poor))
    assert 0 < len(found) < len(frontier_points(view))
    assert found["gini"].notna().all()


def test_points_of_the_frontier_have_both_intervals(view: SweepView) -> None:
    points = frontier_points(view).set_index("name")
    rows = view.sweep.replicates
    chosen = (rows["mechanism"] == "mcafee") & (rows["arm"] == "competitive") & (rows["organisations"] == 8)
    expected = interval(rows.loc[chosen, "welfare"])
    found = points.loc["mcafee, organisations=8, competitive"]
    assert (found["welfare"], found["welfare_low"]) == pytest.approx((expected.mean, expected.low))
    assert found["gini_low"] == pytest.approx(0.3)
    # In autarky only the number of organisations matters.
    assert [name for name in points.index if "autarky" in name] == [
        f"organisations={number}, autarky" for number in (2, 4, 8)
    ]


def test_slopes_of_cost_are_the_powers_with_which_it_grows(view: SweepView) -> None:
    flops, seconds = operations(view), wall_time(view)
    for table, powers in (
        (flops, {"training": 0.0, "trials": 2.0}),
        (seconds, {"trials": 2.0, "all else": 0.0}),
    ):
        for series, power in powers.items():
            own = table[table["series"] == series]
            slope = slope_interval(np.log(own["organisations"]), np.log(own["cost"]))
            assert (slope.low, slope.high) == pytest.approx((power, power), abs=1e-6)
    # Both arms count: trials are the market's alone.
    assert set(flops.loc[(flops["organisations"] == 4) & (flops["series"] == "training"), "cost"]) == {2e6}
    assert set(seconds.loc[seconds["series"] == "all else", "cost"]) == {1.5}
    figure = draw("cost", view)
    assert figure is not None
    legends = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert "trials: 2.00 ± 0.00" in legends


def test_figures_that_do_not_apply_are_left_out(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path)
    aggregate(folder)
    sweep = read_sweep(folder)
    view = SweepView(sweep, read_seconds(folder / CELLS), "better_off", sweep.keys)
    # The share better off is the same everywhere, and the number of organisations was not swept.
    assert [name for name in SWEEP_FIGURES if draw(name, view)] == ["sensitivity", "frontier"]


def test_the_command_draws_what_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["figures", str(folder), "sensitivity", "--outcome", "gini", "--by", "mechanism"]
    assert main([*typed, "--output", str(tmp_path)]) == 0
    drawn = tmp_path / "sensitivity-gini.png"
    assert capsys.readouterr().out.split() == [str(drawn), str(drawn.with_suffix(".svg"))]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png", ".svg"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["sensitivty"], "figures must be among sensitivity, interaction, frontier, cost; got 'sensitivty'"),
        (["--outcome", "wealth"], "outcomes of this sweep are welfare,"),
        (["--by", "seed"], "--by must name swept keys (mechanism, setting, organisations); got 'seed'"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(
    folder: Path, typed: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figures", str(folder), *typed]) == 2
    assert told in capsys.readouterr().err
