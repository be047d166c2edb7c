"""Payoffs: what organisations earn from consumers, and what a better model would change.

Core Objects: DownstreamMarket, Earnings, Change
"""

import copy
from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints
from sim.consumers.demand import Demand, Equilibrium, equilibrium


@dataclass(frozen=True)
class Earnings:
    """What N organisations in R regions earn at their present qualities.

    Attributes
    ----------
    profit, price, share : float64 [N]
        Credits a round, credits a use, and share of the region's consumers; 0, NaN and 0 for who is absent.
    consumer_surplus : float64 [R]
        Credits a round over the outside option alone.
    """

    profit: Floats
    price: Floats
    share: Floats
    consumer_surplus: Floats

    @property
    def welfare(self) -> float:
        """Consumer surplus and profits of all regions, credits a round."""
        return float(self.profit.sum() + self.consumer_surplus.sum())


@dataclass(frozen=True)
class Change:
    """What P single improvements would each change, all else equal; credits a round.

    Attributes
    ----------
    buyer, seller : float64 [P]
        Change of the profit of the organisation that improves, and of the one that sells to it (0 in another
        region).
    welfare : float64 [P]
        Change of consumer surplus and of everybody's profits.
    """

    buyer: Floats
    seller: Floats
    welfare: Floats


class DownstreamMarket:
    """The regions in which organisations sell the use of their models; see `sim.consumers.demand`.

    Parameters
    ----------
    region : int64 [N]
        The region of every organisation.
    demand : Demand
        What consumers want.
    regions : int, optional
        How many regions there are; by default those in which there is somebody.

    Attributes
    ----------
    present : bool [N]
        Who sells the use of a model; everybody at first. The consumers of who is absent stay in the region.
    cost : float64 [N] or None
        What serving a consumer costs each beside `demand.cost`, credits; None is nothing.

    Notes
    -----
    All regions, or all hypothetical improvements, are solved as one batch: cost grows with their number times
    the organisations a region.
    """

    def __init__(self, region: Ints, demand: Demand, regions: int | None = None) -> None:
        self.region = region
        self.demand = demand
        self.present: Bools = np.ones(len(region), dtype=bool)
        self.cost: Floats | None = None
        regions = regions or int(region.max()) + 1
        sizes = np.bincount(region, minlength=regions)
        order = np.argsort(region, kind="stable")
        seat = np.empty(len(region), dtype=np.int64)
        seat[order] = np.arange(len(region)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.seat = seat
        self._members = np.full((regions, int(sizes.max())), -1, dtype=np.int64)
        self._members[region, seat] = np.arange(len(region))
        self._mass = demand.mass * sizes.astype(np.float64)

    def with_only(self, present: Bools) -> "DownstreamMarket":
        """Return the same regions and consumers, where those `present` [N] alone sell the use of models."""
        market = copy.copy(self)
        market.present = present
        return market

    def at_cost(self, cost: Floats) -> "DownstreamMarket":
        """Return the same regions and consumers, where serving one costs each so much more, credits [N]."""
        market = copy.copy(self)
        market.cost = cost
        return market

    def served(self, earnings: Earnings) -> Floats:
        """Return how many consumers each serves, [N]."""
        return earnings.share * self._mass[self.region]

    def earnings(self, quality: Floats) -> Earnings:
        """Return the equilibrium of all regions at qualities [N]."""
        found = self._solve(np.arange(len(self._members)), quality[self._members])
        place = (self.region, self.seat)
        return Earnings(
            profit=found.profit[place],
            price=found.price[place],
            share=found.share[place],
            consumer_surplus=found.consumer_surplus,
        )

    def change(self, quality: Floats, buyer: Ints, seller: Ints, improved: Floats) -> Change:
        """Return what changes if each `buyer` [P] alone came to the quality `improved` [P].

        Parameters
        ----------
        quality : float64 [N]
            Present qualities.
        buyer, seller : int64 [P]
            Who improves and who sells it the improvement.
        improved : float64 [P]
            The quality that each buyer would have.
        """
        rows = np.arange(len(buyer))
        region = self.region[buyer]
        before = self.earnings(quality)
        what_if = quality[self._members[region]]
        what_if[rows, self.seat[buyer]] = improved
        after = self._solve(region, what_if)
        rivals = self.region[seller] == region
        seller_after = after.profit[rows, self.seat[seller] * rivals]
        profits_before = np.bincount(self.region, before.profit, len(self._members))
        return Change(
            buyer=after.profit[rows, self.seat[buyer]] - before.profit[buyer],
            seller=np.where(rivals, seller_after - before.profit[seller], 0.0),
            welfare=after.profit.sum(axis=1)
            + after.consumer_surplus
            - profits_before[region]
            - before.consumer_surplus[region],
        )

    def outcomes(
        self, quality: Floats, present: Bools | None = None, cost: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return profits [M, N] and consumer surplus [M] at M alternative lists of qualities [M, N].

        Parameters
        ----------
        quality : float64 [M, N]
            The alternatives.
        present : bool [M, N], optional
            Who sells the use of a model in each; by default who is `present`.
        cost : float64 [M, N], optional
            What serving a consumer costs each in each; by default `cost`.
        """
        alternatives, regions = len(quality), len(self._members)
        region = np.tile(np.arange(regions), alternatives)
        there = self.present[self._members] if present is None else present[:, self._members]
        there = np.broadcast_to(there, (alternatives, *self._members.shape)).reshape(len(region), -1)
        what = quality[:, self._members].reshape(len(region), -1)
        own = None if cost is None else cost[:, self._members].reshape(len(region), -1)
        found = self._solve(region, what, there, own)
        profit = found.profit.reshape(alternatives, regions, -1)
        surplus = found.consumer_surplus.reshape(alternatives, regions).sum(axis=1)
        return profit[:, self.region, self.seat], surplus

    def _solve(
        self, region: Ints, quality: Floats, present: Bools | None = None, cost: Floats | None = None
    ) -> Equilibrium:
        """Solve the markets of `region` [M] at qualities [M, F]."""
        members = self._members[region]
        there = (members >= 0) & (self.present[members] if present is None else present)
        if cost is None and self.cost is not None:
            cost = self.cost[members]
        return equilibrium(quality, self.demand, there, self._mass[region], cost=cost)
