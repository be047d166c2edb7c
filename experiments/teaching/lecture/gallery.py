"""The figures of a round: what was bid and asked, and what each seat gained beside theory and robots."""

import io
import threading
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.market.books import quoted, true
from experiments.figures.market.supply_and_demand import draw_pairs, draw_supply_and_demand
from experiments.figures.style import BLACK, BLUE, GREY, ORANGE, in_style, legend_above, new_figure
from experiments.teaching.lecture.results import RoundResult
from markets.accounts.money import MICRO


def draw_orders(result: RoundResult) -> Figure:
    """Draw the bid and the ask of each order, and the price where it traded; bids of people have a ring."""
    came, deals, pairs = result.played.quoted, result.played.deals, result.consult.prospects.pairs
    paid = np.full(len(pairs), np.nan)
    paid[deals.row] = deals.paid / MICRO
    order = np.flatnonzero(came.admitted)
    order = order[np.argsort(-came.bid[order], kind="stable")]
    rows, bid, ask = came.row[order], came.bid[order] / MICRO, came.ask[order] / MICRO
    figure = new_figure(5.4)
    axes = figure.subplots()
    draw_pairs(axes, bid, ask, paid[rows])
    people = np.flatnonzero(np.isin(pairs.buyer[rows], list(result.by_hand)))
    if len(people):
        axes.scatter(
            people + 1, bid[people], 170, facecolors="none", edgecolors=BLACK, label="bid of a person"
        )
    axes.set_ylabel("credits")
    legend_above(figure, axes, columns=4)
    return figure


def draw_schedules(result: RoundResult) -> Figure:
    """Draw demand and supply of the busiest book as they were reported and as they are, and the prices."""
    came, deals = result.played.quoted, result.played.deals
    pairs, appraisal = result.consult.prospects.pairs, result.consult.prospects.appraisal
    book = np.bincount(pairs.position[deals.row], minlength=1).argmax()
    here, met = pairs.position == book, pairs.position[came.row] == book
    orders = pd.DataFrame(
        {
            "buyer": pairs.buyer[came.row],
            "listing": pairs.listing[came.row],
            "bid": came.bid / MICRO,
            "ask": came.ask / MICRO,
            "outcome": np.where(came.admitted, "", "refused"),
        }
    )
    trials = pd.DataFrame(
        {"buyer": pairs.buyer, "listing": pairs.listing, "value": appraisal.value, "cost": appraisal.cost}
    )
    said, truth = quoted(orders[met], result.capacity), true(trials[here], result.capacity)
    traded = pairs.position[deals.row] == book
    figure = new_figure(5.4)
    axes = figure.subplots()
    paid, received = deals.paid[traded] / MICRO, deals.received[traded] / MICRO
    draw_supply_and_demand(axes, said.bids, said.asks, paid, received, truth)
    axes.set_ylabel("credits a unit")
    legend_above(figure, axes, columns=3)
    return figure


def draw_market(result: RoundResult) -> Figure:
    """Draw what was bid and asked, as the venue has it."""
    return draw_schedules(result) if result.venue == "books" else draw_orders(result)


def draw_seats(result: RoundResult) -> Figure:
    """Draw what each person gained, and would have by a robot in its seat, or had everybody been truthful."""
    seats = list(result.names)
    place = np.arange(len(seats))[::-1]
    figure = new_figure(1.9 + 0.42 * len(seats))
    axes = figure.subplots()
    played, robot, truth = (
        profit[seats] for profit in (result.played.profit, result.robot_profit, result.truthful.profit)
    )
    axes.hlines(place, np.minimum(played, robot), np.maximum(played, robot), color="#BBBBBB", lw=3, zorder=1)
    axes.scatter(truth, place, 130, marker="|", color=BLACK, linewidths=2.5, label="everybody truthful")
    axes.scatter(robot, place, 60, marker="s", color=ORANGE, label="robot in this seat")
    axes.scatter(played, place, 70, marker="o", color=BLUE, label="played")
    names = [f"{result.names[one]} ({one})" for one in seats]
    # Names are people's own words: a dollar sign in one is no formula.
    axes.set_yticks(place, [name.replace("$", r"\$") for name in names])
    axes.set(xlabel="gain in the round (credits)", ylim=(-0.7, len(seats) - 0.3))
    axes.axvline(0, color=GREY, lw=0.8, zorder=0)
    axes.margins(x=0.06)
    legend_above(figure, axes, columns=3)
    return figure


DRAWN = "\u052f"
"""The last letter that matplotlib draws as it is written: Latin, Greek and Cyrillic ones. All others, some of
which its font lacks, and some of which are joined or go from right to left, are left to the browser."""

FIGURES = {"market": draw_market, "seats": draw_seats}
"""Every figure by name."""


class Gallery:
    """Figures as SVG, each drawn once, one at a time: matplotlib's settings are shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drawn: dict[tuple[int, str], bytes] = {}

    def svg(self, result: RoundResult, name: str) -> bytes:
        """Return a figure of a round; `name` is one of `FIGURES`."""
        with self._lock:
            key = (result.number, name)
            if key not in self._drawn:
                written = any(letters > DRAWN for letters in map(max, result.names.values()))
                with in_style(), warnings.catch_warnings():
                    if written:
                        mpl.rcParams["svg.fonttype"] = "none"
                        warnings.filterwarnings("ignore", "Glyph .* missing from font")
                    file = io.BytesIO()
                    FIGURES[name](result).savefig(file, format="svg", metadata={"Date": None})
                self._drawn[key] = file.getvalue()
            return self._drawn[key]
