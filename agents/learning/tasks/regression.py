"""Which number belongs to an example."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from agents.learning.tasks.base import Task


@dataclass(frozen=True)
class Regression(Task):
    """Which number belongs to an example: a Gaussian whose mean and variance the model says.

    Targets are float32 ``[N, B]`` in units of their standard deviation, less their mean. A model says two
    numbers, the mean and, where it is not small, the logarithm of the variance. The loss is the negative
    log-likelihood with `tolerance` as the unit of the density, and no deviation counts as less than tolerance
    / sqrt(2 pi). So the loss is at least 0, and quality, exp(-loss), is in (0, 1]: about the chance, by the
    model, of a window so wide around the truth.

    Source: Nix and Weigend (1994), "Estimating the mean and variance of the target probability distribution".

    Parameters
    ----------
    tolerance : float
        Width of the window, in standard deviations of the targets.
    """

    tolerance: float = 0.25

    name: ClassVar[str] = "regression"
    score: ClassVar[str] = "share of variance explained"

    @property
    def answers(self) -> int:
        """Two: the mean, and the logarithm of the variance."""
        return 2

    @property
    def prior_loss(self) -> float:
        """The loss of saying mean 0 and variance 1 of what has them."""
        return 0.5 * math.log(2 * math.pi * math.e) - math.log(self.tolerance)

    def row_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the negative log-likelihood of every row, ``[N, B]``, from ``[N, 2, B]``."""
        mean, said = logits.unbind(1)
        least = 2 * math.log(self.tolerance) - math.log(2 * math.pi)
        # a smooth floor: where it holds, the variance still learns
        above = F.softplus(said - least)
        return 0.5 * ((targets - mean).square() * (-least - above).exp() + above)

    def row_scores(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return one less the squared error, ``[N, B]``: its mean is the share of variance explained."""
        return 1 - (targets - logits[:, 0]).square()
