"""A round that stops where people decide, and what else its offers could have come to.

Core Objects: OpenRound, Outcome, with_robots
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from markets.accounts.money import MICRO
from markets.columns import Floats
from sim.exchange.consulting import Consult
from sim.exchange.tables import Deals, Offers, Quoted
from sim.market import ParameterMarket
from sim.play import begin_round
from sim.textbook.induced_market import InducedMarket

World = ParameterMarket | InducedMarket
"""A market for models, or one on induced values."""


class OpenRound:
    """A round of a world, played until people are to decide; `close` plays the rest of it.

    Parameters
    ----------
    world : ParameterMarket or InducedMarket
        A world that `consults`.

    Attributes
    ----------
    consult : Consult
        What there is to decide about.
    balances : float64 [N]
        The accounts at this moment, credits.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._rest: Any = begin_round(world)
        self.consult: Consult = self._play_on(None)
        self.balances: Floats = world.ledger.balances[: world.organisations] / MICRO

    def close(self, offers: Offers) -> Floats | None:
        """Bring offers to the market and play the round to its end.

        Returns
        -------
        float64 [N] or None
            What consumers paid each organisation afterwards, credits; None in a market without consumers.
        """
        try:
            self._play_on(offers)
        except StopIteration:
            if not isinstance(self.world, ParameterMarket):
                return None
            assert self.world.report is not None
            return self.world.report.tables["organisations"]["profit"]
        raise RuntimeError("a round must ask people once")

    def rehearse(self, offers: Offers) -> "Outcome":
        """Return what offers would come to, without any consequence for the world.

        The door, the rule with its random draws, and the books are those of the round itself, so that two
        rehearsals differ by their offers alone.
        """
        exchange, prospects = self.world.exchange.rehearsal(), self.consult.prospects
        quoted = exchange.door(prospects, offers)
        luck = self.world.round_streams.stream("clearing")
        trades = exchange.clear(exchange.orders(prospects, quoted), luck)
        every_deal, every_charge = exchange.settle(self.world.steps, prospects, quoted, trades)
        deals, charges = every_deal.settled_only(), every_charge.settled_only()
        value, cost = prospects.appraisal.value[deals.row], prospects.appraisal.cost[deals.row]
        profit = np.zeros(exchange.organisations)
        for who, amount in (
            (deals.buyer, value - deals.paid / MICRO),
            (deals.seller, deals.received / MICRO - cost),
            (charges.buyer, -charges.paid / MICRO),
            (charges.seller, charges.received / MICRO),
        ):
            np.add.at(profit, who, amount)
        return Outcome(quoted=quoted, deals=deals, profit=profit, gains=float((value - cost).sum()))

    def truthful_offers(self) -> Offers:
        """Return the offers of a round in which everybody tells the truth."""
        world = self.world
        return world.traders.truthful().offers(world.exchange, self.consult.prospects, world.round_streams)

    def best_gains(self) -> Floats:
        """Return the gain of each trade of the best allocation that values and costs allow, credits."""
        return self.world.exchange.goods.first_best(self.consult.prospects)

    def _play_on(self, answer: Any) -> Consult:
        """Answer, and then whatever is asked of the laboratory until people are asked."""
        request = self._rest.send(answer)
        while not isinstance(request, Consult):
            # A market on induced values asks for nothing else.
            assert isinstance(self.world, ParameterMarket)
            request = self._rest.send(self.world.laboratory.perform([request])[0])
        return request


@dataclass(frozen=True)
class Outcome:
    """What offers come to in a round; money in credits.

    Attributes
    ----------
    quoted : Quoted
        The orders as they came to the door.
    deals : Deals
        The trades that settled.
    profit : float64 [N]
        What each organisation gains: values less payments, and receipts less costs, as its trials measured
        them.
    gains : float
        Values less costs of all trades.
    """

    quoted: Quoted
    deals: Deals
    profit: Floats
    gains: float


def with_robots(offers: Offers, consult: Consult, organisations: Iterable[int]) -> Offers:
    """Return offers with those of some organisations replaced by what the strategies in their seats said."""
    robots = np.fromiter(organisations, dtype=np.int64)
    pairs = consult.prospects.pairs
    bids, asks = np.isin(pairs.buyer, robots), np.isin(pairs.seller, robots)
    return Offers(
        np.where(bids, consult.offers.bid, offers.bid), np.where(asks, consult.offers.ask, offers.ask)
    )
