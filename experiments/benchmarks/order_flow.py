"""Order flow for the order book: a stream that looks like a market's, and a book without data structures.

Core Objects: order_book_stream, PlainOrderBook
"""

import math

import numpy as np

from markets.books.book_events import CANCEL, REPLACE, SUBMIT, BookEvents, Fill, Fills

TICK = 0.01
TRADERS = 200
_LIMIT, _MARKETABLE, _CANCEL, _REPLACE = 0, 1, 2, 3
_SHARES = (0.45, 0.15, 0.33, 0.07)
_RECENT = 200


def order_book_stream(events: int, rng: np.random.Generator) -> BookEvents:
    """Return a stream of limit orders, marketable orders, cancellations and replacements.

    Zero-intelligence order flow (Smith, Farmer, Gillemot and Krishnamurthy 2003, Quantitative Finance 3): of
    the events, 45% are limit orders at a geometric distance behind the middle price (mean 8 ticks), 15% are
    orders priced 4 ticks through it, so that they trade, 33% cancel and 7% replace an order among the last
    200 or so, which may be gone. The middle is a random walk. Quantities are geometric with mean 5.

    Parameters
    ----------
    events : int
        How many, at least 1; the first submits.
    rng : numpy.random.Generator
        For all draws.

    Notes
    -----
    O(events). Prices are whole ticks of 0.01 credits around 100.
    """
    kind = rng.choice(4, events, p=_SHARES)
    kind[0] = _LIMIT
    fresh = kind <= _MARKETABLE
    submitted = np.cumsum(fresh)
    target = (submitted - 1 - rng.integers(0, _RECENT, events)).clip(min=0)
    is_bid = rng.random(events) < 0.5
    # A replacement is on its order's side, else it would jump through the middle.
    is_bid[~fresh] = is_bid[np.flatnonzero(fresh)][target[~fresh]]
    distance = np.where(kind == _MARKETABLE, -4, rng.geometric(1 / 8, events))
    middle = (10_000 + np.cumsum(rng.integers(-1, 2, events)) // 4).clip(min=2_000)
    ticks = (middle - np.where(is_bid, distance, -distance)).clip(min=1)
    return BookEvents.of(
        action=np.select([kind == _CANCEL, kind == _REPLACE], [CANCEL, REPLACE], SUBMIT),
        order=np.where(fresh, submitted - 1, target),
        trader=rng.integers(0, TRADERS, events),
        is_bid=is_bid,
        price=ticks * TICK,
        quantity=rng.geometric(1 / 5, events),
    )


class PlainOrderBook:
    """The rules of `markets.books.order_book.OrderBook`: all orders in a list, searched for every trade.

    The yardstick of the benchmark and of the tests: it shares no line with the book it is compared with.
    """

    def __init__(self) -> None:
        self.standing: list[dict] = []
        self.clock = 0

    def process(self, events: BookEvents) -> Fills:
        """Play the events and return the trades; O(E n) with n standing orders."""
        fills: list[Fill] = []
        event_of: list[int] = []
        for event, (action, order, trader, is_bid, price, quantity) in enumerate(events.rows()):
            mine = [o for o in self.standing if o["order"] == order]
            if action == SUBMIT:
                new = {
                    "order": order,
                    "trader": trader,
                    "is_bid": is_bid,
                    "price": price,
                    "quantity": quantity,
                }
            elif not mine:
                continue
            elif action == REPLACE and price == mine[0]["price"] and quantity <= mine[0]["quantity"]:
                mine[0]["quantity"] = quantity
                continue
            else:
                self.standing.remove(mine[0])
                new = mine[0] | {"price": price, "quantity": quantity}
            if action != CANCEL:
                made = self._trade(new)
                fills += made
                event_of += [event] * len(made)
        return Fills.of(event_of, fills)

    def _trade(self, new: dict) -> list[Fill]:
        sign, fills = (1 if new["is_bid"] else -1), []
        while new["quantity"]:
            partners = [
                o
                for o in self.standing
                if o["is_bid"] != new["is_bid"]
                and o["trader"] != new["trader"]
                and sign * o["price"] <= sign * new["price"]
            ]
            if not partners:
                self.clock += 1
                self.standing.append(new | {"time": self.clock})
                break
            best = min(partners, key=lambda o: (sign * o["price"], o["time"]))
            quantity = min(best["quantity"], new["quantity"])
            buyer, seller = (new, best) if new["is_bid"] else (best, new)
            parties = buyer["trader"], seller["trader"]
            fills.append(Fill(new["order"], best["order"], *parties, best["price"], quantity))
            new["quantity"] -= quantity
            best["quantity"] -= quantity
            if not best["quantity"]:
                self.standing.remove(best)
        return fills

    def best(self, is_bid: bool) -> float:
        """Return the best price of a side, NaN if nothing stands."""
        prices = [o["price"] for o in self.standing if o["is_bid"] == is_bid]
        return (max if is_bid else min)(prices, default=math.nan)
