"""A user's module is trained, merged and measured as torch itself would; what all share is held once."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from agents.learning import Fleet
from agents.learning.conformance import check_architecture
from agents.learning.networks.base import Architecture
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.networks.module import Module
from agents.learning.networks.own_module import ModuleArchitecture
from agents.learning.stack.data import Batch, Data
from agents.learning.symmetries.members import reordered
from agents.learning.tasks import Classification, NextToken, Regression
from agents.learning.training.calibration import recalibrate
from agents.learning.training.optimisers import SGD, AdamW
from markets.refusals import InputError
from markets.user_code import UserCodeError
from tests.agents.learning.conftest import CLASSES, SHAPE, models
from tests.agents.learning.own_nets import OWN

PICTURES = ("flattened", "normalised", "recurrent", "adapted", "remembering")
SLOTS, EXAMPLES = 3, 40
TOKENS = NextToken((5,), tuple("abcdefg"))


def bound(name: str) -> ModuleArchitecture:
    task = TOKENS if name == "tied" else Classification.of(SHAPE, CLASSES)
    return OWN[name].for_task(task)


def data_of(architecture: Architecture, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    if architecture.task is TOKENS:
        inputs = torch.randint(7, (EXAMPLES, 5), generator=generator)
        return inputs, (inputs + 1) % 7
    inputs = torch.randn(EXAMPLES, *SHAPE, generator=generator)
    return inputs, inputs.flatten(1)[:, :CLASSES].argmax(1)


def fleet_of(architecture: Architecture, slots: int = SLOTS, optimiser: object = None) -> Fleet:
    fleet = Fleet(architecture, slots, optimiser or SGD(lr=0.1, momentum=0))
    rng = np.random.default_rng(1)
    fleet.load([architecture.initial(rng) for _ in range(slots)])
    return fleet


@pytest.mark.parametrize("name", PICTURES)
def test_it_does_what_it_declares(name: str) -> None:
    check_architecture(bound(name))


@pytest.mark.parametrize("name", [*PICTURES, "tied"])
def test_training_is_that_of_a_plain_loop(name: str) -> None:
    architecture = bound(name)
    fleet, (inputs, targets) = fleet_of(architecture), data_of(architecture)
    modules = [architecture.module(fleet.models, slot) for slot in range(SLOTS)]
    order = np.stack([np.random.default_rng(slot).permutation(EXAMPLES) for slot in range(SLOTS)])
    order[1, 30:] = -1
    loss, _ = fleet.train(range(SLOTS), Data(inputs, targets, order), 8)
    for slot, module in enumerate(modules):
        module.train()
        trained = [leaf for leaf in module.parameters() if leaf.requires_grad]
        optimiser, total = torch.optim.SGD(trained, lr=0.1), 0.0
        visits = order[slot][order[slot] >= 0]
        for start in range(0, len(visits), 8):
            rows = torch.from_numpy(visits[start : start + 8])
            answers, wanted = module(inputs[rows]), targets[rows]
            found = F.cross_entropy(answers.flatten(0, -2), wanted.flatten())
            optimiser.zero_grad()
            found.backward()
            optimiser.step()
            total += found.item() * len(rows)
        assert loss[slot] == pytest.approx(total / len(visits), rel=1e-5)
        state = module.state_dict()
        for leaf_name, leaf in fleet.models.items():
            torch.testing.assert_close(leaf[slot], state[leaf_name], rtol=1e-5, atol=1e-6)


def test_dropout_draws_from_the_models_own_seed() -> None:
    architecture = bound("dropout")
    assert architecture.draws
    assert not bound("normalised").draws
    inputs, targets = data_of(architecture)
    order = np.tile(np.arange(EXAMPLES), (SLOTS, 1))
    seeds = np.array([5, 6, 7])
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fleet = fleet_of(architecture)
    together, _ = fleet.train(range(SLOTS), Data(inputs, targets, order, seeds=seeds), 8)
    assert torch.equal(before, torch.get_rng_state())
    apart = fleet_of(architecture)
    torch.manual_seed(99)
    alone, _ = apart.train([2], Data(inputs, targets, order[:1], seeds=seeds[2:]), 8)
    assert alone[0] == together[2]
    for name, leaf in fleet.models.items():
        assert torch.equal(apart.models[name][2], leaf[2])
    with pytest.raises(InputError, match=r"seeds must be given for module:.*, which draws in training"):
        apart.train([2], Data(inputs, targets, order[:1]), 8)
    other, _ = fleet_of(architecture).train(range(3), Data(inputs, targets, order, seeds=seeds + 1), 8)
    assert not (other == together).any()
    # steps of one seed draw anew
    rows = torch.zeros(1, 8, dtype=torch.int64)
    batch = Batch(inputs[rows], targets[rows], torch.full((1, 8), 1 / 8), seeds[:1])
    first = {name: leaf[:1].clone() for name, leaf in fleet.models.items()}
    losses = [architecture.gradients(first, part)[0] for part in (batch, batch, *batch.parts(4))]
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[2], losses[3])
    measured = [architecture.gradients(first, dataclasses.replace(batch, seeds=None))[0] for _ in range(2)]
    assert torch.equal(*measured)


def test_batch_statistics_are_found_anew_as_torch_does() -> None:
    architecture = bound("dropout")
    inputs, targets = data_of(architecture)
    fleet, index = fleet_of(architecture, 1), np.arange(EXAMPLES)[None]
    fleet.train([0], Data(inputs, targets, index, seeds=np.array([1])), 8)
    module = architecture.module(fleet.models, 0)
    recalibrate(fleet, [0], Data(inputs, targets, index))
    loader = [inputs]
    torch.optim.swa_utils.update_bn(loader, nn.Sequential(module[:4]))
    for name, leaf in fleet.statistics.items():
        torch.testing.assert_close(leaf[0], module.state_dict()[name])


def test_fresh_statistics_and_lazy_layers_are_as_torch_makes_them() -> None:
    first = bound("normalised").initial_statistics()
    assert torch.equal(first["2.running_mean"], torch.zeros(8))
    assert torch.equal(first["2.running_var"], torch.ones(8))
    lazy = Module(factory=f"{__name__}:lazy").for_task(Classification.of(SHAPE, CLASSES))
    assert lazy.shapes == {"1.weight": (CLASSES, int(np.prod(SHAPE))), "1.bias": (CLASSES,)}
    assert lazy.initial(np.random.default_rng(0))["1.weight"].shape == lazy.shapes["1.weight"]


def lazy(shape: tuple[int, ...], answers: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(answers))


def test_frozen_tensors_are_held_once() -> None:
    architecture = bound("adapted")
    fleet = fleet_of(architecture, 4, AdamW())
    assert set(fleet.models) == {"down.weight", "up.weight", "head.weight", "head.bias"}
    first, second = (architecture.module(fleet.models, slot).state_dict() for slot in (0, 3))
    assert torch.equal(first["base.weight"], second["base.weight"])
    assert not torch.equal(first["down.weight"], second["down.weight"])
    # what all share cannot move, the adapter's inner units and no others can
    assert [one.width for one in architecture.permutations.values()] == [2]
    before = copy.deepcopy(architecture.plain.state_dict())
    inputs, targets = data_of(architecture)
    fleet.train(range(4), Data(inputs, targets, np.tile(np.arange(EXAMPLES), (4, 1))), 8)
    for name, leaf in architecture.plain.state_dict().items():
        assert torch.equal(leaf, before[name])
    assert architecture.training_flops < 3 * architecture.forward_flops


def test_signatures_tell_foundations_apart() -> None:
    twin, other = (Module(factory=OWN["adapted"].factory, options={"width": width}) for width in (16, 17))
    task = Classification.of(SHAPE, CLASSES)
    assert twin.for_task(task).signature == bound("adapted").signature
    assert other.for_task(task).signature != bound("adapted").signature


def test_tied_weights_stay_tied() -> None:
    architecture = bound("tied")
    assert list(architecture.shapes) == ["table.weight", "mix.weight", "mix.bias"]
    fleet = fleet_of(architecture)
    module = architecture.module(fleet.models, 2)
    assert module.out.weight is module.table.weight
    assert torch.equal(module.out.weight, fleet.parameters["table.weight"][2])
    assert [one.width for one in architecture.permutations.values()] == [6]


@pytest.mark.parametrize("name", ["flattened", "recurrent", "tied"])
def test_permutations_leave_the_answers_alone(name: str) -> None:
    architecture = bound(name)
    parameters, rng = models(architecture, 2), np.random.default_rng(2)
    moved = dict(parameters)
    for permutation in architecture.permutations.values():
        order = torch.from_numpy(np.stack([rng.permutation(permutation.width) for _ in range(2)]))
        for one in permutation.members:
            moved[one.tensor] = reordered(moved[one.tensor], one, order)
    x = data_of(architecture)[0][:6]
    expected = architecture.forward(parameters, x)
    torch.testing.assert_close(architecture.forward(moved, x), expected, rtol=1e-4, atol=1e-5)


def test_numbers_are_learnt_by_a_module_and_by_a_network_of_ours() -> None:
    task = Regression((4,), ("y",))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 4, generator=generator)
    targets = inputs @ torch.tensor([0.6, -0.5, 0.4, 0.3])
    order = np.tile(np.arange(200), (2, 1))
    for network in (Module(factory=f"{__name__}:two_layers"), MLP()):
        architecture = network.for_task(task)
        fleet = fleet_of(architecture, 2, AdamW(lr=0.01))
        for _ in range(20):
            fleet.train([0, 1], Data(inputs, targets, order), 16)
        loss, score = fleet.evaluate([0, 1], Data(inputs, targets, order[:1], [0, 0]))
        assert (loss < task.prior_loss - 1).all()
        assert (score > 0.9).all()


def two_layers(shape: tuple[int, ...], answers: int) -> nn.Module:
    return nn.Sequential(nn.Linear(*shape, 16), nn.ReLU(), nn.Linear(16, answers))


def text(shape: tuple[int, ...], answers: int) -> str:
    return f"{shape} to {answers}"


def frozen(shape: tuple[int, ...], answers: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), answers)).requires_grad_(False)


def too_few(shape: tuple[int, ...], answers: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), answers - 1))


def endless(shape: tuple[int, ...], answers: int) -> nn.Module:
    size = int(np.prod(shape))
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(size, momentum=None), nn.Linear(size, answers))


def double(shape: tuple[int, ...], answers: int) -> nn.Module:
    return too_few(shape, answers + 1).to(torch.float64)


def broken(shape: tuple[int, ...], answers: int) -> nn.Module:
    module = too_few(shape, answers + 1)
    module.register_forward_hook(lambda _module, _given, found: found / 0)
    return module


def spoken(shape: tuple[int, ...], answers: int) -> nn.Module:
    module = too_few(shape, answers + 1)
    module.register_forward_hook(lambda *_: "three")
    return module


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("", "network.factory must name a function"),
        ("nowhere.py:make", "network.factory must"),
        (f"{__name__}:nothing", "network.factory must name something"),
        (f"{__name__}:text", "network.factory must return a torch.nn.Module; .* returned str"),
        (f"{__name__}:frozen", "that has parameters that require a gradient"),
        (f"{__name__}:too_few", r"that answers \[4, 3\] to 4 examples; it answers torch.float32 \[4, 2\]"),
        (f"{__name__}:endless", "that has a momentum in 1"),
        (f"{__name__}:broken", "that answers finite numbers"),
        (f"{__name__}:spoken", "that answers a tensor; it answers str"),
    ],
)
def test_what_is_no_such_module_is_told_in_a_sentence(factory: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Module(factory=factory).for_task(Classification.of(SHAPE, CLASSES))


@pytest.mark.parametrize("factory", ["double", "missing_argument"])
def test_errors_of_the_users_code_are_the_users(factory: str) -> None:
    with pytest.raises(UserCodeError):
        Module(factory=f"{__name__}:{factory}").for_task(Classification.of(SHAPE, CLASSES))


def missing_argument(shape: tuple[int, ...]) -> nn.Module:
    return too_few(shape, 3)


def test_networks_of_pictures_take_no_tokens() -> None:
    with pytest.raises(InputError, match="must take sequences of tokens"):
        MLP().for_task(TOKENS)
    with pytest.raises(InputError, match="which are no images"):
        ConvNet().for_task(Regression((4,), ("y",)))
