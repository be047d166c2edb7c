"""Contests: an adversary under a rule, beside the same seats without its trick.

On parameters, both are whole markets with the same data, initial weights and random streams, so that every
difference is paired. On induced values one seller of one block meets buyers whose values are given, as in a
textbook.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from agents.strategies import STRATEGIES, BidView
from markets.goods.blocks import UNLIMITED
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders
from sim.cohort import Cohort
from sim.config.market import MarketConfig

ORGANISATIONS = 8
MEASURES = ("others_payoff", "adversary_payoff", "others_revenue", "adversary_revenue", "welfare")
"""Credits a replicate, all rounds together; revenue is that from blocks."""


@dataclass(frozen=True)
class Adversary:
    """A strategy and what it is compared with.

    Attributes
    ----------
    name : str
        The strategy.
    seats : int
        How many of the organisations follow it; the last ones.
    control : dict
        The mix that holds these seats otherwise; the honest seats are truthful in both.
    control_fields : dict
        Fields of the strategy that differ otherwise.
    rivals : bool
        Whether organisations are duopolists, or every one a monopolist, so that nobody gains from another's
        bad model.
    instead : str
        What it is compared with, in words.
    """

    name: str
    seats: int
    control: dict[str, int]
    control_fields: dict[str, float] = field(default_factory=dict)
    rivals: bool = False
    instead: str = "truthful in the same seats"


@dataclass(frozen=True)
class Rule:
    """A mechanism and what the broker does: on parameters as configuration, on induced values its copies."""

    mechanism: Any
    broker: dict[str, Any] = field(default_factory=dict)
    copies: int = 1


_PRICED_OUT: Any = {"control_fields": {"margin": 1e6}, "instead": "the same, asking more than anybody pays"}

ADVERSARIES = (
    Adversary("free_rider", 2, {"free_rider": 2}, **_PRICED_OUT),
    Adversary("poisoner", 2, {"poisoner": 2}, **_PRICED_OUT),
    Adversary("reseller", 2, {"reseller": 2}, rivals=True, **_PRICED_OUT),
    Adversary("ring", 6, {"truthful": 6}, rivals=True),
    Adversary("false_name", 4, {"truthful": 1, "recluse": 3}, rivals=True, instead="under one name alone"),
)

_EXCLUSIVE = {"licence": "exclusive"}

RULES = {
    "full trials": Rule("nash_bargaining"),
    "weak trials": Rule("nash_bargaining", {"trials": "weak"}),
    "no trials": Rule("nash_bargaining", {"trials": "none"}),
    "no trials, own training": Rule("nash_bargaining", {"trials": "none", "resale": "forbidden"}),
    "second price, one copy": Rule("second_price", _EXCLUSIVE),
    "second price, one copy, own training": Rule("second_price", _EXCLUSIVE | {"resale": "forbidden"}),
    "first price, one copy": Rule("first_price", _EXCLUSIVE),
    "posted price, one copy": Rule({"name": "posted_price", "price": 0.03}, _EXCLUSIVE),
    "optimal price, copies": Rule("dop"),
}
"""Rules of markets for parameters. Blocks are sold as copies by Nash bargaining unless a name says otherwise,
after full trials; own training: nobody lists a model that holds no training of its own."""

INDUCED_RULES = {
    "second price, one copy": Rule("second_price"),
    "first price, one copy": Rule("first_price"),
    "posted price, one copy": Rule({"name": "posted_price", "price": 0.5}),
    "optimal price, copies": Rule("dop", copies=UNLIMITED),
    "random sampling": Rule("rsop", copies=UNLIMITED),
    "posted price, copies": Rule({"name": "posted_price", "price": 0.5}, copies=UNLIMITED),
}
"""Rules of the textbook market; one copy or, where copies are sold, any number."""


def mix_of(adversary: Adversary, attack: bool) -> dict[str, int]:
    """Return the population, the honest first."""
    honest = {"truthful": ORGANISATIONS - adversary.seats}
    seats = {adversary.name: adversary.seats} if attack else adversary.control
    return {name: honest.get(name, 0) + seats.get(name, 0) for name in {**honest, **seats}}


def market_of(adversary: Adversary, rule: Rule, attack: bool) -> MarketConfig:
    """Return the market for parameters: handwritten digits, a leader and a challenger a region."""
    return MarketConfig(
        organisations=ORGANISATIONS,
        data={"examples": 1500, "endowment": "class_skew", "kept": 0.3, "sizes": [4, 1]},  # type: ignore[arg-type]
        network={"name": "mlp", "widths": [32]},
        learning={"optimiser": {"name": "adamw", "lr": 0.01}, "local_epochs": 6, "batch_size": 16},  # type: ignore[arg-type]
        setting={
            "name": "competitive" if adversary.rivals else "independent",
            "regions": ORGANISATIONS // 2,
            "demand": {"tau": 0.02},
        },
        mechanism=rule.mechanism,
        broker=rule.broker,  # type: ignore[arg-type]
        population={  # type: ignore[arg-type]
            "mix": mix_of(adversary, attack),
            "parameters": {adversary.name: {} if attack else adversary.control_fields},
        },
    )


def play_parameters(
    config: MarketConfig, seats: int, rounds: int, replicates: int, seed: int
) -> pd.DataFrame:
    """Return `MEASURES` of a market by replicate; the last `seats` organisations are the adversary's."""
    cohort = Cohort(config, [config.setting.name], replicates, seed)
    tables = [cohort.step() for _ in range(rounds)]
    organisations, totals = (pd.concat([t[name] for t in tables]) for name in ("organisations", "rounds"))
    honest = organisations["organisation"] < config.organisations - seats
    sums = {
        f"{who}{suffix}": organisations[rows].groupby("replicate")[column].sum()
        for who, rows in (("others", honest), ("adversary", ~honest))
        for suffix, column in (("_payoff", "net"), ("_revenue", "received"))
    }
    sums["welfare"] = totals.groupby("replicate")["welfare"].sum()
    return pd.DataFrame(sums)[list(MEASURES)].reset_index()


