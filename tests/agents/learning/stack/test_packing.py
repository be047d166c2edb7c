import numpy as np
import torch

from agents.learning.networks import Architecture
from agents.learning.stack.packing import Packing
from agents.learning.stack.parameters import gather
from tests.agents.learning.conftest import models


def test_what_is_packed_comes_back(any_architecture: Architecture) -> None:
    parameters = models(any_architecture, 3)
    packing = Packing(any_architecture.shapes)
    rows = packing.pack(parameters)
    assert rows.shape == (3, packing.width)
    back = packing.views(rows)
    assert all(torch.equal(back[name], leaf) for name, leaf in parameters.items())


def test_every_tensor_starts_on_a_cache_line_and_gaps_hold_zeros(any_architecture: Architecture) -> None:
    packing = Packing(any_architecture.shapes)
    rows = packing.pack({name: leaf.fill_(1) for name, leaf in models(any_architecture, 2).items()})
    for name, view in packing.views(rows).items():
        assert view.shape == (2, *any_architecture.shapes[name])
        assert (view.data_ptr() - rows.data_ptr()) % 64 == 0
        assert all(view[slot].is_contiguous() for slot in range(2))
    assert packing.width % 16 == 0
    assert rows.sum().item() == 2 * any_architecture.parameter_count


def test_views_write_to_the_rows_of_some_slots(any_architecture: Architecture) -> None:
    packing = Packing(any_architecture.shapes)
    rows = packing.pack(models(any_architecture, 3))
    before = rows.clone()
    for view in packing.views(rows[:2]).values():
        view.zero_()
    assert (rows[:2] == 0).all()
    assert torch.equal(rows[2], before[2])


def test_examples_are_gathered_as_by_indexing() -> None:
    examples = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 2, 3)))
    for index in (torch.tensor([[6, 0, 0], [3, 2, 6]]), torch.tensor([4, 4]), torch.zeros(2, 0).long()):
        assert torch.equal(gather(examples, index), examples[index])
