"""What a task is: what answers mean, and how far they are from right."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from markets.columns import Floats


@dataclass(frozen=True)
class Task(ABC):
    """What is right: how answers are measured, in nats an example and by a score.

    Parameters
    ----------
    input_shape : tuple of int
        Of an example, such as channels, height and width of an image.
    vocabulary : tuple of str
        Names of what is told apart: classes, tokens, or the one number that is predicted.

    Attributes
    ----------
    takes_tokens : bool
        Whether inputs are int64 numbers of the vocabulary instead of float32.
    score : str
        What `row_scores` are, in words.
    """

    input_shape: tuple[int, ...]
    vocabulary: tuple[str, ...]

    name: ClassVar[str]
    takes_tokens: ClassVar[bool] = False
    score: ClassVar[str] = "share of right answers"

    @property
    def answers(self) -> int:
        """Numbers K that a model says of an example, or of each position of it."""
        return len(self.vocabulary)

    @property
    @abstractmethod
    def prior_loss(self) -> float:
        """The loss of knowing nothing but what was told beforehand, nats an example."""

    @abstractmethod
    def row_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every row in nats, ``[N, B]``, at least 0.

        Logits are ``[N, K, *P, B]`` and targets ``[N, B, *P]``, with positions P where an example has some.
        """

    @abstractmethod
    def row_scores(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return how good every row is, ``[N, B]``, at most 1; shapes as above."""

    def mean_loss(self, logits: Tensor, targets: Tensor, count: int) -> Floats:
        """Return the mean loss of each slot's first `count` rows, ``[N]``."""
        return _mean(self.row_losses(logits, targets), count)

    def mean_score(self, logits: Tensor, targets: Tensor, count: int) -> Floats:
        """Return the mean score of each slot's first `count` rows, ``[N]``."""
        return _mean(self.row_scores(logits, targets), count)


def _mean(rows: Tensor, count: int) -> Floats:
    """Return the mean of the first `count` columns, ``[N]``, in float64.

    NumPy adds a row up in the same order however many rows there are, which torch does not promise across
    threads.
    """
    return np.asarray(rows[:, :count].cpu().numpy().astype(np.float64).mean(axis=1))