def play_induced(
    name: str, rule: Rule, attack: bool, buyers: int, seats: int, replicates: int, seed: int
) -> pd.DataFrame:
    """Return `MEASURES` of a seller's market with given values by replicate; the seller is one of the others.

    Values are uniform on [0, 1], independent for a ring; with false names they are alike for all buyers, and
    names other than the owner's, the first, value nothing. Without the trick a ring's members are truthful
    and false names stay away.
    """
    mechanism = MECHANISMS.build(rule.mechanism)
    rows = []
    for replicate in range(replicates):
        rng = np.random.default_rng([seed, replicate])
        values = rng.random(buyers)
        if name == "false_name":
            values[:] = values[0]
        bids = _induced_bids(name, values, seats, attack, rng)
        entered = np.flatnonzero(~np.isnan(bids))
        orders = Orders.of(
            buyer=entered,
            seller=np.full(len(entered), buyers),
            listing=np.zeros(len(entered), dtype=np.int64),
            bid=bids[entered],
            ask=np.zeros(len(entered)),
            capacity=np.full(len(entered), rule.copies),
        )
        trades = mechanism.clear(orders, rng)
        worth = values.copy()
        if name == "false_name":
            worth[buyers - seats + 1 :] = 0.0
        rows.append(_induced_measures(trades.buyer, trades.paid, trades.received, worth, buyers - seats))
    return pd.DataFrame(rows, columns=list(MEASURES)).rename_axis("replicate").reset_index()


def _induced_measures(buyer: Any, paid: Any, received: Any, worth: Any, honest: int) -> list[float]:
    gained, own = worth[buyer] - paid, buyer >= honest
    revenue = float(received.sum())
    welfare = float(worth[buyer].sum())
    return [revenue + float(gained[~own].sum()), float(gained[own].sum()), revenue, 0.0, welfare]


def _induced_bids(
    name: str, values: np.ndarray, seats: int, attack: bool, rng: np.random.Generator
) -> np.ndarray:
    """Return the bids for the one listing: values, and the strategy's bids for the last `seats` buyers."""
    bids, last = values.copy(), np.arange(len(values) - seats, len(values))
    if attack:
        nothing = np.full(seats, np.nan)
        view = BidView(
            buyer=last,
            listing=np.zeros(seats, dtype=np.int64),
            value=values[last],
            gain=values[last],
            balance=np.full(seats, np.inf),
            position=np.zeros(seats, dtype=np.int64),
            standing_bid=nothing,
            standing_ask=nothing,
            opportunities=np.ones(seats, dtype=np.int64),
            organisations=len(values) + 1,
            listings=1,
            positions=1,
            memory={},
            rng=rng,
        )
        bids[last] = STRATEGIES.build(name).bid(view)
    elif name == "false_name":
        bids[last[1:]] = np.nan
    return bids
