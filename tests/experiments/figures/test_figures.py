"""Figures are drawn from records alone: of ordinary runs, and of runs in which hardly anything happened."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.figures import FIGURES
from experiments.figures.bands import error_bars, over_replicates, tell_coinciding
from experiments.figures.market.prices_and_volume import price_band
from experiments.figures.market.trade_network import trade_counts
from experiments.figures.market.values import binned
from experiments.figures.style import STYLE, USUAL, arm_style, in_style
from experiments.findings.summary import Findings, summarise
from sim.settings import SETTINGS
from tests.experiments.tiny_runs import (
    ALL_ARMS,
    AUCTIONS,
    CROWDED,
    EDGES,
    ORDER_BOOK,
    Run,
    draw,
    figure_of,
    tiny_run,
)

# One process plays the runs that figures and reports are drawn from.
pytestmark = pytest.mark.xdist_group("figures")


def names_drawn(run: Run, lay_out: bool) -> set[str]:
    """Return which figures of a run are drawn, each to the last mark."""
    drawn = {name: figure for name in FIGURES if (figure := draw(name, run)) is not None}
    with in_style():
        for figure in drawn.values():
            if not lay_out:
                figure.set_layout_engine("none")
            figure.draw_without_rendering()
    return set(drawn)


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def axis_labels(figure: Figure) -> set[str]:
    return {label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel()) if label}


LABELS = {
    "learning_curves": {"round", "test accuracy (share)", "test loss (nats an example)"},
    "welfare": {"arm", "welfare over the whole run (credits)"},
    "gains": {"organisation"},
    "lorenz": {"share of organisations, the poorest first", "their share of all net profits"},
    "merge_weights": {"merge weight", "change of validation loss\n(nats an example)"},
    "supply_and_demand": {"credits a block"},
    "price_paths": {"round", "credits a block", "seller's share of\nthe gains from trade"},
    "order_book_depth": {"units at this price or better"},
    "market": {
        "round",
        "price\n(credits a block)",
        "volume\n(credits a round)",
        "allocative efficiency\n(share of first best)",
    },
    "trade_network": {"buyer", "seller", "trades a replicate"},
    "values": {"credits a round"},
    "withheld": {
        "round",
        "welfare-improving\ntrials a round",
        "of these withheld\na round",
        "welfare lost so far\n(credits)",
    },
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_labels_its_axes_and_has_a_legend(name: str) -> None:
    rule = {"order_book_depth": [ORDER_BOOK], "market": ["population=zero_intelligence"]}.get(name, [])
    figure = figure_of(name, ALL_ARMS, *rule)
    told = {label for label in axis_labels(figure) if "replicate " not in label}
    assert told == LABELS[name]
    assert legend_texts(figure)
    assert figure.get_figwidth() == USUAL.width
    assert min(STYLE[key] for key in STYLE if key.endswith(("labelsize", "fontsize", "font.size"))) >= 11


def test_the_values_figure_names_its_axes_for_all_panels() -> None:
    figure = figure_of("values", ALL_ARMS)
    assert figure.get_supxlabel() == "value that the buyer's trial measured (credits a round)"
    assert {"said: bid", "paid", "said: ask", "realised value", "as measured (45° line)"} <= set(
        legend_texts(figure)
    )


OFTEN = ("no autarky", "no rivals", "one replicate, one round")
"""In which nearly every figure is drawn, as in a crowd."""

APPLIES = {
    "only autarky": {"learning_curves", "welfare", "lorenz"},
    "no autarky": AUCTIONS - {"gains"},
    "no rivals": AUCTIONS - {"gains", "withheld", "merge_weights"},
    "nobody trades": AUCTIONS - {"values", "merge_weights", "supply_and_demand", "price_paths"},
    "one replicate, one round": AUCTIONS,
    CROWDED: set(FIGURES),
}


@pytest.mark.parametrize(
    "edge", [pytest.param(edge, marks=pytest.mark.heavy) if edge in OFTEN else edge for edge in EDGES]
)
@pytest.mark.filterwarnings("error")
def test_figures_that_apply_are_drawn_and_the_others_left_out(edge: str) -> None:
    run = tiny_run(*EDGES[edge])
    assert names_drawn(run, lay_out=edge == CROWDED) == APPLIES[edge]


@pytest.mark.slow
@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge != CROWDED])
@pytest.mark.filterwarnings("error")
def test_figures_in_which_little_happened_have_a_layout(edge: str) -> None:
    assert names_drawn(tiny_run(*EDGES[edge]), lay_out=True) == APPLIES[edge]


def test_an_arm_looks_the_same_in_every_run_and_no_two_alike() -> None:
    styles = [arm_style(arm) for arm in SETTINGS]
    assert len({s.colour for s in styles}) == len({s.marker for s in styles}) == len(styles)
    assert len({str(s.line) for s in styles}) == len(styles)


def test_learning_curves_draw_the_mean_over_replicates() -> None:
    config, tables, _ = tiny_run(ALL_ARMS)
    figure = figure_of("learning_curves", ALL_ARMS)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert list(lines) == config.arms
    rounds = tables["rounds"]
    for arm, line in lines.items():
        expected = rounds[rounds["arm"] == arm].groupby("round")["test_accuracy"].mean()
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_welfare_bars_add_up_to_total_welfare() -> None:
    config, _, findings = tiny_run(ALL_ARMS)
    figure = figure_of("welfare", ALL_ARMS)
    tops: dict[int, float] = dict.fromkeys(range(len(config.arms)), 0.0)
    for bar in figure.axes[0].patches:
        tops[round(bar.get_x() + bar.get_width() / 2)] += bar.get_height()
    means = findings.table[findings.table["metric"] == "welfare"].set_index("arm")["mean"]
    np.testing.assert_allclose(list(tops.values()), means[config.arms], atol=1e-5)


def test_negative_parts_of_welfare_hang_below_zero() -> None:
    config, tables, findings = tiny_run(ALL_ARMS)
    subsidised = Findings(
        findings.replicates.assign(broker_surplus=-1.0, welfare=findings.replicates["welfare"] - 1.0),
        findings.gains,
        findings.table,
    )
    figure = draw("welfare", (config, tables, subsidised))
    assert figure is not None
    below = [bar for bar in figure.axes[0].patches if bar.get_height() < 0]
    assert [bar.get_y() for bar in below] == [0.0] * len(config.arms)


def test_organisations_are_labelled_with_their_size_and_regions_have_borders() -> None:
    figure = figure_of("gains", *EDGES[CROWDED])
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == [
        f"{i}\n×{3 if i % 2 == 0 else 1}" for i in range(16)
    ]
    borders = {line.get_xdata()[0] for line in axes.get_lines() if list(line.get_ydata()) == [0, 1]}  # type: ignore[index, arg-type]
    assert borders == {i + 0.5 for i in range(1, 14, 2)}


def trades_of(rows: list[tuple[str, int, int, int, int, float, bool]]) -> pd.DataFrame:
    columns = ["arm", "replicate", "round", "buyer", "seller", "paid", "settled"]
    return pd.DataFrame(rows, columns=columns)


def test_price_is_a_mean_over_settled_trades_with_quartiles_and_gaps() -> None:
    trades = trades_of(
        [("competitive", 0, 1, 0, 1, paid, True) for paid in (0.0, 1.0, 2.0, 3.0, 9.0)]
        + [("competitive", 0, 1, 0, 1, 100.0, False), ("competitive", 0, 3, 0, 1, 4.0, True)]
    )
    band = price_band(trades, 3)["competitive"]
    assert band.loc[1].tolist() == [3.0, 1.0, 3.0]
    assert band.loc[2].isna().all()
    assert band.loc[3].tolist() == [4.0, 4.0, 4.0]


def test_trades_are_counted_by_buyer_and_seller_a_replicate() -> None:
    config, _, _ = tiny_run(ALL_ARMS)
    trades = trades_of(
        [
            ("competitive", 0, 1, 0, 1, 1.0, True),
            ("competitive", 1, 1, 0, 1, 1.0, True),
            ("competitive", 1, 2, 0, 1, 1.0, True),
            ("competitive", 1, 2, 1, 0, 1.0, False),
            ("independent", 1, 2, 1, 0, 1.0, True),
        ]
    )
    np.testing.assert_array_equal(trade_counts(trades, "competitive", config), [[np.nan, 1.5], [0.0, np.nan]])


def test_bins_hold_equally_many_trades_and_average_over_replicates() -> None:
    measured = np.arange(16.0)
    trades = pd.DataFrame(
        {"replicate": np.arange(16) % 2, "measured_value": measured, "paid": measured + np.arange(16) % 2}
    )
    band = binned(trades, "paid")
    np.testing.assert_allclose(band.index, measured.reshape(8, 2).mean(axis=1))
    np.testing.assert_allclose(band["mean"], measured.reshape(8, 2).mean(axis=1) + 0.5)
    assert (band["low"] < band["mean"]).all()


def test_axes_of_values_are_logarithmic_only_where_the_spread_asks() -> None:
    config, tables, findings = tiny_run(ALL_ARMS)
    for scale, spread in (("linear", 1.0), ("symlog", 1e-4)):
        trades = tables["trades"].assign(measured_value=0.1 * spread, settled=True)
        trades.loc[trades.index[::4], "measured_value"] = 0.1
        figure = draw("values", (config, tables | {"trades": trades}, findings))
        assert figure is not None
        assert {axes.get_xscale() for axes in figure.axes} == {scale}


def test_one_replicate_has_a_mean_without_an_interval_and_no_number_none() -> None:
    frame = pd.DataFrame({"round": [1, 2, 3, 3], "x": [5.0, np.nan, 1.0, 3.0]})
    band = over_replicates(frame, "round", "x")
    assert band.loc[1, "mean"] == 5.0
    assert np.isnan(band.loc[1, "low"])  # type: ignore[arg-type]
    assert band.loc[2].isna().all()
    # t quantile 0.975 with one degree of freedom, 12.7062 (Student 1908), times a standard error of 1.
    assert band.loc[3].to_numpy() == pytest.approx([2.0, 2.0 - 12.7062, 2.0 + 12.7062], abs=1e-4)
    assert error_bars(band)[:, 0].tolist() == [0.0, 0.0]


def test_lines_that_coincide_are_told_apart_in_words() -> None:
    with in_style():
        axes = Figure().subplots()
        for arm, offset in (("autarky", 0.0), ("independent", 0.5), ("competitive", 0.501)):
            axes.plot([1, 2, 3], [offset, offset + 0.1, np.nan], label=arm)
        axes.set_ylim(0, 1)
        tell_coinciding(axes)
    assert [text.get_text() for text in axes.texts] == ["one line:\nindependent\n= competitive"]


def test_efficiency_has_a_panel_only_where_something_was_lost() -> None:
    config, tables, findings = tiny_run(ALL_ARMS)
    for share, panels, told in (
        (1.0, 2, "allocative efficiency is 1 in every round"),
        (0.9, 3, ""),
        (np.nan, 2, "nothing could be gained in any round"),
    ):
        rounds = tables["rounds"].assign(allocative_efficiency=share)
        figure = draw("market", (config, tables | {"rounds": rounds}, findings))
        assert figure is not None
        assert len(figure.axes) == panels
        assert told in figure.axes[-1].get_xlabel()


def test_a_run_in_which_nothing_could_be_gained_has_no_efficiency() -> None:
    """Not 1, not 0, and not the ratio of what rounding leaves; what could be gained in one round counts."""
    config, tables, findings = tiny_run(ALL_ARMS)
    autarky = tables["rounds"]["arm"] == "autarky"
    assert tables["rounds"].loc[autarky, "allocative_efficiency"].isna().all()
    assert findings.value("autarky", "allocative_efficiency") is None
    assert findings.value("competitive", "allocative_efficiency") is not None
    rounding = tables["rounds"].assign(
        gains_realised=1e-18, gains_first_best=1e-17, allocative_efficiency=np.nan
    )
    assert (
        summarise(config, tables | {"rounds": rounding}).value("competitive", "allocative_efficiency") is None
    )
