"""Whatever a module is made of: permuting the units of a symmetry that was found leaves its answers alone."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from agents.learning.symmetries.members import Member, Permutation, share_moved
from agents.learning.symmetries.tracing import Derived, derive_symmetries
from agents.learning.symmetries.verification import randomised, verify
from tests.agents.learning.conftest import ARCHITECTURES
from tests.agents.learning.symmetries.zoo import ZOO, example
from tests.agents.learning.symmetries.zoo_of_lookups import AsksForNumbers

ROUNDING = 1e-9
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
    "relative places": (2, 4, 8, 8),
    "channels last": (6, 9),
    "halves that pass by": (2, 2, 4),
    "looked up by numbers": (6, 7, 9),
    "no prefix": (6, 7),
    "windows": (6, 7),
    "rotary attention with shared keys": (2, 2, 4, 8, 8),
}
"""Widths of all permutations, known from the construction."""


@pytest.mark.parametrize("name", ZOO)
def test_permuted_units_answer_alike(name: str) -> None:
    torch.manual_seed(0)
    make, shape = ZOO[name]
    module, x = randomised(make()), example(shape)
    derived = derive_symmetries(module, x)
    assert not derived.reasons
    assert derived.permutations
    found = verify(module, derived, x)
    assert found.permuted < ROUNDING < 1e-3 < found.broken


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
    assert verify(module, derived, x).permuted < ROUNDING


def test_a_module_that_asks_for_numbers_is_carried_out_with_them() -> None:
    torch.manual_seed(0)
    module, x = randomised(AsksForNumbers()), torch.randint(0, 11, (3, 6))
    before = {name: leaf.clone() for name, leaf in module.state_dict().items()}
    derived = derive_symmetries(module, x)
    assert [one.width for one in derived.permutations] == [6, 7]
    assert {"index", "_local_scalar_dense"} <= set(derived.reasons)
    assert verify(module, derived, x).permuted < ROUNDING
    assert all(torch.equal(leaf, before[name]) for name, leaf in module.state_dict().items())


class HalfUsed(nn.Module):
    """Has a second head that is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.other = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x))


def test_what_is_not_used_stays_in_place() -> None:
    derived = derive_symmetries(HalfUsed(), torch.zeros(3, 4))
    assert [one.width for one in derived.permutations] == [6]
    assert {one.tensor for one in derived.permutations[0].members} == {"one.weight", "one.bias", "two.weight"}
    shapes = {name: tuple(leaf.shape) for name, leaf in HalfUsed().named_parameters()}
    used = 4 * 6 + 6 + 6 * 5
    assert share_moved(shapes, derived.permutations) == pytest.approx(used / (used + 5 + 6 * 3 + 3))


def test_of_a_tensor_with_units_in_some_places_only_these_move() -> None:
    members = (Member("a", 0, start=2, before=2, after=1), Member("a", 1), Member("b", 0, start=1))
    shapes = {"a": (9, 3), "b": (4,), "c": ()}
    assert share_moved(shapes, [Permutation(3, members[:1])]) == pytest.approx(6 * 3 / 32)
    assert share_moved(shapes, [Permutation(3, members)]) == pytest.approx((27 + 3) / 32)
    assert share_moved({}, []) == 0


class LaidOut(HalfUsed):
    """Says where the numbers of its hidden units lie, as torch's average of a whole picture does."""

    strides: tuple[int, ...]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.one(x)[:, :, None, None]
        return self.two(h.as_strided(h.shape, self.strides).flatten(1))


@pytest.mark.parametrize(("strides", "found"), [((6, 1, 6, 6), [6]), ((1, 4, 1, 1), [])])
def test_numbers_that_stay_where_they_are_keep_their_axes(strides: tuple[int, ...], found: list[int]) -> None:
    module = LaidOut()
    module.strides = strides
    derived = derive_symmetries(module, torch.zeros(4, 4))
    assert [one.width for one in derived.permutations] == found
    assert derived.reasons == (() if found else ("as_strided",))


class Remembering(nn.Module):
    """Keeps between passes what it made of a parameter, as some attention does with its biases."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.bias, self.two = nn.Linear(4, 6), nn.Parameter(torch.randn(6)), nn.Linear(6, 5)
        self.kept: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kept = self.kept or [self.bias * 2]
        return self.two(torch.relu(self.one(x) + self.kept[0]))


def test_nothing_is_left_in_a_module_that_keeps_what_it_made() -> None:
    torch.manual_seed(0)
    module, x = randomised(Remembering()), torch.randn(3, 4, dtype=torch.float64)
    derived = derive_symmetries(module, x)
    assert [one.width for one in derived.permutations] == [6]
    assert not module.kept
    assert verify(module, derived, x).permuted < ROUNDING
    assert not module.kept


def test_the_page_on_symmetries_says_what_is_derived() -> None:
    page = (Path(__file__).parents[4] / "docs" / "symmetries.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Derived] = {}
    exec(compile(block, "symmetries.md", "exec"), found)
    (permutation,) = found["derived"].permutations
    assert permutation.width == 6
    moved = [(one.tensor, one.axis) for one in permutation.members]
    assert moved == [("0.weight", 0), ("0.bias", 0), ("2.weight", 1)]
    assert found["derived"].reasons == ()
