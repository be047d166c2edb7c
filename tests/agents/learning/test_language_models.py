"""Models of transformers and adapters of peft are networks as any: traced, trained, quiet."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from agents.learning import Data, Fleet, Offered, Pairs, merge, try_blocks
from agents.learning.operations.weight_searches import GivenWeights
from agents.learning.operators import MERGE_OPERATORS, Recipe
from agents.learning.operators.fisher import Fisher
from agents.learning.symmetries.tracing import derive_symmetries
from agents.learning.symmetries.verification import randomised, verify
from agents.learning.training.optimisers import AdamW
from sim.saved_models.saving import own_tensors
from tests.agents.learning.language_models import TOKENS, adapted, bound, gpt2, llama, tokens

GPT2 = [12, *[3, 4, 4, 48] * 2]
"""Permutations that are known from its construction: width; heads, units of keys, of values, hidden ones."""


class Answering(nn.Module):
    """What a model of transformers answers, as a tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x).logits


@pytest.mark.parametrize(("make", "digits"), [(gpt2, 1e-9), (llama, 1e-4)])
def test_units_of_decoders_are_found_and_move(make: object, digits: float) -> None:
    """Llama computes a part in float32."""
    torch.manual_seed(0)
    module, x = randomised(Answering(make((6,), 9))), tokens(3)  # type: ignore[operator]
    derived = derive_symmetries(module, x)
    assert not derived.reasons
    widths = [one.width for one in derived.permutations]
    assert widths == GPT2 if make is gpt2 else {16, 4, 20} <= set(widths)
    found = verify(module, derived, x)
    assert found.permuted < digits < 1e-3 < found.broken


def test_of_an_adapted_model_the_adapters_alone_are_trained_and_held(
    recwarn: pytest.WarningsRecorder,
) -> None:
    architecture = bound(adapted)
    assert not list(recwarn)
    assert not architecture.untraced
    assert all(".lora_A." in name or ".lora_B." in name for name in architecture.shapes)
    assert list(architecture.positions) == [f"base_model.model.transformer.h.{layer}" for layer in (0, 1)]
    assert {one.width for one in architecture.permutations.values()} == {3}
    base = {name: leaf.clone() for name, leaf in architecture.plain.state_dict().items()}
    fleet = Fleet(architecture, 2, AdamW(lr=0.02))
    rng = np.random.default_rng(0)
    fleet.load([architecture.initial(rng) for _ in range(2)])
    assert not torch.equal(*fleet.models[next(iter(fleet.models))])
    inputs = tokens()
    held = Data(inputs, (inputs + 1) % TOKENS.answers, np.arange(20)[None], [0, 0])
    before, _ = fleet.evaluate([0, 1], held)
    for epoch in range(10):
        seeds = np.array([epoch, 100 + epoch])
        order = np.tile(np.arange(20), (2, 1))
        fleet.train([0, 1], dataclasses.replace(held, index=order, group=None, seeds=seeds), 10)
    assert (fleet.evaluate([0, 1], held)[0] < before - 0.01).all()
    assert all(torch.equal(leaf, base[name]) for name, leaf in architecture.plain.state_dict().items())


@pytest.mark.parametrize("name", ["interpolation", "lora_svd", "slerp"])
def test_trials_of_models_that_read_tokens_measure_what_is_merged(name: str) -> None:
    architecture, weights = bound(adapted), (0.0, 0.3, 0.5, 1.0)
    fleet, rng = Fleet(architecture, 2, AdamW()), np.random.default_rng(0)
    fleet.load([architecture.initial(rng) for _ in range(2)])
    before, pairs = fleet.models_of([0, 1]), Pairs.of([0], [1])
    inputs = tokens()
    data = Data(inputs, (inputs + 1) % TOKENS.answers, np.arange(20)[None], [0])
    offered = Offered(fleet.copy_of([0, 1]), recipe=Recipe(MERGE_OPERATORS.build(name)))
    found = try_blocks(fleet, offered, pairs, data, GivenWeights(weights))
    for column, weight in enumerate(weights):
        fleet.write([0, 1], before)
        merge(fleet, found.prepared, pairs, [weight])
        assert found.losses[0, column] == pytest.approx(fleet.evaluate([0], data)[0][0], rel=1e-5)
    assert len(set(found.losses[0])) == 4


def test_what_an_adapted_model_saves_is_its_adapters_alone() -> None:
    architecture, whole = bound(adapted), bound(gpt2)
    for one, held in ((architecture, set(architecture.shapes)), (whole, set(whole.plain.state_dict()))):
        fleet = Fleet(one, 1, AdamW())
        fleet.load([one.initial(np.random.default_rng(0))])
        assert set(own_tensors(one.module(fleet.models, 0))) == held
    assert Fisher().refuses(architecture) == "needs the task classification; got next_token"
