"""The broker: what is listed, and who may try what."""

import numpy as np

from agents.learning.stack.pairs import Pairs
from markets.accounts.money import to_micro
from markets.columns import Bools, Ints
from sim.config.broker import BrokerConfig
from sim.exchange.goods import Goods
from sim.exchange.tables import Listings
from sim.settings import Setting
from sim.streams import RoundStreams


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

    def shortlist(self, listings: Listings, buyers: Ints, organisations: int, streams: RoundStreams) -> Pairs:
        """Return the listings of its partners that each buyer may try: all, or so many at random."""
        most = self.rules.shortlist
        open_to = listings.seller[None, :] != buyers[:, None]
        if self.partners is not None:
            open_to &= self.partners[buyers][:, listings.seller]
        if most is not None and most < len(listings):
            positions = len(self.goods.positions)
            identity = listings.seller * positions + listings.position
            keys = streams.stream("shortlist").random((organisations, organisations * positions))
            keys = np.where(open_to, keys[buyers][:, identity], np.inf)
            open_to &= keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") < most
        place, listing = (a.astype(np.int64) for a in np.nonzero(open_to))
        return Pairs(
            buyer=buyers[place],
            listing=listing,
            seller=listings.seller[listing],
            position=listings.position[listing],
        )
