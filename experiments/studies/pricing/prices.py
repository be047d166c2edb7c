"""Prices of tried pairs under every state of information, and what comes of them.

Core Objects: Prices, price_table
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments.findings.statistics import interval
from experiments.studies.pricing.information import PAST, REMEMBERING
from experiments.studies.pricing.markets import PairsTried
from markets.accounts.money import MICRO
from markets.columns import Bools, Floats
from markets.matching.private_information import (
    Belief,
    Interval,
    Midpoint,
    agree,
    buyer_reading,
    common_price,
    offer,
    seller_reading,
)
from markets.priors.empirical import Empirical

Row = dict[str, float | int | str]

POWER = 0.5
"""The buyer's power, and the weight of its reading in the price."""
READINGS, OFFER = "readings", "offer"
"""The two rules: the mean of both sides' readings of the Nash price, or the seller's take it or leave it."""
KEYS = ["organisations", "setting", "told", "probes", "rule"]
SHARES = ("distance", "above_past", "deals", "gains", "buyer", "seller", "hold", "steepness", "covers")


class Prices:
    """Collects, round by round, what the tried pairs of a market would have paid by what is told.

    Parameters
    ----------
    organisations : int
        Size of the market, for the table.
    """

    def __init__(self, organisations: int) -> None:
        self.organisations = organisations
        self._past: dict[tuple[str, int], list[Floats]] = {}
        self._rows: list[Row] = []

    def enter(self, pairs: PairsTried) -> None:
        """Price the pairs of one world and round, which then are of its past; the first round only is."""
        past = self._past.setdefault((pairs.setting, pairs.replicate), [])
        worth = np.stack([each[0] for each in pairs.money(pairs.gain[None])])
        if past:
            self._rows += _priced(pairs, worth, np.concatenate(past, axis=1))
        past.append(worth)

    def shares(self) -> pd.DataFrame:
        """Return a row for each replicate, setting, state of information and rule.

        Columns: those of `KEYS`, `replicate`, and `SHARES`: `distance` of prices from those of full
        information, over all pairs with something to gain, deal or no deal, relative to these prices, NaN for
        offers, which do not aim there; by how much that is `above_past`, the distance when past rounds alone
        are known; `deals` made, of those worth making; `gains` realised, of what these are worth, and the
        parts of `buyer` and `seller`; gains that `hold` within what was told, of all; and, where bounds rest
        on a greatest slope K, its `steepness` over the true one, the geometric mean, and the share of pairs
        where it `covers` the true one. Shares are of sums over pairs and rounds; NaN where nothing was worth
        trading.
        """
        by = pd.DataFrame(self._rows).groupby(["replicate", *KEYS[1:]], sort=False)
        sums = by.sum(skipna=False).reset_index()
        distance = (sums["off"] / sums["full"]).where(sums["rule"] == READINGS)
        past = distance.where(sums["told"] == PAST).groupby([sums["replicate"], sums["setting"]])
        return pd.DataFrame(
            {
                "replicate": sums["replicate"],
                "organisations": self.organisations,
                **{key: sums[key] for key in KEYS[1:]},
                "distance": distance,
                "above_past": distance - past.transform("max"),
                "deals": sums["made"] / sums["worth_making"],
                "gains": (sums["to_buyer"] + sums["to_seller"]) / sums["best"],
                "buyer": sums["to_buyer"] / sums["best"],
                "seller": sums["to_seller"] / sums["best"],
                "hold": sums["held"] / sums["pairs"],
                "steepness": np.exp(sums["log_steepness"] / sums["pairs"]),
                "covers": sums["covered"] / sums["pairs"],
            }
        )


def price_table(prices: pd.DataFrame) -> pd.DataFrame:
    """Return `mean`, `low` and `high` of each share (`measure`) over replicates, 95% intervals, by `KEYS`."""
    rows: list[Row] = []
    for key, own in prices.groupby(KEYS, sort=False):
        for measure in SHARES:
            found = interval(own[measure])
            row: Row = dict(zip(KEYS, key, strict=True))  # type: ignore[arg-type]
            row |= {"measure": measure, "mean": found.mean, "low": found.low, "high": found.high}
            rows.append(row)
    return pd.DataFrame(rows)


def _priced(pairs: PairsTried, worth: Floats, past: Floats) -> Iterator[Row]:
    """Yield sums over the pairs of one world and round, a row for each state of information and rule.

    `worth` holds values and costs ``[2, P]``, `past` those of earlier rounds ``[2, E]``; credits.
    """
    value, cost = worth
    limits = np.concatenate([np.stack([told.bounds.low, told.bounds.high]) for told in pairs.told])
    values, costs = pairs.money(limits)
    remembered = tuple(Empirical(sample=tuple(known.clip(min=0).tolist())) for known in past)
    some = value - cost > 1 / MICRO
    full = (1 - POWER) * value + POWER * cost
    base: Row = {"replicate": pairs.replicate, "setting": pairs.setting}
    for number, told in enumerate(pairs.told):
        of_value, of_cost = (Interval(m[2 * number], m[2 * number + 1]) for m in (values, costs))
        remembers = told.source in REMEMBERING
        beliefs: tuple[Belief, ...] = remembered if remembers else (Midpoint(), Midpoint())
        readings = common_price(
            buyer_reading(value, of_cost, POWER, beliefs[1]),
            seller_reading(cost, of_value, POWER, beliefs[0]),
            POWER,
        )
        key: Row = {**base, "told": told.source, "probes": told.probes, "pairs": len(value)}
        key["held"] = int(told.bounds.hold(pairs.gain).sum())
        key["log_steepness"] = float(np.log(told.steepness).sum())
        key["covered"] = float(np.where(np.isnan(told.steepness), np.nan, told.steepness >= 1).sum())
        yield {**key, "rule": READINGS, **_sums(readings, full, value, cost, some)}
        if not remembers:
            yield {**key, "rule": OFFER, **_sums(offer(cost, of_value), full, value, cost, some)}


def _sums(price: Floats, full: Floats, value: Floats, cost: Floats, some: Bools) -> dict[str, float]:
    """Return sums over the pairs where there is something to gain."""
    made = some & agree(price, value, cost)
    return {
        "off": float(np.abs(price - full)[some].sum()),
        "full": float(full[some].sum()),
        "worth_making": int(some.sum()),
        "made": int(made.sum()),
        "best": float((value - cost)[some].sum()),
        "to_buyer": float((value - price)[made].sum()),
        "to_seller": float((price - cost)[made].sum()),
    }
