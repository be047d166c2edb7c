"""The same computations as the fleet's, as loops over organisations: ordinary torch modules, one at a time.

These are the yardstick of the benchmark, so they are written as somebody would who wants them fast without
stacking models: data lie in memory as tensors on the device, an epoch's examples are gathered once, a buyer's
own loss is computed once for all sellers, and no loss leaves the device before the end of a loop.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from agents.learning.alignment.weight_matching import RELATIVE_TOLERANCE
from agents.learning.networks.base import Architecture
from agents.learning.stack.device import precise_dtype
from agents.learning.training.optimisers import SGD, AdamW, Optimiser
from markets.columns import Floats, Ints


def torch_optimiser(
    optimiser: Optimiser, module: nn.Module, fused: bool | None = None
) -> torch.optim.Optimizer:
    """Return torch's own optimiser with the settings of one of the fleet's: as it comes, or its fused kernel.

    Raises
    ------
    TypeError
        If it is neither `SGD` nor `AdamW`.
    """
    fused = fused or None  # torch's own choice
    if isinstance(optimiser, SGD):
        return torch.optim.SGD(
            module.parameters(),
            lr=optimiser.lr,
            momentum=optimiser.momentum,
            weight_decay=optimiser.weight_decay,
            nesterov=optimiser.nesterov,
            fused=fused,
        )
    if isinstance(optimiser, AdamW):
        return torch.optim.AdamW(
            module.parameters(),
            lr=optimiser.lr,
            betas=(optimiser.beta1, optimiser.beta2),
            eps=optimiser.eps,
            weight_decay=optimiser.weight_decay,
            fused=fused,
        )
    raise TypeError(f"optimiser must be SGD or AdamW; got {type(optimiser).__name__}")


def forget(optimiser: torch.optim.Optimizer) -> None:
    """Set an optimiser's step counts and moments back to zero, in place."""
    for state in optimiser.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()


def train_one_by_one(
    modules: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
    inputs: Tensor,
    labels: Tensor,
    order: Sequence[Tensor],
    batch_size: int,
) -> Floats:
    """Train each module for one epoch and return its mean loss at the time of the visits, ``[N]``, in nats.

    Parameters
    ----------
    modules, optimisers : sequence
        One of each an organisation.
    inputs, labels : Tensor
        Examples ``[E, C, H, W]`` and their classes int64 ``[E]``, on the device of the modules.
    order : sequence of Tensor
        The examples that each organisation visits, int64 ``[L_i]``, on the same device.
    batch_size : int
        Rows of a step; the last step of an epoch may have fewer.
    """
    losses = []
    for module, optimiser, visits in zip(modules, optimisers, order, strict=True):
        total = torch.zeros((), device=inputs.device)
        batches = zip(inputs[visits].split(batch_size), labels[visits].split(batch_size), strict=True)
        for x, y in batches:
            optimiser.zero_grad()
            loss = F.cross_entropy(module(x), y)
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(y)
        losses.append(total / len(visits))
    return _numbers(losses)


@torch.no_grad()
def evaluate_one_by_one(
    modules: Sequence[nn.Module], inputs: Tensor, labels: Tensor
) -> tuple[Floats, Floats]:
    """Return each module's mean loss (nats) and accuracy on the same examples, both ``[N]``."""
    losses, accuracies = [], []
    for module in modules:
        logits = module(inputs)
        losses.append(F.cross_entropy(logits, labels))
        accuracies.append((logits.argmax(1) == labels).float().mean())
    return _numbers(losses), _numbers(accuracies)


