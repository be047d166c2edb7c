"""A market's epoch as the published code works, one item, one model and one merge weight at a time.

This is the yardstick of the benchmark's whole round. It follows the released code of Huang, Vishwakarma and
Sala (2023), "Train 'n Trade: Foundations of Parameter Markets", step for step, written anew:

- an example is turned from bytes into a normalised tensor whenever a data loader asks for it;
- an epoch of training is a loop over batches of a data loader, with torch's Adam or SGD as it comes;
- weight matching multiplies all tensors of a pair in every pass, in single precision;
- a trial copies both models for every merge weight and passes over all held-out examples;
- a buyer whose least loss is below its own takes the merged model and a fresh optimiser;
- every model is measured before the trials and after the purchases.

It differs where results could not be compared otherwise: examples and permutations are visited in a given
order, and losses are means over examples. Loaders work in the calling process, for one thread is timed.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from agents.learning.networks.base import Architecture
from markets.columns import Floats
from markets.refusals import InputError

State = dict[str, Tensor]
MakeOptimiser = Callable[[nn.Module], torch.optim.Optimizer]
MEAN, DEVIATION = 0.1307, 0.3081
"""Of MNIST's pixels, which the published code takes away and divides by."""
MOST_PASSES = 300


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Images of bytes ``[E, H, W]`` that become normalised tensors ``[1, H, W]`` one at a time, on demand."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.pixels, self.labels = pixels, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.pixels[index].numpy()[None]
        scaled = torch.from_numpy(image).contiguous().to(torch.float32).div(255)
        mean, deviation = (torch.as_tensor([value], dtype=scaled.dtype) for value in (MEAN, DEVIATION))
        if (deviation == 0).any():
            raise InputError("deviation must not be 0")
        normal = scaled.clone().sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))
        return normal, self.labels[index]


def normalised(pixels: Tensor) -> Tensor:
    """Return what `Images` gives for all images ``[E, H, W]`` at once, ``[E, 1, H, W]``."""
    return pixels.unsqueeze(1).to(torch.float32).div(255).sub_(MEAN).div_(DEVIATION)


