"""The order book of Gode and Sunder: one quote a side, wiped by every trade."""

import math

from markets.books.book_events import Fill, MayTrade, price_of, whole_number


class GodeSunderBook:
    """A book that keeps one quote a side and is wiped by every trade.

    Rule: a quote that covers the standing quote of the other side trades one unit at the *standing* price,
    and the book is wiped. Any other quote stands, in place of the one before, if it improves on it: a higher
    bid, a lower ask; else it is lost. Equal is not better. A quote that may not trade with the standing one,
    its trader's own or one that `may_trade` excludes, is treated as if it did not cover it.

    Parameters
    ----------
    may_trade : callable, optional
        Whether a buyer may trade with a seller, by trader numbers; by default whenever they differ.

    References
    ----------
    D. K. Gode and S. Sunder (1993), J. Political Economy 101.

    Examples
    --------
    >>> book = GodeSunderBook()
    >>> book.submit(order=0, trader=7, is_bid=True, price=5.0), book.submit(1, 8, True, 4.0), book.best_bid
    ([], [], 5.0)
    >>> book.submit(order=2, trader=9, is_bid=False, price=3.0)
    [Fill(incoming=2, standing=0, buyer=7, seller=9, price=5.0, quantity=1)]
    >>> book.best_bid
    nan
    """

    def __init__(self, may_trade: MayTrade | None = None) -> None:
        self._may_trade = may_trade
        self._best: list[tuple[int, int, float] | None] = [None, None]

    def submit(self, order: int, trader: int, is_bid: bool, price: float) -> list[Fill]:
        """Let a quote for one unit arrive and return its trade, if any.

        Raises
        ------
        InputError
            If a number is negative or the price NaN, infinite or negative.
        """
        order, trader, price = (
            whole_number("order", order, 0),
            whole_number("trader", trader, 0),
            price_of(price),
        )
        standing, other = self._best[is_bid], self._best[not is_bid]
        if other is not None and (price >= other[2] if is_bid else price <= other[2]):
            buyer, seller = (trader, other[1]) if is_bid else (other[1], trader)
            if buyer != seller and (self._may_trade is None or self._may_trade(buyer, seller)):
                self._best = [None, None]
                return [Fill(order, other[0], buyer, seller, other[2], 1)]
        if standing is None or (price > standing[2] if is_bid else price < standing[2]):
            self._best[is_bid] = (order, trader, price)
        return []

    @property
    def best_bid(self) -> float:
        """The standing bid, in credits; NaN if there is none."""
        return self._price(True)

    @property
    def best_ask(self) -> float:
        """The standing ask, in credits; NaN if there is none."""
        return self._price(False)

    def _price(self, is_bid: bool) -> float:
        standing = self._best[is_bid]
        return math.nan if standing is None else standing[2]
