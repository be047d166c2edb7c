import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from agents.learning import Data, Fleet
from agents.learning.networks import Architecture
from agents.learning.networks.convnet import ConvNet
from agents.learning.stack.memory import chunk_size, chunks, training_bytes
from agents.learning.training.epochs import training_groups
from agents.learning.training.optimisers import SGD, AdamW, Optimiser
from markets.refusals import InputError
from tests.agents.learning.conftest import ARCHITECTURES, CLASSES, EXAMPLES, SHAPE, fleet_of, models, orders

TINY = 1e-6  # mebibytes: every chunk is one slot
LENGTHS = [20, 7, 33, 16, 1]
Examples = tuple[torch.Tensor, torch.Tensor]


def torch_optimiser(optimiser: Optimiser, module: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
    if isinstance(optimiser, SGD):
        return torch.optim.SGD(
            module.parameters(), lr=rate, momentum=optimiser.momentum, weight_decay=optimiser.weight_decay
        )
    assert isinstance(optimiser, AdamW)
    return torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=optimiser.weight_decay)


@pytest.mark.parametrize(
    ("optimiser", "epochs", "tolerance"),
    [(SGD(lr=0.05, weight_decay=1e-3), 2, 1e-6), (AdamW(lr=1e-3), 2, 1e-5)],
)
def test_training_equals_plain_loops(
    architecture: Architecture, optimiser: Optimiser, epochs: int, tolerance: float, examples: Examples
) -> None:
    inputs, labels = examples
    if architecture.statistics:
        tolerance *= 10  # small batches have small deviations, by which rounding is divided
    fleet = fleet_of(architecture, 6, optimiser)
    slots, rates = np.array([4, 0, 2, 5, 3]), optimiser.lr * np.array([1, 2, 0.5, 1, 1.5])
    fleet.optimiser_state.learning_rate[slots] = torch.from_numpy(rates)
    untouched = fleet.copy_of([1])
    plain = [architecture.module(fleet.parameters, slot) for slot in slots]
    steppers = [torch_optimiser(optimiser, m, r) for m, r in zip(plain, rates, strict=True)]
    # where batches are normalised, one of a single example is left out
    visited = [n - (n % 8 == 1 and bool(architecture.statistics)) for n in LENGTHS]
    for epoch in range(epochs):
        order = orders(LENGTHS, seed=epoch)
        loss, seen = fleet.train(slots, Data(inputs, labels, order), 8)
        assert seen.tolist() == visited
        for i, (module, stepper) in enumerate(zip(plain, steppers, strict=True)):
            total = 0.0
            for rows in torch.from_numpy(order[i, : visited[i]]).split(8) if visited[i] else ():
                stepper.zero_grad()
                one = F.cross_entropy(module(inputs[rows]), labels[rows])
                one.backward()
                stepper.step()
                total += one.item() * len(rows)
            mean = total / visited[i] if visited[i] else np.nan
            assert loss[i] == pytest.approx(mean, abs=10 * tolerance, nan_ok=True)
    for slot, module in zip(slots, plain, strict=True):
        state = module.state_dict()
        for name, leaf in fleet.models.items():
            torch.testing.assert_close(leaf[slot], state[name], rtol=tolerance, atol=tolerance)
    assert all(torch.equal(fleet.copy_of([1])[name], leaf) for name, leaf in untouched.items())
    assert fleet.optimiser_state.steps[slots].tolist() == [epochs * -(-n // 8) for n in visited]


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_training_a_subset_gives_the_same_bits(data: st.DataObject) -> None:
    architecture = ARCHITECTURES[data.draw(st.sampled_from(["mlp", "convnet", "resnet", "vgg"]))]
    optimiser = data.draw(st.sampled_from([SGD(), AdamW()]))
    chosen = data.draw(st.permutations(range(5)))[: data.draw(st.integers(1, 5))]
    budget = data.draw(st.sampled_from([TINY, 0.05, 512]))
    rng = np.random.default_rng(1)
    inputs = torch.from_numpy(rng.normal(size=(EXAMPLES, *SHAPE)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, CLASSES, EXAMPLES))
    order, batch = orders(LENGTHS), data.draw(st.sampled_from([5, 8, 64]))
    together, apart = fleet_of(architecture, 5, optimiser), fleet_of(architecture, 5, optimiser, 0, budget)
    loss, _ = together.train(np.arange(5), Data(inputs, labels, order), batch)
    some, _ = apart.train(np.array(chosen), Data(inputs, labels, order[chosen]), batch)
    assert np.array_equal(some, loss[chosen], equal_nan=True)
    for name, leaf in apart.models.items():
        assert torch.equal(leaf[chosen], together.models[name][chosen]), name


def test_evaluation_equals_plain_modules(any_architecture: Architecture, examples: Examples) -> None:
    inputs, labels = examples
    fleet = fleet_of(any_architecture, 4)
    index = np.stack([np.arange(0, 40), np.arange(40, 80)])
    slots, group = np.array([3, 0, 3, 1]), np.array([0, 1, 1, 0])
    loss, accuracy = fleet.evaluate(slots, Data(inputs, labels, index, group))
    for i, (slot, g) in enumerate(zip(slots, group, strict=True)):
        with torch.no_grad():
            logits = any_architecture.module(fleet.models, slot).eval()(inputs[index[g]])
        assert loss[i] == pytest.approx(F.cross_entropy(logits, labels[index[g]]).item(), abs=1e-6)
        assert accuracy[i] == (logits.argmax(1) == labels[index[g]]).double().mean().item()


def test_evaluation_has_the_same_bits_in_any_company(
    any_architecture: Architecture, examples: Examples
) -> None:
    index, slots = np.stack([np.arange(37), np.arange(50, 87)]), np.array([3, 0, 6, 2, 2])
    group = np.array([0, 1, 0, 1, 0])
    fleet, small = fleet_of(any_architecture, 7), fleet_of(any_architecture, 7, memory_budget_mb=TINY)
    expected = np.array(fleet.evaluate(slots, Data(*examples, index, group)))
    assert np.array_equal(small.evaluate(slots, Data(*examples, index, group)), expected)
    first = group == 0
    alone = fleet.evaluate(slots[first], Data(*examples, index[:1], np.zeros(3, np.int64)))
    assert np.array_equal(alone, expected[:, first])


def test_learning_lowers_the_loss(architecture: Architecture, examples: Examples) -> None:
    fleet = fleet_of(architecture, 3, AdamW(lr=0.01))
    index, group = np.arange(EXAMPLES)[None], np.zeros(3, np.int64)
    before, _ = fleet.evaluate(range(3), Data(*examples, index, group))
    for epoch in range(15):
        fleet.train(range(3), Data(*examples, orders([EXAMPLES] * 3, seed=epoch)), 16)
    after, accuracy = fleet.evaluate(range(3), Data(*examples, index, group))
    assert (after < 0.7 * before).all()
    assert (accuracy > 0.6).all()


def test_nothing_to_train_on(examples: Examples) -> None:
    fleet = fleet_of(ARCHITECTURES["mlp"], 2)
    before = fleet.state()
    loss, seen = fleet.train([0, 1], Data(*examples, np.full((2, 3), -1)), 8)
    assert np.isnan(loss).all()
    assert seen.tolist() == [0, 0]
    assert all(torch.equal(leaf, before[name]) for name, leaf in fleet.state().items())
    assert fleet.evaluate([], Data(*examples, np.arange(5)[None], []))[0].shape == (0,)


def test_checkpoint_resumes_with_the_same_bits(
    architecture: Architecture, examples: Examples, tmp_path: object
) -> None:
    fleet, other = fleet_of(architecture, 4, AdamW()), fleet_of(architecture, 4, AdamW(), seed=8)
    fleet.train(range(4), Data(*examples, orders([20, 9, 3, 11])), 8)
    save_file(fleet.state(), f"{tmp_path}/fleet.safetensors")
    other.restore(load_file(f"{tmp_path}/fleet.safetensors"))
    for one in (fleet, other):
        one.train(range(4), Data(*examples, orders([20, 9, 3, 11], seed=1)), 8)
    resumed = other.state()
    assert all(torch.equal(leaf, resumed[name]) for name, leaf in fleet.state().items())


def test_load_copy_and_write() -> None:
    architecture = ARCHITECTURES["mlp"]
    fleet = Fleet(architecture, 3, SGD(), device="cpu")
    rng = np.random.default_rng(2)
    drawn = [architecture.initial(rng) for _ in range(3)]
    fleet.load(drawn)
    copies = fleet.copy_of([2, 0])
    assert np.array_equal(copies["head.weight"][0], drawn[2]["head.weight"])
    copies["head.weight"].zero_()
    assert np.array_equal(fleet.parameters["head.weight"][0], drawn[0]["head.weight"])
    fleet.write([1], {"head.bias": torch.full((1, CLASSES), float("nan"))})
    assert fleet.finite([0, 1, 2]).tolist() == [True, False, True]


def test_messages_name_what_is_wrong(examples: Examples) -> None:
    fleet = fleet_of(ARCHITECTURES["mlp"], 3)
    with pytest.raises(ValueError, match=r"slot must be in 0\.\.2; got 3"):
        fleet.copy_of([0, 3])
    with pytest.raises(ValueError, match="slots must be at least 1; got 0"):
        Fleet(ARCHITECTURES["mlp"], 0, SGD())
    with pytest.raises(ValueError, match="distinct slots"):
        fleet.train([1, 1], Data(*examples, orders([3, 3])), 8)
    with pytest.raises(InputError, match=r"batch_size must be at least 2 for vgg:2x6x5.*; got 1"):
        fleet_of(ARCHITECTURES["vgg"], 1).train([0], Data(*examples, orders([5])), 1)
    with pytest.raises(InputError, match=r"batch_size must be at least 1 for .*; got 0"):
        fleet.train([1], Data(*examples, orders([3])), 0)
    with pytest.raises(ValueError, match=r"tensor head.bias .* must be \(1, 3\)"):
        fleet.write([1], {"head.bias": torch.zeros(1, 4)})
    with pytest.raises(ValueError, match="checkpoint tensor"):
        fleet.restore(fleet_of(ARCHITECTURES["mlp"], 4).state())


@given(
    lengths=st.lists(st.integers(0, 200), min_size=1, max_size=20),
    batch=st.integers(1, 100),
)
@settings(deadline=None)
def test_training_groups_hold_every_model_with_examples_once(lengths: list[int], batch: int) -> None:
    sizes = np.array(lengths)
    groups = list(training_groups(sizes, batch))
    members = np.concatenate([chosen for chosen, _ in groups]) if groups else np.zeros(0, int)
    assert sorted(members) == np.flatnonzero(sizes).tolist()
    for chosen, width in groups:
        assert (np.diff(sizes[chosen]) <= 0).all()
        assert (np.minimum(sizes[chosen], batch) <= width).all()
        assert width <= batch


def test_memory_estimates_grow_with_the_work() -> None:
    small, large = ConvNet(channels=[4]).bind(SHAPE, 3), ConvNet(channels=[8]).bind(SHAPE, 3)
    cpu = torch.device("cpu")
    assert training_bytes(small, 8, cpu) < training_bytes(small, 16, cpu) < training_bytes(large, 16, cpu)
    assert (chunk_size(100, 30), chunk_size(100, 300)) == (3, 1)
    assert [(part.start, part.stop) for part in chunks(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert list(models(small, 2)) == list(small.shapes)
