"""Whether permutations that were derived leave a module's answers as they are, tried on random numbers.

Core Objects: verify, Verified, randomised
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from agents.learning.symmetries.members import Permutation, reordered
from agents.learning.symmetries.tracing import Derived, remembering_nothing

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Verified:
    """How far answers are from those of the module as it was, over their largest.

    Attributes
    ----------
    permuted : float
        With all units in a random order: rounding alone, in double precision some 1e-12.
    broken : float
        With one thing that moves left where it was, in every permutation: far more, or nothing is shown.
    """

    permuted: float
    broken: float


def randomised(module: nn.Module) -> nn.Module:
    """Turn a module to double precision and evaluation mode, no two of its parameters alike; return it.

    Weights are scaled so that numbers neither vanish nor overflow over many layers; scales and variances are
    between a half and one and a half.
    """
    module = module.double().eval()
    variances = {name for name, _ in module.named_buffers() if name.rpartition(".")[2] == "running_var"}
    means = {name for name, _ in module.named_buffers() if name.rpartition(".")[2] == "running_mean"}
    with torch.no_grad():
        for name, leaf in (*module.named_parameters(), *module.named_buffers()):
            if isinstance(leaf, nn.Parameter) and leaf.dim() > 1:
                leaf.normal_().div_(prod(leaf.shape[1:]) ** 0.5)
            elif isinstance(leaf, nn.Parameter) or name in variances:
                leaf.uniform_(0.5, 1.5)
            elif name in means:
                leaf.normal_()
    return module


@torch.no_grad()
def verify(module: nn.Module, derived: Derived, *inputs: Tensor) -> Verified:
    """Return what random permutations of all units change, and what they change where one is incomplete.

    Draws from torch's global generator. Costs three forward passes.

    Parameters
    ----------
    module : nn.Module
        Without random draws; one that is `randomised` shows most.
    derived : Derived
        Its permutations.
    inputs : Tensor
        Arguments of its forward pass.
    """
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    orders = [torch.randperm(one.width).roll(1)[None] for one in derived.permutations]
    as_it_was = _answers(module, state, inputs)
    incomplete = [_without_the_first(one) for one in derived.permutations]
    return Verified(
        *(
            _distance(_answers(module, _moved(state, permutations, orders), inputs), as_it_was)
            for permutations in (derived.permutations, incomplete)
        )
    )


def _without_the_first(permutation: Permutation) -> Permutation:
    return Permutation(permutation.width, permutation.members[1:])


def _moved(state: State, permutations: Sequence[Permutation], orders: Sequence[Tensor]) -> State:
    """Return tensors with all units in other orders."""
    moved = dict(state)
    for permutation, order in zip(permutations, orders, strict=True):
        for one in permutation.members:
            moved[one.tensor] = reordered(moved[one.tensor][None], one, order)[0]
    return moved


def _answers(module: nn.Module, state: State, inputs: tuple[Tensor, ...]) -> Tensor:
    # A forward pass may write into buffers.
    buffers = {name: state[name].clone() for name, _ in module.named_buffers()}
    answers = functional_call(remembering_nothing(module), {**state, **buffers}, inputs)
    return torch.cat([one.flatten() for one in tree_leaves(answers) if isinstance(one, Tensor)])


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())
