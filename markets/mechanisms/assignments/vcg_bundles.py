"""The auction of Vickrey, Clarke and Groves for bundles of blocks."""

from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from markets.goods.bundles import PackageMarket
from markets.matching.assignment import supported
from markets.mechanisms.assignments.assignment import assign_positions
from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.orders.orders import Orders, Trades


@MECHANISMS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class VCGBundles(Mechanism):
    """Blocks go, alone or in bundles, where they add most; a winner pays what its presence costs the others.

    Rule: a buyer bids on any number of listings and wins one at most (exclusive or). Listings of a seller
    overlap where their `contents` share an item, and an item is sold as often as its licence allows. Of all
    such allocations the one with the largest sum of ``bid - ask`` is chosen, W(N). Winner i of row r pays
    ``ask[r] + W(N without i) - (W(N) - (bid[r] - ask[r]))`` and the seller receives it. What a buyer says
    decides what it wins but not what that costs it, so truth is dominant, whether items complement or replace
    each other.

    The price of that: more bidders can bring less revenue, the outcome need not be in the core (a seller and
    a loser could do better together), and a bidder may gain by bidding under several names.

    Listings without contents are sold like those of `assignment`, position by position, which is the same
    rule. Ties depend on random orders of the buyers and of the listings. Markets that share neither buyers
    nor items are cleared beside each other as alone. A row of surplus 0 that has contents does not trade.

    Notes
    -----
    See `markets.goods.bundles.PackageMarket` for the method, its growth and when it refuses: one winner
    determination for the allocation and one more for each winner.

    References
    ----------
    W. Vickrey (1961), J. Finance 16; E. Clarke (1971), Public Choice 11; T. Groves (1973), Econometrica 41;
    L. Ausubel and P. Milgrom (2006), in Combinatorial Auctions, MIT Press; M. Yokoo, Y. Sakurai and S.
    Matsubara (2004), Games and Economic Behavior 46.

    Examples
    --------
    Buyer 1 wants both layers of seller 0 or nothing, buyers 2 and 3 want one each. They win, for nothing:

    >>> orders = Orders.of(
    ...     buyer=[1, 2, 3], seller=[0, 0, 0], listing=[2, 0, 1],
    ...     contents=[0b11, 0b01, 0b10], bid=[2.0, 2.0, 2.0], ask=[0.0, 0.0, 0.0],
    ...     capacity=[1, 1, 1],
    ... )
    >>> trades = VCGBundles().clear(orders, np.random.default_rng(0))
    >>> trades.buyer.tolist(), trades.paid.tolist()
    ([2, 3], [0.0, 0.0])
    """

    name: str = "vcg_bundles"
    venue: ClassVar[str] = "listings"

    @property
    def properties(self) -> Properties:
        """Truthful for buyers and efficient everywhere, for a demand of one."""
        return Properties(
            truthful_buyers="dominant",
            budget="strong",
            individually_rational=True,
            efficient=True,
            copy_means="Every buyer takes the bundle with its largest surplus, at the ask.",
            exclusive_means="A layer goes to one buyer, alone or in a bundle, at what that costs the others.",
            reference="Ausubel and Milgrom 2006, in Combinatorial Auctions",
            max_demand=1,
            bundles=True,
        )

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Choose the best allocation and solve it again without each winner.

        Raises
        ------
        InputError
            If the orders are more than can be solved exactly.
        """
        line = self.draw(orders, rng).line(orders)
        bundled = orders.contents[line] > 0
        single, single_markup = assign_positions(orders, line[~bundled], orders.surplus, supported)
        rows = line[bundled & (orders.surplus[line] > 0)]
        won, externality = PackageMarket.of(
            orders.seat[rows],
            orders.seller[rows],
            orders.contents[rows],
            orders.surplus[rows],
            orders.capacity[rows],
        ).with_externalities()
        row = np.concatenate([single, rows[won]])
        # In exact numbers the bid is never exceeded; the minimum takes back rounding.
        price = np.minimum(orders.bid[row], orders.ask[row] + np.concatenate([single_markup, externality]))
        return Trades.of(orders, row, price, price)
