"""Whatever a module is made of: permuting the units of a symmetry that was found leaves its answers alone."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from agents.learning.symmetries.members import reordered
from agents.learning.symmetries.tracing import Derived, derive_symmetries
from tests.agents.learning.conftest import ARCHITECTURES
from tests.agents.learning.symmetries.zoo import ZOO, example

FOUND = {
    "mlp": (6, 7),
    "resnet, batch norm": (6, 6, 8, 8),
    "resnet, activation first": (6, 6, 8, 8),
    "densenet": (4, 4, 4),
    "unet": (4, 6, 8),
    "flattened pictures": (6, 7),
    "depthwise separable": (2, 6, 8),
    "lstm": (6, 7),
    "gru": (6, 7),
    "plain recurrence": (6, 7),
    "a shared layer": (8,),
    "tied weights": (9,),
    "experts": (3, 6),
    "mixer": (6, 8, 10),
}
"""Widths of all permutations, known from the construction."""


def randomised(module: nn.Module) -> nn.Module:
    """Return a module in double precision, no two parameters or statistics of which are alike."""
    module = module.double().eval()
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5 if tensor.dim() < 2 else torch.randn_like(tensor))
    return module


def moved(module: nn.Module, derived: Derived, x: torch.Tensor) -> torch.Tensor:
    """Return the answers of a module all of whose units are in another order."""
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for permutation in derived.permutations:
        order = torch.randperm(permutation.width).roll(1)[None]
        for one in permutation.members:
            state[one.tensor] = reordered(state[one.tensor][None], one, order)[0]
    with torch.no_grad():
        return functional_call(module, state, (x,))


@pytest.mark.parametrize("name", ZOO)
def test_permuted_units_answer_alike(name: str) -> None:
    torch.manual_seed(0)
    make, shape = ZOO[name]
    module, x = randomised(make()), example(shape)
    derived = derive_symmetries(module, x)
    assert not derived.reasons
    assert derived.permutations
    with torch.no_grad():
        torch.testing.assert_close(moved(module, derived, x), module(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FOUND)
def test_all_symmetries_are_found(name: str) -> None:
    make, shape = ZOO[name]
    derived = derive_symmetries(make().double().eval(), example(shape))
    assert tuple(sorted(one.width for one in derived.permutations)) == FOUND[name]


def test_heads_of_attention_move_and_so_do_the_units_within() -> None:
    make, shape = ZOO["vision transformer"]
    derived = derive_symmetries(make().double().eval(), example(shape))
    of_heads = [
        (one.width, member.before, member.after)
        for one in derived.permutations
        for member in one.members
        if member.tensor == "attention.qkv.weight" and member.axis == 0
    ]
    assert sorted(of_heads) == [(2, 3, 4), (4, 6, 1)]


@pytest.mark.parametrize("name", [name for name, one in ARCHITECTURES.items() if one.symmetries])
def test_what_is_derived_is_what_our_networks_declare(name: str) -> None:
    architecture = ARCHITECTURES[name]
    module = architecture.skeleton().eval()
    derived = derive_symmetries(module, torch.zeros(3, *architecture.input_shape))
    assert not derived.reasons
    found = {
        frozenset(
            (member.tensor, member.axis)
            for member in one.members
            if member.tensor in (*architecture.shapes, *architecture.statistics)
        )
        for one in derived.permutations
    }
    assert found == {frozenset(members) for members in architecture.symmetries.values()}
    assert all(member.before == member.after == 1 for one in derived.permutations for member in one.members)


class Unknown(nn.Module):
    """Sorts its hidden units, for which there is no rule, between layers that are understood."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(4, 6), nn.Linear(6, 7), nn.Linear(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.three(torch.relu(self.two(torch.relu(self.one(x)).cummax(-1)[0])))


def test_what_is_not_understood_stays_in_place_with_its_reason() -> None:
    derived = derive_symmetries(Unknown(), torch.zeros(3, 4))
    assert derived.reasons == ("cummax",)
    assert [one.width for one in derived.permutations] == [7]


class Caching(nn.Module):
    """Puts hidden units behind those of a cache that has none yet."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 6), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.one(x)
        return self.two(torch.cat([torch.tensor([]), torch.cat([hidden[:, :0], hidden], 1)], -1))


def test_what_is_empty_is_no_obstacle() -> None:
    derived = derive_symmetries(Caching(), torch.zeros(3, 4))
    assert not derived.reasons
    assert [one.width for one in derived.permutations] == [6]


class Written(nn.Module):
    """Writes some of its hidden units into places of a tensor, and one of them over."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 6), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = x.new_zeros(len(x), 8)
        places[:, 1:7] = self.one(x)
        places[:, 2] = 0
        return self.two(places)


def test_units_that_are_written_to_are_told_apart() -> None:
    torch.manual_seed(0)
    module = randomised(Written())
    x = torch.randn(3, 4, dtype=torch.float64)
    derived = derive_symmetries(module, x)
    with torch.no_grad():
        torch.testing.assert_close(moved(module, derived, x), module(x))
