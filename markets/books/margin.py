"""The margin of a call market: the last pair that should trade and the first that should not.

With bids falling, b_1 >= b_2 >= ..., and asks rising, s_1 <= s_2 <= ..., K is the largest k with b_k >= s_k.
Nearly every rule of a call market is a function of K, b_K, s_K, b_{K+1} and s_{K+1} alone, so that many
books are priced at once, and a book of a million orders costs no more than its sorting.

Core Objects: Margin, Terms
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Margin:
    """Where demand meets supply in each of G books.

    Attributes
    ----------
    quantity : int64[G]
        K, 0 if b_1 < s_1 or a side is empty.
    last_bid, last_ask : float64[G]
        b_K and s_K, in credits; plus and minus infinity for K = 0.
    next_bid, next_ask : float64[G]
        b_{K+1} and s_{K+1}; minus and plus infinity where there is none.
    """

    quantity: Ints
    last_bid: Floats
    last_ask: Floats
    next_bid: Floats
    next_ask: Floats

    @classmethod
    def of(cls, bids: Floats, asks: Floats) -> "Margin":
        """Find the margin of sorted books; cost O(G (m + n)).

        Parameters
        ----------
        bids : float64[..., m]
            Falling along the last axis, in credits; minus infinity fills up shorter books.
        asks : float64[..., n]
            Rising along the last axis; plus infinity fills up.

        Examples
        --------
        >>> margin = Margin.of(np.array([9.0, 8.0, 2.0]), np.array([3.0, 4.0]))
        >>> int(margin.quantity), float(margin.low), float(margin.high)
        (2, 4.0, 8.0)
        """
        short = min(bids.shape[-1], asks.shape[-1])
        k = (bids[..., :short] >= asks[..., :short]).sum(axis=-1)
        return cls(
            k,
            _at(bids, k - 1, np.inf),
            _at(asks, k - 1, -np.inf),
            _at(bids, k, -np.inf),
            _at(asks, k, np.inf),
        )

    @property
    def low(self) -> Floats:
        """The least price at which demand meets supply, ``max(s_K, b_{K+1})``, float64[G]."""
        return np.maximum(self.last_ask, self.next_bid)

    @property
    def high(self) -> Floats:
        """The largest price at which demand meets supply, ``min(b_K, s_{K+1})``, float64[G]."""
        return np.minimum(self.last_bid, self.next_ask)


@dataclass(frozen=True, eq=False)
class Terms:
    """How many trade in each of G books, drawn from whom, and at which prices.

    Attributes
    ----------
    quantity : int64[G]
        Pairs that trade.
    bids, units : int64[G]
        The best bids and units among whom they are: as many as trade, or more, and then a lottery decides.
    paid, received : float64[G]
        By each buyer and by each seller of a unit, in credits; without meaning where nothing trades.
    """

    quantity: Ints
    bids: Ints
    units: Ints
    paid: Floats
    received: Floats

    @classmethod
    def best(cls, quantity: Ints, paid: Floats, received: Floats) -> "Terms":
        """Let the `quantity` best bids and units trade."""
        return cls(quantity, quantity, quantity, paid, received)

    @classmethod
    def reduced(cls, margin: Margin) -> "Terms":
        """Let the K - 1 best of both sides trade: buyers pay b_K and sellers get s_K, who do not trade."""
        return cls.best(np.maximum(margin.quantity - 1, 0), margin.last_bid, margin.last_ask)

    def where(self, condition: Bools, other: "Terms") -> "Terms":
        """Return these terms for the books where bool[G] `condition` holds, and `other` elsewhere."""
        columns = ("quantity", "bids", "units", "paid", "received")
        return Terms(*(np.where(condition, getattr(self, each), getattr(other, each)) for each in columns))


def _at(columns: Floats, place: Ints, missing: float) -> Floats:
    """Return the entry at a place of each book, `missing` where the place is outside."""
    size = columns.shape[-1]
    inside = (place >= 0) & (place < size)
    if not size:
        return np.full(place.shape, missing)
    found = np.take_along_axis(columns, np.clip(place, 0, size - 1)[..., None], axis=-1)[..., 0]
    return np.where(inside, found, missing)
