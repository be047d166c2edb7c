"""Running statistics: tracked in training, never merged, estimated anew after a merge."""

import dataclasses

import numpy as np
import pytest
import torch

from agents.learning import Data, Fleet, Offered, Pairs, merge, try_blocks
from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.vgg import VGG
from agents.learning.training.calibration import CALIBRATION_ROWS, calibration_examples, recalibrate
from agents.learning.training.optimisers import AdamW
from tests.agents.learning.alignment.test_weight_matching import shuffled
from tests.agents.learning.conftest import CLASSES, SHAPE, fleet_of, orders

ARCHITECTURE = VGG(stages=[[5, 4], [6]]).bind(SHAPE, CLASSES)
INDEX = np.stack([np.arange(0, 37), np.arange(50, 87)])
Examples = tuple[torch.Tensor, torch.Tensor]


def trained(examples: Examples, slots: int = 4) -> Fleet:
    fleet = fleet_of(ARCHITECTURE, slots, AdamW(lr=0.01))
    for epoch in range(4):
        fleet.train(range(slots), Data(*examples, orders([60, 33, 20, 50][:slots], seed=epoch)), 16)
    return fleet


def test_a_merge_has_the_loss_that_its_trial_found(examples: Examples) -> None:
    fleet = trained(examples)
    buyer, seller, position = np.array([0, 1, 2]), np.array([3, 0, 1]), np.array([0, 1, 0])
    data = Data(*examples, INDEX, np.array([0, 1, 1]))
    offered = Offered(fleet.copy_of(range(4)), ["model", "layer1"])
    pairs = Pairs.of(buyer, seller, position)
    grid = [0, 0.3, 0.6, 1]
    # measured on a part of the examples on which statistics are estimated, as in a weak trial
    known = np.stack([np.arange(0, 50), np.arange(40, 90)])
    results = try_blocks(fleet, offered, pairs, data, grid, calibration=known)
    stale, _ = fleet.evaluate(buyer, data)
    assert np.array_equal(results.losses[:, 0], stale)
    # the last weight, whichever is best
    merge(fleet, results.prepared, pairs, [0.6] * 3)
    stale_after, _ = fleet.evaluate(buyer, data)
    untouched = fleet.models_of([3])
    recalibrate(fleet, buyer, dataclasses.replace(data, index=known))
    recalibrated, _ = fleet.evaluate(buyer, data)
    np.testing.assert_allclose(recalibrated, results.losses[:, 2], rtol=1e-4)
    assert (np.abs(stale_after - results.losses[:, 2]) > 1e-3).all()
    assert all(torch.equal(leaf, untouched[name]) for name, leaf in fleet.models_of([3]).items())


def test_statistics_are_those_of_the_layer_below(examples: Examples) -> None:
    """Estimated as by a plain module in training mode with momentum 1, the variance not corrected."""
    fleet = trained(examples)
    recalibrate(fleet, [2, 0], Data(*examples, INDEX, [1, 0]))
    for slot, group in ((2, 1), (0, 0)):
        module = ARCHITECTURE.module(fleet.parameters, slot)
        for norm in module.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.momentum = 1.0
        with torch.no_grad():
            module(examples[0][INDEX[group]])
        state = module.state_dict()
        for name, leaf in fleet.statistics.items():
            count = INDEX.shape[1] * ARCHITECTURE.pixels[name.partition(".")[0]]
            factor = (count - 1) / count if name.endswith("var") else 1
            torch.testing.assert_close(leaf[slot], state[name] * factor, rtol=1e-4, atol=1e-5)


def test_no_example_but_those_given_enters(examples: Examples) -> None:
    fleet, inputs = trained(examples), examples[0].clone()
    recalibrate(fleet, [0], Data(inputs, examples[1], INDEX[:1], [0]))
    found = fleet.models_of([0])
    inputs[37:] = float("nan")
    recalibrate(fleet, [0], Data(inputs, examples[1], INDEX[:1], [0]))
    assert all(torch.equal(leaf, found[name]) for name, leaf in fleet.models_of([0]).items())


def test_a_permutation_moves_statistics_with_their_channels(examples: Examples) -> None:
    fleet = trained(examples)
    orders_of = shuffled(ARCHITECTURE, 4)
    moved = permute(ARCHITECTURE, fleet.parameters, orders_of)
    for name, leaf in fleet.statistics.items():
        moved[name] = torch.take_along_dim(leaf, orders_of[f"{name.partition('.')[0]}.units"], 1)
    x = examples[0][:12]
    expected = ARCHITECTURE.forward(fleet.models, x)
    torch.testing.assert_close(ARCHITECTURE.forward(moved, x), expected, rtol=1e-4, atol=1e-5)


def test_checkpoints_and_copies_hold_statistics(examples: Examples) -> None:
    fleet, other = trained(examples), fleet_of(ARCHITECTURE, 4, AdamW(lr=0.01))
    other.restore(fleet.state())
    assert all(torch.equal(leaf, fleet.models[name]) for name, leaf in other.models.items())
    fleet.statistics["layer0.norm.running_var"][1] = float("nan")
    assert fleet.finite(range(4)).tolist() == [True, False, True, True]
    fleet.write([1], other.models_of([1]))
    assert fleet.finite([1]).all()
    with pytest.raises(ValueError, match=r"tensor layer0\.norm\.running_var"):
        fleet.write([1], {"layer0.norm.running_var": torch.zeros(1, 3)})


def test_calibration_takes_evenly_spaced_examples_of_many() -> None:
    few, many = torch.arange(20).view(2, 10), torch.arange(2 * 1300).view(2, 1300)
    assert torch.equal(calibration_examples(few), few)
    some = calibration_examples(many)
    assert some.shape == (2, CALIBRATION_ROWS)
    assert (some[:, 0] == many[:, 0]).all()
    assert set((some[0, 1:] - some[0, :-1]).tolist()) == {2, 3}
