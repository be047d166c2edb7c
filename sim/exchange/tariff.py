"""What computing costs: a price of operations, charged for training, trials and the use of models.

Core Objects: Tariff, Computing
"""

from dataclasses import dataclass

import numpy as np

from markets.accounts.money import MICRO, to_micro
from markets.columns import Floats, Ints

ANY = 2**62
"""Any number of examples."""


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
