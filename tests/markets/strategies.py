"""Hypothesis strategies for markets."""

import numpy as np
from hypothesis import strategies as st

from markets.goods.blocks import LICENCE_KINDS, UNLIMITED
from markets.orders.orders import Orders


def random_orders(
    rng: np.random.Generator,
    buyers: int = 4,
    listings: int = 4,
    *,
    positions: int = 1,
    density: float = 1.0,
    whole: int | None = None,
    capacity: int | None = None,
    demand: int = 1,
    one_quote: bool = False,
    traders: bool = False,
) -> Orders:
    """Draw a market.

    Bids and asks are uniform on [0, 1], or on 0..`whole` without fractions. `capacity` None mixes licences.
    `one_quote` gives a buyer one bid for a position and a listing one ask, as books want. With `traders` the
    sellers are among the buyers, else each listing has a seller of its own.
    """
    position = rng.integers(0, positions, listings)
    seller = rng.integers(0, buyers, listings) if traders else buyers + np.arange(listings)
    copies = rng.choice([1, 2, UNLIMITED], listings) if capacity is None else np.full(listings, capacity)
    buyer, listing = (index.ravel() for index in np.indices((buyers, listings)))
    keep = (rng.random(len(buyer)) < density) & (buyer != seller[listing])
    buyer, listing = buyer[keep], listing[keep]

    def money(size: tuple[int, ...]) -> np.ndarray:
        return rng.random(size) if whole is None else rng.integers(0, whole + 1, size).astype(float)

    if one_quote:
        bid, ask = money((buyers, positions))[buyer, position[listing]], money((listings,))[listing]
    else:
        bid, ask = money((buyers, listings))[buyer, listing], money((buyers, listings))[buyer, listing] / 2
    return Orders.of(
        buyer=buyer,
        seller=seller[listing],
        listing=listing,
        position=position[listing],
        bid=bid,
        ask=ask,
        gain=rng.random(len(buyer)),
        capacity=copies[listing],
        demand=demand,
    )


def random_bundles(
    rng: np.random.Generator,
    buyers: int = 4,
    sellers: int = 1,
    items: int = 3,
    *,
    density: float = 1.0,
    whole: int | None = None,
    capacity: int = 1,
    traders: bool = False,
) -> Orders:
    """Draw a market of all bundles of some items of each seller.

    Bids are uniform on [0, size of the bundle], asks 0 or uniform on [0, 1/2]; with `whole` both are that
    many times as large and without fractions. With `traders` the sellers are among the buyers.
    """
    bundles = 2**items - 1
    buyer, listing = (index.ravel() for index in np.indices((buyers, sellers * bundles)))
    seller = listing // bundles + (0 if traders else buyers)
    keep = (rng.random(len(buyer)) < density) & (buyer != seller)
    buyer, listing, seller = buyer[keep], listing[keep], seller[keep]
    contents = listing % bundles + 1
    size = (contents[:, None] >> np.arange(items) & 1).sum(axis=1)
    unit = whole or 1
    bid, ask = rng.random(len(buyer)) * size * unit, rng.random(len(buyer)) * rng.integers(0, 2, len(buyer))
    ask = ask * unit / 2
    return Orders.of(
        buyer=buyer,
        seller=seller,
        listing=listing,
        bid=bid if whole is None else np.rint(bid),
        ask=ask if whole is None else np.rint(ask),
        gain=rng.random(len(buyer)),
        capacity=np.full(len(buyer), capacity),
        contents=contents,
    )


@st.composite
def bundle_markets(draw: st.DrawFn) -> Orders:
    """Small markets of overlapping listings: ties, missing pairs, several sellers, traders on both sides."""
    return random_bundles(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        buyers=draw(st.integers(1, 5)),
        sellers=draw(st.integers(1, 3)),
        items=draw(st.integers(1, 3)),
        density=draw(st.sampled_from([0.3, 0.7, 1.0])),
        whole=draw(st.sampled_from([None, 1, 4])),
        capacity=draw(st.sampled_from([1, 2, UNLIMITED])),
        traders=draw(st.booleans()),
    )


@st.composite
def markets(
    draw: st.DrawFn,
    one_quote: bool = False,
    max_demand: int | None = None,
    licences: tuple[str, ...] = LICENCE_KINDS,
    bundles: bool = False,
) -> Orders:
    """Small markets of every shape: ties, missing pairs, mixed licences, traders on both sides."""
    if bundles and draw(st.booleans()):
        return draw(bundle_markets())
    capacities = [None, 1, 2, UNLIMITED] if set(licences) == set(LICENCE_KINDS) else [UNLIMITED]
    return random_orders(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        buyers=draw(st.integers(1, 6)),
        listings=draw(st.integers(1, 6)),
        positions=draw(st.integers(1, 3)),
        density=draw(st.sampled_from([0.3, 0.7, 1.0])),
        whole=draw(st.sampled_from([None, 1, 4])),
        capacity=draw(st.sampled_from(capacities)),
        demand=draw(st.integers(1, max_demand or 3)),
        one_quote=one_quote,
        traders=draw(st.booleans()),
    )


def book(bids, asks, capacity=1, gain=None, keep=None, position=0):
    """Return one position's orders: a bid for each buyer, an ask for each listing, pairs in `keep`."""
    buyer, unit = (index.ravel() for index in np.indices((len(bids), len(asks))))
    keep = np.ones(len(buyer), bool) if keep is None else np.asarray(keep, bool).ravel()
    gain = np.zeros(len(buyer)) if gain is None else np.asarray(gain, float).ravel()
    return Orders.of(
        buyer=buyer[keep],
        seller=len(bids) + unit[keep],
        listing=unit[keep],
        position=np.full(keep.sum(), position),
        bid=np.asarray(bids, float)[buyer][keep],
        ask=np.asarray(asks, float)[unit][keep],
        gain=gain[keep],
        capacity=np.full(keep.sum(), capacity),
    )


def books(bids, asks):
    """Return complete books side by side, a position each, of bids [M, m] and asks [M, n]; NaN is nobody."""
    (markets, m), n = np.shape(bids), np.shape(asks)[1]
    market, buyer, unit = (index.ravel() for index in np.indices((markets, m, n)))
    bid, ask = np.asarray(bids, float)[market, buyer], np.asarray(asks, float)[market, unit]
    here = ~np.isnan(bid + ask)
    return Orders.of(
        buyer=((m + n) * market + buyer)[here],
        seller=((m + n) * market + m + unit)[here],
        listing=(n * market + unit)[here],
        position=market[here],
        bid=bid[here],
        ask=ask[here],
        capacity=np.ones(here.sum(), int),
    )


def crowds(rng, markets, most):
    """Return reports [markets, most], uniform on [0, 1]: of 1 to `most` traders each, NaN where nobody is."""
    reports = rng.random((markets, most))
    return np.where(np.arange(most) < rng.integers(1, most + 1, (markets, 1)), reports, np.nan)


def by_market(orders, row, amount=None):
    """Return the sum of amounts (by default the count) of rows in each position, 0, 1, ..."""
    return np.bincount(orders.position[row], amount, int(orders.position.max()) + 1)
