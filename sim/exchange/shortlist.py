"""The shortlist: who may try what.

Core Objects: shortlist
"""

import numpy as np

from agents.learning.pairs import Pairs
from markets.columns import Ints
from sim.exchange.exchange import Exchange
from sim.exchange.tables import Listings
from sim.streams import RoundStreams


def shortlist(
    listings: Listings, buyers: Ints, most: int | None, exchange: Exchange, streams: RoundStreams
) -> Pairs:
    """Return at most `most` listings of others for each of some buyers, at random; None is all of them."""
    open_to = listings.seller[None, :] != buyers[:, None]
    if most is not None and most < len(listings):
        positions = len(exchange.goods.positions)
        identity = listings.seller * positions + listings.position
        shape = (exchange.organisations, exchange.organisations * positions)
        keys = streams.stream("shortlist").random(shape)[buyers][:, identity]
        keys = np.where(open_to, keys, np.inf)
        open_to &= keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") < most
    place, listing = (a.astype(np.int64) for a in np.nonzero(open_to))
    return Pairs(buyers[place], listing, listings.seller[listing], listings.position[listing])
