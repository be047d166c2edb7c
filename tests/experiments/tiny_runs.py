"""Tiny runs, played once a process, from which figures and reports are made."""

import importlib
from functools import lru_cache

import pandas as pd
from matplotlib.figure import Figure

from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.configuration.keys import Config
from experiments.figures import FIGURES
from experiments.figures.style import in_style
from experiments.findings.run_view import RunView
from experiments.findings.summary import Findings, summarise
from sim.cohort import Cohort

Run = tuple[Config, dict[str, pd.DataFrame], Findings]

TINY = (
    "device=cpu",
    "organisations=2",
    "rounds=2",
    "replicates=2",
    "data.examples=300",
    "seed=0",
    "broker.record_curves=true",
)
ALL_ARMS = "arms=[autarky,independent,competitive,cooperative]"
TWO_ARMS = "arms=[autarky,competitive]"
ORDER_BOOK = "mechanism=continuous_double_auction"
CROWDED = "many organisations"

EDGES = {
    "only autarky": ("arms=[autarky]",),
    "no autarky": ("arms=[competitive]",),
    "no rivals": ("arms=[independent]", "replicates=1", "broker.record_curves=false"),
    "nobody trades": (ALL_ARMS, "population=recluse"),
    "one replicate, one round": (ALL_ARMS, "replicates=1", "rounds=1"),
    CROWDED: (
        TWO_ARMS,
        "organisations=16",
        "rounds=1",
        "replicates=1",
        "data.examples=600",
        "data.sizes=[3,1]",
        ORDER_BOOK,
        "setting=duopolies",
    ),
}

AUCTIONS = set(FIGURES) - {"order_book_depth"}
"""The figures of a run whose mechanism keeps no order book."""


@lru_cache
def tiny_run(*overrides: str) -> Run:
    """Play a run of a few seconds and return what its figures are made from."""
    set_up_hydra()
    config = compose_config([*TINY, *overrides])
    cohort = Cohort(config.market(), config.arms, config.replicates, config.seed)
    rounds = [cohort.step() for _ in range(config.rounds)]
    tables = {name: pd.concat([r[name] for r in rounds], ignore_index=True) for name in rounds[0]}
    return config, tables, summarise(config, tables)


def draw(name: str, run: Run) -> Figure | None:
    with in_style():
        return FIGURES[name].draw(RunView(*run))


@lru_cache
def figure_of(name: str, *overrides: str) -> Figure:
    """Return a figure of a tiny run to look at; not to be changed."""
    figure = draw(name, tiny_run(*overrides))
    assert figure is not None
    return figure


def draw_no_figures(monkeypatch):
    """Let the reports of sweeps be without figures.

    The command that draws them is imported first, lest it keep what stands in for drawing.
    """
    importlib.import_module("experiments.figures.command")
    monkeypatch.setattr("experiments.figures.sweeps.draw_sweep_figures", lambda *_, **__: [])