@torch.no_grad()
def try_one_by_one(
    modules: Sequence[nn.Module],
    buyers: Sequence[int],
    sellers: Ints,
    weights: Floats,
    inputs: Tensor,
    labels: Tensor,
) -> Floats:
    """Return the loss of every merge of whole models whose units are in the same order.

    Cost: a forward pass for each pair and weight above 0, and one for each buyer.

    Parameters
    ----------
    modules : sequence of Module
        One an organisation.
    buyers : sequence of int
        Organisations that buy, B of them.
    sellers : int64 array, shape (B, k)
        Whose models each buyer tries.
    weights : float64 array, shape (W,)
        Merge weights, the first of them 0.
    inputs, labels : Tensor
        Validation examples ``[V, C, H, W]`` and their classes int64 ``[V]``.

    Returns
    -------
    float64 array, shape (B k, W)
        Mean loss in nats an example; pairs in the order of the buyers, then of their sellers.
    """
    merged = copy.deepcopy(modules[0])
    parameters = [list(module.parameters()) for module in modules]
    targets, shares = list(merged.parameters()), weights[1:].tolist()
    losses = []
    for buyer, offers in zip(buyers, sellers.tolist(), strict=True):
        before = F.cross_entropy(modules[buyer](inputs), labels)
        for seller in offers:
            losses.append(before)
            for share in shares:
                for target, own, other in zip(targets, parameters[buyer], parameters[seller], strict=True):
                    torch.lerp(own, other, share, out=target)
                losses.append(F.cross_entropy(merged(inputs), labels))
    return _numbers(losses).reshape(-1, len(weights))


@torch.no_grad()
def merge_one_by_one(
    modules: Sequence[nn.Module], buyers: Sequence[int], sellers: Sequence[int], weight: float
) -> None:
    """Merge each buyer's model with its seller's as it was before, in place, by interpolation."""
    before = {seller: [leaf.clone() for leaf in modules[seller].parameters()] for seller in set(sellers)}
    for buyer, seller in zip(buyers, sellers, strict=True):
        for leaf, other in zip(modules[buyer].parameters(), before[seller], strict=True):
            leaf.lerp_(other, weight)


def assign_one_by_one(tables: Tensor) -> Floats:
    """Return the greatest total of each table ``[P, h, h]``, by scipy's solver on one core of the host."""
    host = tables.cpu().numpy()
    return np.array([table[linear_sum_assignment(table, maximize=True)].sum() for table in host])


@torch.no_grad()
def align_one_by_one(
    architecture: Architecture, modules: Sequence[nn.Module], buyers: Sequence[int], sellers: Ints
) -> Floats:
    """Match each seller's units to the buyer's and return the objective of each pair, ``[B k]``.

    Weight matching by coordinate descent (Ainsworth, Hayase and Srinivasa 2023, algorithm 1), permutations
    visited input first until a whole pass moves none. The objective is the sum of inner products of the
    buyer's parameters and the aligned ones.
    """
    objectives = []
    for buyer, offers in zip(buyers, sellers.tolist(), strict=True):
        own = _precise(modules[buyer])
        for seller in offers:
            objectives.append(_align(architecture, own, _precise(modules[seller])))
    return _numbers(objectives)


def _align(architecture: Architecture, own: dict[str, Tensor], other: dict[str, Tensor]) -> Tensor:
    aligned, moved = dict(other), True
    norms = [sum(leaf.square().sum() for leaf in side.values()) for side in (own, other)]
    tolerance = RELATIVE_TOLERANCE * float(norms[0] * norms[1]) ** 0.5
    while moved:
        moved = False
        for permutation in architecture.permutations.values():
            members = [(one.tensor, one.axis) for one in permutation.members]
            cost = torch.as_tensor(
                sum(_units(own[tensor], axis) @ _units(aligned[tensor], axis).T for tensor, axis in members)
            )
            table = cost.cpu().numpy()
            best = linear_sum_assignment(table, maximize=True)[1]
            if table[np.arange(len(best)), best].sum() - table.trace() > tolerance:
                order, moved = torch.from_numpy(best).to(cost.device), True
                for tensor, axis in members:
                    aligned[tensor] = aligned[tensor].index_select(axis, order)
    return torch.as_tensor(sum((leaf * aligned[name]).sum() for name, leaf in own.items()))


def _units(leaf: Tensor, axis: int) -> Tensor:
    return leaf.movedim(axis, 0).reshape(leaf.shape[axis], -1)


def _precise(module: nn.Module) -> dict[str, Tensor]:
    state = module.state_dict()
    return {name: leaf.to(precise_dtype(leaf.device)) for name, leaf in state.items()}


def _numbers(values: Sequence[Tensor]) -> Floats:
    return np.asarray(torch.stack(list(values)).cpu().numpy(), dtype=np.float64)
