"""Which token comes next."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from agents.learning.tasks.base import Task


@dataclass(frozen=True)
class NextToken(Task):
    """Which token follows at every position of a sequence: the mean cross-entropy of its positions.

    Inputs and targets are int64 ``[N, B, T]``, targets those of the next position. Quality, exp(-loss), is
    one over the perplexity a token.
    """

    name: ClassVar[str] = "next_token"
    takes_tokens: ClassVar[bool] = True
    score: ClassVar[str] = "share of tokens foretold"

    @property
    def prior_loss(self) -> float:
        """The logarithm of the number of tokens, as of a model that guesses among them."""
        return float(np.log(self.answers))

    def row_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of every row's tokens, ``[N, B]``, from logits ``[N, K, T, B]``."""
        wanted = targets.transpose(1, 2).unsqueeze(1)
        return -F.log_softmax(logits, 1).gather(1, wanted).squeeze(1).mean(1)

    def row_scores(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the share of every row's tokens that are the likeliest, ``[N, B]``."""
        return (logits.max(1).indices == targets.transpose(1, 2)).float().mean(1)
