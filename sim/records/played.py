"""What happened in a round: what its tables are made from.

Core Objects: Played, Models, Means
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agents.learning.trials import Trials
from markets.columns import Ints
from sim.consumers.payoffs import DownstreamMarket, Earnings
from sim.exchange.exchange import Exchange
from sim.exchange.royalties import Royalties
from sim.exchange.tables import Charges, Deals, Prospects, Quoted, Refused
from sim.exchange.tariff import Computing, Tariff
from sim.holdings import Holdings
from sim.laboratory.requests import Measured, Trained
from sim.membership import Members


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models of N organisations at the end of a round.

    Attributes
    ----------
    training : int64 [n]
        Who trained.
    trained : Trained
        What training them came to, [n].
    before, tested : Measured
        On test data: those of buyers before they merged, one entry a purchase, and all at the end.
    holdings : Holdings
        What organisations have in the end.
    example_flops : int64 [N]
        Operations of training each one's model on an example.
    trial_flops : int
        Operations of all trials of the round.
    """

    training: Ints
    trained: Trained
    before: Measured
    tested: Measured
    holdings: Holdings
    example_flops: Ints
    trial_flops: int


@dataclass(frozen=True, eq=False)
class Means:
    """What N organisations have that may differ: names of groups and networks, text [N], and a tariff."""

    group: NDArray[np.object_]
    network: NDArray[np.object_]
    tariff: Tariff


@dataclass(frozen=True, kw_only=True)
class Played:
    """What happened in a round of N organisations.

    Attributes
    ----------
    prospects, refused, trials, quoted, deals, charges
        From what there was to trade to what came of it.
    models, earnings, computing, royalties
        What organisations then had, earned, computed and shared.
    members, exchange, downstream, means
        Who was there, where they traded, to which consumers they sold, and with what.
    """

    prospects: Prospects
    refused: Refused
    trials: Trials
    quoted: Quoted
    deals: Deals
    charges: Charges
    models: Models
    earnings: Earnings
    computing: Computing
    royalties: Royalties
    members: Members
    exchange: Exchange
    downstream: DownstreamMarket
    means: Means

    @cached_property
    def bought(self) -> Deals:
        """The deals that settled."""
        return self.deals.settled_only()

    @cached_property
    def charged(self) -> Charges:
        """The charges that settled."""
        return self.charges.settled_only()

    @property
    def organisations(self) -> int:
        """How many there are, N."""
        return len(self.models.holdings.validation_loss)