class PublishedMarket:
    """Organisations that trade whole models after every epoch.

    Parameters
    ----------
    architecture : Architecture
        Declares which axes of its tensors move together in weight matching.
    modules : sequence of Module
        A model an organisation; replaced by purchases.
    make_optimiser : callable
        Makes the optimiser of a module, at the start and after every purchase.
    images : Images
        All examples.
    batch_size : int
        Rows of a step, and of a batch of the held-out examples.
    weights : sequence of float
        Merge weights tried, each in (0, 1].
    """

    def __init__(
        self,
        architecture: Architecture,
        modules: Sequence[nn.Module],
        make_optimiser: MakeOptimiser,
        images: Images,
        batch_size: int,
        weights: Sequence[float],
    ) -> None:
        self.architecture = architecture
        self.modules = list(modules)
        self.make_optimiser = make_optimiser
        self.optimisers = [make_optimiser(module) for module in modules]
        self.images = images
        self.batch_size = batch_size
        self.weights = list(weights)

    def train(self, order: Sequence[Sequence[int]]) -> Floats:
        """Train each model on its own examples in the order given; return mean losses, nats, ``[N]``."""
        losses = []
        for module, optimiser, visits in zip(self.modules, self.optimisers, order, strict=True):
            module.train()
            total = 0.0
            for x, y in self._batches(visits):
                optimiser.zero_grad()
                output = F.log_softmax(module(x), dim=1)
                loss = F.nll_loss(output, y)
                output.argmax(dim=1, keepdim=True).eq(y.view(-1, 1)).sum().item()
                total += loss.item() * len(y)
                loss.backward()
                optimiser.step()
            losses.append(total / len(visits))
        return np.array(losses)

    def test(self, held: Sequence[int]) -> tuple[Floats, Floats]:
        """Return each model's mean loss (nats) and accuracy on held-out examples, both ``[N]``."""
        found = [self._test(module, held) for module in self.modules]
        return np.array([loss for loss, _ in found]), np.array([accuracy for _, accuracy in found])

    def trade(self, held: Sequence[int]) -> Floats:
        """Let each organisation try its successor's model, aligned, and buy it if that lowers the loss.

        Returns
        -------
        float64 array, shape (N, W + 1)
            Loss on the held-out examples at merge weight 0 and at every weight tried.
        """
        before = self.test(held)[0]
        losses, best = [], []
        for buyer, module in enumerate(self.modules):
            seller = self._aligned(module, self.modules[(buyer + 1) % len(self.modules)])
            tried, merged = self._try(module, seller, held)
            losses.append([before[buyer], *tried])
            best.append(merged)
        for buyer, (merged, tried) in enumerate(zip(best, losses, strict=True)):
            if min(tried[1:]) < tried[0]:
                self.modules[buyer] = copy.deepcopy(merged)
                self.optimisers[buyer] = self.make_optimiser(self.modules[buyer])
        return np.array(losses)

    def _try(self, buyer: nn.Module, seller: nn.Module, held: Sequence[int]) -> tuple[list[float], nn.Module]:
        losses: list[float] = []
        best = buyer
        for weight in self.weights:
            merged, other = copy.deepcopy(buyer), copy.deepcopy(seller)
            for name in merged.state_dict():
                mixed = (1 - weight) * merged.state_dict()[name] + weight * other.state_dict()[name]
                merged.state_dict()[name].copy_(mixed)
            loss = self._test(merged, held)[0]
            if not losses or loss < min(losses):
                best = copy.deepcopy(merged)
            losses.append(loss)
        return losses, best

    @torch.no_grad()
    def _test(self, module: nn.Module, held: Sequence[int]) -> tuple[float, float]:
        module.eval()
        total, right = 0.0, 0
        for x, y in self._batches(held):
            output = F.log_softmax(module(x), dim=1)
            total += F.nll_loss(output, y).item() * len(y)
            prediction = output.argmax(dim=1, keepdim=True)
            right += int(prediction.eq(y.view_as(prediction)).sum().item())
        return total / len(held), right / len(held)

    def _batches(self, visits: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        yield from DataLoader(self.images, batch_size=self.batch_size, sampler=visits)

    def _aligned(self, buyer: nn.Module, seller: nn.Module) -> nn.Module:
        aligned = copy.deepcopy(seller)
        own, other = copy.deepcopy(buyer).state_dict(), aligned.state_dict()
        aligned.load_state_dict(matched(self.architecture, own, other))
        return aligned


def matched(architecture: Architecture, own: State, other: State) -> State:
    """Return the other model with its units in the order that matches the own one's.

    Coordinate descent over the permutations, input first, until a whole pass gains nothing (Ainsworth, Hayase
    and Srinivasa 2023, algorithm 1).
    """
    orders = {
        name: torch.arange(own[members[0][0]].shape[members[0][1]])
        for name, members in architecture.symmetries.items()
    }
    for _ in range(MOST_PASSES):
        progress = False
        for name, members in architecture.symmetries.items():
            units = len(orders[name])
            table = torch.zeros(units, units)
            for tensor, axis in members:
                moved = _permuted(architecture, tensor, other[tensor], orders, axis)
                left, right = (leaf.movedim(axis, 0).reshape(units, -1) for leaf in (own[tensor], moved))
                table += left @ right.T
            best = torch.from_numpy(linear_sum_assignment(table.numpy(), maximize=True)[1])
            before, after = (
                torch.einsum("ij,ij->i", table, torch.eye(units)[order]).sum()
                for order in (orders[name], best)
            )
            progress = progress or bool(after > before + 1e-12)
            orders[name] = best
        if not progress:
            break
    return {name: _permuted(architecture, name, leaf, orders, None) for name, leaf in other.items()}


def _permuted(
    architecture: Architecture, name: str, leaf: Tensor, orders: dict[str, Tensor], except_axis: int | None
) -> Tensor:
    for permutation, members in architecture.symmetries.items():
        for tensor, axis in members:
            if tensor == name and axis != except_axis:
                leaf = leaf.index_select(axis, orders[permutation])
    return leaf
