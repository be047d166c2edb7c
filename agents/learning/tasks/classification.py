"""Which of several classes an example is of."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from agents.learning.tasks.base import Task


@dataclass(frozen=True)
class Classification(Task):
    """Which of K classes an example is of: cross-entropy, and the share of examples that are right.

    Targets are int64 ``[N, B]``.
    """

    name: ClassVar[str] = "classification"

    @classmethod
    def of(cls, input_shape: tuple[int, ...], classes: int) -> "Classification":
        """Return the task of classes that are named by their numbers."""
        return cls(input_shape, tuple(map(str, range(classes))))

    @property
    def prior_loss(self) -> float:
        """The logarithm of the number of classes, as of a model that guesses among them."""
        return float(np.log(self.answers))

    def row_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of every row, ``[N, B]``."""
        return -F.log_softmax(logits, 1).gather(1, targets.unsqueeze(1)).squeeze(1)

    def row_scores(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return whether the likeliest class is right, ``[N, B]``."""
        # of several greatest the first, as argmax, which takes ten times as long
        return logits.max(1).indices == targets
