"""A stock finds models of several architectures by one number."""

import numpy as np
import pytest
import torch

from agents.learning.networks import NETWORKS
from agents.learning.stack.data import Data
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.stock import Stock
from agents.learning.tasks import Classification
from agents.learning.training.optimisers import AdamW
from markets.refusals import InputError

TASK = Classification(input_shape=(1, 4, 4), vocabulary=("a", "b", "c"))
FAMILY = np.array([0, 1, 0, 1, 1])


def fleet_of(widths, slots):
    architecture = NETWORKS.build({"name": "mlp", "widths": widths}).for_task(TASK)
    fleet = Fleet(architecture, slots, AdamW(), "cpu")
    fleet.load([architecture.initial(np.random.default_rng(slot)) for slot in range(slots)])
    return fleet


def stock():
    return Stock([fleet_of([3], 2), fleet_of([5, 4], 3)], FAMILY)


def data(number):
    inputs = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    index = np.arange(12).reshape(2, 6)
    return Data(inputs=inputs, targets=torch.arange(12) % 3, index=index, group=np.arange(number) % 2)


def test_slots_are_found_in_their_fleets():
    parts = stock().parts([4, 0, 3, 2])
    assert [part.number for part in parts] == [0, 1]
    assert [part.rows.tolist() for part in parts] == [[1, 3], [0, 2]]
    assert [part.slots.tolist() for part in parts] == [[0, 1], [2, 1]]
    assert [len(part.rows) for part in stock().parts([])] == [0]


def test_what_is_measured_is_what_the_fleet_measures():
    mixed, slots = stock(), [3, 2, 0]
    loss, score = mixed.evaluate(slots, data(3))
    for place, (number, own) in enumerate([(1, 1), (0, 1), (0, 0)]):
        alone = mixed.fleets[number].evaluate([own], data(3).of(np.array([place])))
        assert (loss[place], score[place]) == (alone[0][0], alone[1][0])
    mixed.fleets[1].parameters["head.bias"][1] = np.nan
    assert mixed.finite(slots).tolist() == [False, True, True]
    assert mixed.architecture_flops(slots)[1].tolist() == [2 * (80 + 20 + 12)] + [2 * (48 + 9)] * 2


def test_a_stock_of_one_fleet_is_the_fleet():
    fleet = fleet_of([3], 4)
    one = Stock([fleet], np.zeros(4, dtype=np.int64))
    assert one.only is fleet
    assert list(one.state()) == list(fleet.state())
    for ours, theirs in zip(one.evaluate([2, 1], data(2)), fleet.evaluate([2, 1], data(2)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_state_is_taken_over_fleet_by_fleet():
    mixed, other = stock(), stock()
    for fleet in mixed.fleets:
        fleet.parameters["head.bias"] += 1
    other.restore(mixed.state())
    assert all(torch.equal(leaf, other.state()[name]) for name, leaf in mixed.state().items())
    with pytest.raises(InputError, match="checkpoint tensor 2/x must begin with one of 0/, 1/"):
        other.restore(mixed.state() | {"2/x": torch.zeros(1)})


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match=r"slot must be in 0..4; got 5"):
        stock().parts([5])
    with pytest.raises(InputError, match="networks must be one and the same for this"):
        _ = stock().only
    with pytest.raises(InputError, match="a fleet must have 5 slots, as the stock says; got 2"):
        Stock([fleet_of([3], 2)], np.zeros(5, dtype=np.int64))
