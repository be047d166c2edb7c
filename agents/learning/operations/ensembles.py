"""Ensembles: the alternative to merging, which keeps the models and averages their answers.

An ensemble is no model: it costs a forward pass a member each time it answers, and cannot be traded on or
trained as one. It is kept beside merging to say what merging gives up for being one model.

Source: Hansen and Salamon (1990), "Neural Network Ensembles"; Lakshminarayanan, Pritzel and Blundell (2017),
"Simple and Scalable Predictive Uncertainty Estimation Using Deep Ensembles", which averages probabilities.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.networks.products import whole_lines
from agents.learning.operations.weight_searches import WeightSearch
from agents.learning.stack.data import Data, column
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import chunks, row_parts
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.parameters import Parameters, gather, take
from agents.learning.tasks import Regression
from markets.columns import Floats, Ints
from markets.refusals import InputError

AVERAGES = ("logits", "probabilities")


@dataclass(frozen=True)
class Ensemble:
    """P ensembles of S members each.

    Parameters
    ----------
    architecture : Architecture
        What the members have in common.
    members : Parameters
        Leaves ``[P, S, ...]``, running statistics included.
    weights : Tensor
        Share of each member, ``[P, S]``; the shares of an ensemble sum to 1.
    average : str
        What is averaged: ``logits`` or ``probabilities``.

    Raises
    ------
    InputError
        If shares are negative or do not sum to 1, or there is no such average.
    """

    architecture: Architecture
    members: Parameters
    weights: Tensor
    average: str = "logits"

    def __post_init__(self) -> None:
        total = self.weights.sum(1)
        if bool((self.weights < 0).any()) or not torch.allclose(total, torch.ones_like(total)):
            raise InputError(f"weights must be at least 0 and sum to 1; got {self.weights.tolist()}")
        if self.average not in AVERAGES:
            raise InputError(f"average must be one of {', '.join(AVERAGES)}; got {self.average!r}")

    @property
    def size(self) -> int:
        """Members of each ensemble, S."""
        return self.weights.shape[1]

    def logits(self, x: Tensor) -> Tensor:
        """Return the ensembles' logits, ``[P, K, B]``, up to a constant a row.

        Inputs come as `Architecture.forward` takes them. Cost: P x S forward passes.
        """
        answers = [
            self.architecture.forward({name: leaf[:, s] for name, leaf in self.members.items()}, x)
            for s in range(self.size)
        ]
        return averaged(torch.stack(answers, 1), self.weights, self.average)

    @torch.no_grad()
    def evaluate(self, inputs: Tensor, targets: Tensor) -> tuple[Floats, Floats]:
        """Return loss (nats an example) and score of each ensemble on the same examples, ``[P]``.

        Parameters
        ----------
        inputs, targets : Tensor
            Examples ``[V, *S]`` and what is right of each, ``[V, ...]``.
        """
        task, count = self.architecture.task, len(targets)
        rows = whole_lines(torch.arange(count, device=targets.device).unsqueeze(0))[0]
        logits = self.logits(inputs[rows])
        y = targets[rows].expand(len(logits), *[-1] * targets.dim())
        return task.mean_loss(logits, y, count), task.mean_score(logits, y, count)


def averaged(logits: Tensor, weights: Tensor, average: str = "logits") -> Tensor:
    """Return the average answer ``[P, K, ...]`` of logits ``[P, S, K, ...]`` with shares ``[P, S]``."""
    share = weights.to(logits.dtype).view(*weights.shape, *[1] * (logits.dim() - 2))
    if average == "logits":
        return (logits * share).sum(1)
    return (F.log_softmax(logits, 2) + share.log()).logsumexp(1)


@torch.no_grad()
def try_ensembles(
    fleet: Fleet, offered: Parameters, pairs: Pairs, data: Data, search: WeightSearch, average: str = "logits"
) -> tuple[Floats, Floats]:
    """Return the weights of the sellers that were compared and the ensembles' losses, ``[P, W]`` each.

    What a buyer would have if it kept both models and gave the seller's answers the weight. Cost: one forward
    pass for each distinct model, whatever the number of weights; alignment does not matter.

    Parameters
    ----------
    fleet : Fleet
        Holds the buyers.
    offered : Parameters
        Models for sale, leaves ``[S, ...]``, running statistics included.
    pairs : Pairs
        Slots in the fleet and rows of what is offered, whole models.
    data : Data
        Validation examples, of one group.
    search : WeightSearch
        How to look for the weight.
    average : str
        ``logits`` or ``probabilities``.
    """
    if average not in AVERAGES:
        raise InputError(f"average must be one of {', '.join(AVERAGES)}; got {average!r}")
    (inputs, targets), (index, _) = data.on(fleet.device), data.groups(fleet.device)
    rows, count = whole_lines(index)[0], index.shape[1]
    x, y, task = inputs[rows], targets[rows], fleet.architecture.task
    own = _answers(fleet, fleet.models, fleet.rows(pairs.buyer), x)
    other = _answers(fleet, offered, column(pairs.seller, fleet.device), x)

    def loss_at(weights: Floats) -> Floats:
        loss = np.empty(weights.shape)
        for place in range(weights.shape[1]):
            share = torch.from_numpy(weights[:, place]).to(x)
            both = averaged(torch.stack([own, other], 1), torch.stack([1 - share, share], 1), average)
            wanted = y.expand(len(both), *[-1] * y.dim())
            loss[:, place] = task.mean_loss(both, wanted, count)
        return np.where(np.isfinite(loss), loss, np.inf)

    return search.search(loss_at, loss_at(np.zeros((len(own), 1)))[:, 0])


@torch.no_grad()
def evaluate_ensembles(fleet: Fleet, members: Ints, data: Data) -> tuple[Floats, Floats]:
    """Return loss and score of each ensemble on its group's examples.

    Probabilities are averaged, and of regression means and log-variances.

    As `Fleet.evaluate`, but for P ensembles of S members each, and in the same parts. Cost: P x S forward
    passes over a group's examples.

    Parameters
    ----------
    fleet : Fleet
        Holds the members.
    members : int64 array, shape (P, S)
        Slots of each ensemble.
    data : Data
        Examples, and the group of each ensemble.

    Returns
    -------
    loss, score : float64 array, shape (P,)
        Mean loss in nats an example and mean score of the task.
    """
    ensembles, size = members.shape
    rows, count = fleet.rows(members), data.index.shape[1]
    (inputs, targets), (examples, groups) = data.on(fleet.device), data.groups(fleet.device)
    equal = torch.full((ensembles, size), 1 / size, device=fleet.device)
    loss, score, task = np.zeros(ensembles), np.zeros(ensembles), fleet.architecture.task
    average = "logits" if isinstance(task, Regression) else "probabilities"
    for columns in row_parts(fleet.architecture, count, fleet.device):
        piece = examples[groups][:, columns]
        width, chosen = piece.shape[1], whole_lines(piece)
        of_members = chosen.repeat_interleave(size, 0)
        answers = [
            fleet.architecture.forward(take(fleet.models, rows[part]), gather(inputs, of_members[part]))
            for part in chunks(len(rows), fleet.passes_at_once(chosen.shape[1]))
        ]
        logits = averaged(torch.cat(answers).unflatten(0, (ensembles, size)), equal, average)
        loss += task.mean_loss(logits, targets[chosen], width) * (width / count)
        score += task.mean_score(logits, targets[chosen], width) * (width / count)
    return loss, score


def _answers(fleet: Fleet, models: Parameters, rows: Tensor, x: Tensor) -> Tensor:
    """Return the logits ``[P, K, B]`` of some rows, each distinct one computed once."""
    distinct, inverse = torch.unique(rows, return_inverse=True)
    parts = [
        fleet.architecture.forward({name: leaf[distinct[part]] for name, leaf in models.items()}, x)
        for part in chunks(len(distinct), fleet.passes_at_once(len(x)))
    ]
    return torch.cat(parts)[inverse]
