"""Cross-entropy, in nats an example, of stacked logits."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from markets.columns import Floats


def row_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of every row, ``[N, B]``, from logits ``[N, K, B]`` and labels ``[N, B]``."""
    return -F.log_softmax(logits, 1).gather(1, labels.unsqueeze(1)).squeeze(1)


def mean_loss(logits: Tensor, labels: Tensor, count: int) -> Floats:
    """Return the mean cross-entropy of each slot's first `count` rows, summed in float64, ``[N]``.

    Logits are ``[N, K, B]``, labels ``[N, B]``. NumPy adds a row up in the same order however many rows there
    are, which torch does not promise across threads.
    """
    rows = row_losses(logits, labels)[:, :count].cpu().numpy().astype(np.float64)
    return np.asarray(rows.mean(axis=1))


def mean_accuracy(logits: Tensor, labels: Tensor, count: int) -> Floats:
    """Return each slot's share of right answers among its first `count` rows, ``[N]``; shapes as above."""
    # of several greatest the first, as argmax, which takes ten times as long
    right = (logits.max(1).indices == labels)[:, :count].sum(1)
    return np.asarray(right.cpu().numpy() / count, dtype=np.float64)
