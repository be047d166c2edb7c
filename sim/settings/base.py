"""What every setting has: where consumers are, what selling costs, and whom organisations decide for."""

from abc import ABC, abstractmethod
from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.choices import Choice
from markets.columns import Floats, Ints
from markets.mechanisms import Mechanism
from markets.orders.orders import Orders, Trades
from sim.consumers.demand import Demand, regions_of
from sim.consumers.payoffs import Change, DownstreamMarket
from sim.exchange.royalty_rules import ROYALTY_RULES, RoyaltyRule
from sim.exchange.royalty_rules.shapley import Permutations

ROYALTIES = Choice("setting.royalties", ROYALTY_RULES, shares=True)


@dataclass(frozen=True, config={"extra": "forbid"})
class Setting(ABC):
    """How payoffs depend on each other.

    Parameters
    ----------
    demand : Demand
        What consumers want (see `sim.consumers.demand`).
    regions : int
        How many regions the organisations share in the settings in which they are rivals: 1 is all against
        all, half the organisations are duopolies.
    delivery : float
        Credits that delivering one copy of a block costs its seller.
    royalties : str or mapping
        How the cooperative setting shares the gains of a round: ``none``, ``equal``, ``nash``,
        ``proportional`` or ``shapley`` (see `sim.exchange.royalty_rules`), or a mapping of own fields with
        the ``name``.
    royalty_permutations : int
        Orders of arrival from which Shapley royalties are estimated, and coalitions among which the core is
        looked for, where there are too many organisations for all of them.
    """

    name: str = ""
    demand: Demand = field(default_factory=Demand)
    regions: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    delivery: Annotated[float, Field(ge=0, le=1e3, allow_inf_nan=False)] = 0.0
    royalties: Annotated[Any, ROYALTIES] = "equal"
    royalty_permutations: Permutations = 200

    trades: ClassVar[bool] = True
    cooperates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.royalty_rule()

    def royalty_rule(self) -> RoyaltyRule:
        """Return the rule of royalties."""
        shared = {"permutations": self.royalty_permutations}
        rule: RoyaltyRule = ROYALTIES.build(self.royalties, shared)
        return rule

    def downstream(self, organisations: int, region: Ints | None = None) -> DownstreamMarket:
        """Return the consumers' side of a world.

        Parameters
        ----------
        organisations : int
            How many there are.
        region : int64 [N], optional
            Where each sells in the settings in which there are rivals, below `regions`; by default they share
            these in blocks.
        """
        own = regions_of(organisations, self.regions) if region is None else region
        return DownstreamMarket(own, self.demand, self.regions)

    def clear(self, mechanism: Mechanism, orders: Orders, rng: np.random.Generator) -> Trades:
        """Return the trades of a round: what the rule decides, unless the setting does."""
        return mechanism.clear(orders, rng)

    @abstractmethod
    def value(self, change: Change) -> Floats:
        """Return what each improvement [P] is worth to its buyer, credits a round."""

    @abstractmethod
    def cost(self, change: Change) -> Floats:
        """Return what selling each improvement [P] costs its seller, credits a round, delivery included."""
