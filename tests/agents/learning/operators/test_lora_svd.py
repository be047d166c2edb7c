"""Interpolated products of adapters, cut back to their rank."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from torch import Tensor

from agents.learning.networks.module_modes import quietly
from agents.learning.operators import Operands
from agents.learning.operators.conformance import check_operator
from agents.learning.operators.lora_svd import LoraSvd, cut_products, factors_of
from agents.learning.tasks import Classification
from markets.refusals import InputError
from sim.laboratory import Laboratory
from tests.agents.learning.conftest import ARCHITECTURES
from tests.agents.learning.language_models import TOKENS, adapted, bound
from tests.agents.learning.own_nets import OWN
from tests.sim.conftest import small

PAIRS = 4
SIZES = st.tuples(st.integers(1, 6), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
DOWN_UP = LoraSvd(inner="down", outer="up")
Sides = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


def drawn(rank: int, rows: int, columns: int, seed: int) -> tuple[Sides, Tensor, torch.Generator]:
    """Return adapters of two sides, merge weights, and where they were drawn from."""
    generator = torch.Generator().manual_seed(seed)

    def one(*shape: int) -> Tensor:
        return torch.randn(PAIRS, *shape, generator=generator, dtype=torch.float64)

    sides = tuple((one(rank, columns), one(rows, rank)) for _ in range(2))
    return sides, torch.rand(PAIRS, generator=generator).double(), generator  # type: ignore[return-value]


@settings(max_examples=30, deadline=None)
@given(SIZES)
def test_it_is_the_nearest_of_its_rank_to_the_interpolated_products(sizes: tuple[int, int, int, int]) -> None:
    (own, other), weight, _ = drawn(*sizes)
    a, b = cut_products(own, other, weight)
    w = weight.view(-1, 1, 1)
    u, size, v = torch.linalg.svd((1 - w) * own[1] @ own[0] + w * other[1] @ other[0], full_matrices=False)
    rank = sizes[0]
    torch.testing.assert_close(b @ a, (u[:, :, :rank] * size[:, None, :rank]) @ v[:, :rank])
    for pair in range(PAIRS):
        row = torch.tensor([pair])
        alone = cut_products((own[0][row], own[1][row]), (other[0][row], other[1][row]), weight[row])
        assert torch.equal(alone[0], a[row])
        assert torch.equal(alone[1], b[row])


@settings(max_examples=20, deadline=None)
@given(SIZES)
def test_how_inner_units_are_ordered_signed_or_mixed_is_no_matter(sizes: tuple[int, int, int, int]) -> None:
    sides, weight, generator = drawn(*sizes)
    a, b = cut_products(*sides, weight)
    rank = sizes[0]
    order = torch.stack([torch.randperm(rank, generator=generator) for _ in range(PAIRS)])
    signs = torch.randn(PAIRS, 1, rank, generator=generator).sign().double()
    swapped = torch.eye(rank, dtype=torch.float64)[order] * signs
    mixed = torch.eye(rank) + 0.3 * torch.randn(PAIRS, rank, rank, generator=generator).double()
    for one, two in ((swapped, swapped.flip(0)), (mixed, swapped)):
        turned = tuple(
            (torch.linalg.solve(mix, inner), outer @ mix)
            for mix, (inner, outer) in zip((one, two), sides, strict=True)
        )
        inner, outer = cut_products(*turned, weight)  # type: ignore[arg-type]
        torch.testing.assert_close(outer @ inner, b @ a, rtol=1e-5, atol=1e-6)


def adapters(model: PeftModel, name: str) -> dict[str, Tensor]:
    """Return the factors of one adapter of a model, as a slot has them."""
    wanted = {n: leaf for n, leaf in model.named_parameters() if f".{name}." in n}
    return {n.replace(f".{name}.", ".default."): leaf.detach()[None] for n, leaf in wanted.items()}


def test_it_is_the_svd_of_peft() -> None:
    torch.manual_seed(0)
    with quietly():
        model = adapted(TOKENS.input_shape, TOKENS.answers)
    model.add_adapter("other", model.peft_config["default"])
    for name, leaf in model.named_parameters():
        if ".other." in name:
            torch.nn.init.normal_(leaf, std=0.3)
    own, other = adapters(model, "default"), adapters(model, "other")
    model.add_weighted_adapter(["default", "other"], [0.6, 0.4], "both", combination_type="svd")
    merged = LoraSvd().merge(Operands(own, other), torch.tensor([0.4]))
    assert len(merged) == 2 * len(factors_of(merged, "lora_A", "lora_B")) == 16
    layers = [layer for layer in model.modules() if hasattr(layer, "get_delta_weight")]
    for (a, b), layer in zip(factors_of(merged, "lora_A", "lora_B"), layers, strict=True):
        found = layer.scaling["default"] * (merged[b] @ merged[a])[0].T  # a layer of GPT-2 is transposed
        torch.testing.assert_close(found, layer.get_delta_weight("both"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["peft", "own"])
def test_adapters_are_merged_as_is_declared(name: str) -> None:
    task = Classification.of((2, 5, 5), 3)
    operator, network = (
        (LoraSvd(), bound(adapted)) if name == "peft" else (DOWN_UP, OWN["adapted"].for_task(task))
    )
    assert not operator.refuses(network)
    check_operator(operator, network)


def test_what_is_no_pair_of_factors_is_interpolated() -> None:
    torch.manual_seed(0)
    own, other = (
        {"down.weight": torch.randn(3, 2, 6), "up.weight": torch.randn(3, 5, 2), "head": torch.randn(3, 4)}
        for _ in range(2)
    )
    other["up.weight"][1] = torch.nan
    # of the second pair, the block holds one factor alone; the third has numbers that are none
    masks = {name: torch.tensor([True, name != "up.weight", True]) for name in own}
    other["down.weight"][2, 0, 0] = torch.inf
    merged = DOWN_UP.merge(Operands(own, other, masks), torch.full((3,), 0.25))
    torch.testing.assert_close(merged["head"], 0.75 * own["head"] + 0.25 * other["head"])
    torch.testing.assert_close(
        merged["down.weight"][1], 0.75 * own["down.weight"][1] + 0.25 * other["down.weight"][1]
    )
    assert torch.equal(merged["up.weight"][1], own["up.weight"][1])
    assert merged["up.weight"][0].isfinite().all()
    assert merged["up.weight"][2].isnan().all()


def test_adapters_that_are_nothing_yet_stay_alive() -> None:
    """Where B is 0, as at the start, A keeps its length, or no step would ever change either."""
    (a, b), (c, d) = drawn(3, 8, 9, 0)[0]
    found, outer = cut_products((a, 0 * b), (c, 0 * d), torch.full((PAIRS,), 0.5).double())
    assert (outer == 0).all()
    length = (0.5 * (a + c)).flatten(1).norm(dim=1)
    torch.testing.assert_close(found.flatten(1).norm(dim=1), length)


def test_networks_without_factors_are_refused() -> None:
    assert "needs a network with trained tensors lora_A and lora_B" in LoraSvd().refuses(ARCHITECTURES["mlp"])
    crossed = LoraSvd(inner="mix", outer="table").refuses(OWN["tied"].for_task(TOKENS))
    assert not crossed
    crossed = LoraSvd(inner="table", outer="mix").refuses(OWN["tied"].for_task(TOKENS))
    assert crossed == "needs factors whose product exists; got table.weight (9, 6) and mix.weight (6, 6)"
    with pytest.raises(InputError, match="merge_operator lora_svd needs a network with trained tensors"):
        Laboratory(small(learning={"merge_operator": "lora_svd"}), 0)
    with pytest.raises(ValueError, match="inner"):
        LoraSvd(inner="")
