"""What computing costs: a price of operations, charged for training, trials and the use of models.

Core Objects: Tariff, Computing, Meter
"""

from dataclasses import dataclass

import numpy as np

from agents.learning.stack.pairs import Pairs
from markets.accounts.money import MICRO, to_micro
from markets.columns import Floats, Ints
from sim.exchange.exchange import Exchange
from sim.exchange.tables import Refused

ANY = 2**62
"""Any number of examples."""
NO_CREDIT = "no credit for trials"
"""Why all blocks are refused to a buyer whose account does not cover what its trials cost."""


@dataclass(frozen=True, eq=False)
class Tariff:
    """What operations cost N organisations.

    Attributes
    ----------
    price : float64 [N]
        Credits an operation.
    training, forward : int64 [N]
        Operations of each one's model for training on an example, and for a forward pass of one.
    """

    price: Floats
    training: Ints
    forward: Ints

    @property
    def charges(self) -> bool:
        """Whether anything costs anything."""
        return bool(self.price.any())

    @property
    def of_use(self) -> Floats:
        """What serving a consumer costs, credits [N]: a forward pass."""
        return self.price * self.forward

    def amount(self, flops: Ints | Floats) -> Ints:
        """Return what operations [N] cost, whole micro-credits, rounded down."""
        return to_micro(self.price * flops, "down")

    def affordable(self, spendable: Ints) -> Ints | None:
        """Return on how many examples accounts [N], in micro-credits, let each train; None if all let any."""
        if not self.charges:
            return None
        each = self.price * self.training * MICRO
        most = np.divide(spendable, each, out=np.full(len(each), float(ANY)), where=each > 0)
        return np.floor(np.clip(most, 0, ANY)).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Computing:
    """What N organisations computed in a round, and what it cost.

    Attributes
    ----------
    trial_flops : int64 [N]
        Operations of each one's trials, as if it alone had tried.
    training, trials, serving : int64 [N]
        Micro-credits that each paid. What is paid for serving has been taken off its profit already.
    """

    trial_flops: Ints
    training: Ints
    trials: Ints
    serving: Ints

    @property
    def spent(self) -> Ints:
        """What each paid beside what its profit has been reduced by, micro-credits [N]."""
        return self.training + self.trials


class Meter:
    """Charges operations to the accounts of an exchange.

    Parameters
    ----------
    tariff : Tariff
        What they cost.
    exchange : Exchange
        Where the accounts are.
    """

    def __init__(self, tariff: Tariff, exchange: Exchange) -> None:
        self.tariff, self.exchange = tariff, exchange

    @property
    def affordable(self) -> Ints | None:
        """On how many examples its account lets each train, [N]; None if all let any."""
        return self.tariff.affordable(self.exchange.spendable)

    def charge(self, round_: int, flops: Ints | Floats) -> Ints:
        """Let organisations pay for operations [N]; return what each paid, micro-credits [N]."""
        due = self.tariff.amount(flops)
        self.exchange.ledger.charge(round_, due, "compute")
        return due

    def charge_trials(
        self, round_: int, flops: Ints, pairs: Pairs, refused: Refused
    ) -> tuple[Pairs, Refused, Computing]:
        """Charge trials of some operations [N], and refuse all those that a buyer's account does not cover.

        Returns the pairs [P] that are left, those that are refused, and what was computed.
        """
        covered = self.tariff.amount(flops) <= self.exchange.spendable
        flops = np.where(covered, flops, 0)
        if not covered.all():
            refused = refused.and_also(pairs.take(np.flatnonzero(~covered[pairs.buyer])), NO_CREDIT)
            pairs = pairs.take(np.flatnonzero(covered[pairs.buyer]))
        nothing, paid = np.zeros(len(flops), dtype=np.int64), self.charge(round_, flops)
        return pairs, refused, Computing(trial_flops=flops, training=nothing, trials=paid, serving=nothing)
