"""False names: one buyer under several names."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import (
    AskView,
    BidView,
    Floats,
    Ints,
    Memory,
    MergeView,
    OutcomeView,
    Strategy,
)
from markets.theory import false_name_bid


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FalseName(Strategy):
    """Its followers are names of one organisation: the first bids truthfully, the others to lower its price.

    The others bid a share of the first one's value for the same listing: the share at which, with all true
    values alike, a deterministic optimal price falls to them and yet offers them nothing (see
    `markets.theory.false_name_bid`). They sell nothing, and do not use what they win by mistake. Give the
    names seats of organisations: as many as follow this strategy.

    Source: Yokoo, Sakurai and Matsubara (2004), Games and Economic Behavior 46.
    """

    name: str = "false_name"
    conspires: ClassVar[bool] = True

    def begin(self, organisations: int, positions: int, rng: np.random.Generator) -> Memory:
        """Remember nobody as the owner yet."""
        del organisations, positions, rng
        return {"owner": np.array(-1)}

    def ask(self, view: AskView) -> Floats:
        """Return the cost for the owner and NaN for its other names."""
        return np.where(view.seller == _owner(view.seller), view.cost, np.nan)

    def bid(self, view: BidView) -> Floats:
        """Return the value for the owner, and for its other names a share of the owner's for the listing."""
        owner = _owner(view.buyer)
        worth = np.zeros(int(view.listing.max(initial=-1)) + 1)
        own = view.buyer == owner
        worth[view.listing[own]] = view.value[own]
        names = len(np.unique(view.buyer)) - 1
        share = false_name_bid(max(2, view.organisations - names - 1), names) if names > 0 else 1.0
        bids = np.where(own, view.value, share * worth[view.listing])
        return np.where(bids > 0, bids, np.nan)

    def learn(self, view: OutcomeView) -> Memory:
        """Remember who the owner is."""
        return {"owner": np.array(_owner(view.organisation))}

    def merge(self, view: MergeView) -> Floats:
        """Return the trial's weight for the owner and 0 for its other names."""
        return np.where(view.buyer == view.memory["owner"], view.weight, 0.0)


def _owner(organisation: Ints) -> int:
    """Return the first of the names."""
    return int(organisation.min(initial=np.iinfo(np.int64).max))
