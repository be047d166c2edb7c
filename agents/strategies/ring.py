"""A ring: buyers who do not outbid each other."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import AskView, BidView, Floats, Strategy, worthwhile


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Ring(Strategy):
    """Of its followers only the one that values a listing most bids for it, and truthfully.

    In a second-price auction of a scarce block the price then falls to the best bid from outside. Of members
    with the same value the first one bids. The spoils stay with who wins; asks are truthful.

    Source: Graham and Marshall (1987), Journal of Political Economy 95, without the ring's own auction.
    """

    name: str = "ring"
    conspires: ClassVar[bool] = True

    def ask(self, view: AskView) -> Floats:
        """Return the cost."""
        return view.cost

    def bid(self, view: BidView) -> Floats:
        """Return the value for the member that values a listing most, NaN for the others."""
        order = np.lexsort((view.buyer, -view.value, view.listing))
        _, first = np.unique(view.listing[order], return_index=True)
        bids = np.full(len(view.value), np.nan)
        bids[order[first]] = view.value[order[first]]
        return worthwhile(view, bids)
