"""The broker: what is listed, and who may try what."""

import numpy as np

from agents.learning.stack.pairs import Pairs
from markets.accounts.money import to_micro
from markets.columns import Bools, Ints
from sim.config.broker import BrokerConfig
from sim.exchange.goods import Goods
from sim.exchange.tables import Listings, Refused
from sim.settings import Setting
from sim.streams import RoundStreams

OTHER_ARCHITECTURE = "other architecture"
"""Why a block is refused that no tensor of the buyer's model fits."""


class Broker:
    """Runs a market by its rules.

    Parameters
    ----------
    rules : BrokerConfig
        When it lists, who may sell again, how many listings each may try, and how.
    setting : Setting
        Whether there is a market at all, and what delivery costs.
    goods : Goods
        What may be listed.
    partners : bool [N, N], optional
        Who may trade with whom; everybody with everybody by default. Others are not shortlisted: a shortlist
        of three then holds three listings that can be bought, and nobody pays for trials in vain.
    """

    def __init__(
        self, rules: BrokerConfig, setting: Setting, goods: Goods, partners: Bools | None = None
    ) -> None:
        self.rules, self.setting, self.goods, self.partners = rules, setting, goods, partners

    def listings(self, round_: int, sellers: Ints, own_training: Bools) -> Listings:
        """Return a listing for each position of each seller; the reserve is the cost of delivery.

        A setting without a market, or a round without one by the broker's schedule, has no listings. Who may
        list depends on who has put `own_training` [N] into the model that it holds, by the rule of resale.
        """
        sellers = sellers[self.rules.resale.may_list(own_training)[sellers]]
        if not (self.setting.trades and self.rules.trades_in(round_)):
            sellers = sellers[:0]
        return self.goods.listed(sellers, int(to_micro(self.setting.delivery, "up")))

    def shortlist(
        self, listings: Listings, buyers: Ints, organisations: int, streams: RoundStreams
    ) -> tuple[Pairs, Refused]:
        """Return the listings of its partners that each buyer may try, and those that it is refused.

        All that fit, or so many at random. Models of another architecture are not cut into blocks that fit.
        """
        most = self.rules.shortlist
        met = listings.seller[None, :] != buyers[:, None]
        if self.partners is not None:
            met &= self.partners[buyers][:, listings.seller]
        open_to = met & self.goods.fit(buyers[:, None], listings.seller[None, :])
        others = self._pairs(listings, buyers, met & ~open_to)
        if most is not None and most < len(listings):
            positions = len(self.goods.positions)
            identity = listings.seller * positions + listings.position
            keys = streams.stream("shortlist").random((organisations, organisations * positions))
            keys = np.where(open_to, keys[buyers][:, identity], np.inf)
            open_to &= keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") < most
        refused = Refused(others, np.full(len(others), OTHER_ARCHITECTURE, dtype=object))
        return self._pairs(listings, buyers, open_to), refused

    def _pairs(self, listings: Listings, buyers: Ints, chosen: Bools) -> Pairs:
        """Return the pairs of buyers [B] and listings that are `chosen` [B, L]."""
        place, listing = (a.astype(np.int64) for a in np.nonzero(chosen))
        return Pairs(
            buyer=buyers[place],
            listing=listing,
            seller=listings.seller[listing],
            position=listings.position[listing],
        )
