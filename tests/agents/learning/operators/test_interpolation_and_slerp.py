import numpy as np
import pytest
import torch

from agents.learning import Architecture
from agents.learning.operators import MERGE_OPERATORS, interpolate
from agents.learning.operators.slerp import slerp
from tests.agents.learning.operators.samples import WEIGHTS, operands_of


def test_interpolation_is_the_weighted_average(any_architecture: Architecture) -> None:
    operator = MERGE_OPERATORS.build("interpolation")
    operands = operands_of(any_architecture, operator, masked=True)
    merged = operator.merge(operands, WEIGHTS)
    expected = interpolate(operands.own, operands.other, WEIGHTS, operands.masks)
    for name, leaf in merged.items():
        assert torch.equal(leaf, expected[name])


def test_on_a_sphere_slerp_stays_on_it_and_turns_evenly() -> None:
    """Shoemake 1985: the norm is kept, and the weight is the share of the angle that is behind."""
    rng = np.random.default_rng(0)
    own, other = (torch.from_numpy(rng.normal(size=(9, 4, 5))) for _ in range(2))
    own, other = (3 * x / x.flatten(1).norm(dim=1)[:, None, None] for x in (own, other))
    weight = torch.linspace(0, 1, 9, dtype=torch.float64)
    merged = slerp({"a": own}, {"a": other}, weight)["a"]
    torch.testing.assert_close(merged.flatten(1).norm(dim=1), torch.full((9,), 3.0, dtype=torch.float64))

    def angle(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return ((left * right).flatten(1).sum(1) / 9).clamp(-1, 1).acos()

    torch.testing.assert_close(angle(own, merged), weight * angle(own, other), rtol=1e-6, atol=1e-6)


def test_a_quarter_turn_by_hand() -> None:
    own, other = {"a": torch.tensor([[1.0, 0.0]])}, {"a": torch.tensor([[0.0, 1.0]])}
    root = 0.5**0.5
    torch.testing.assert_close(slerp(own, other, torch.tensor([0.5]))["a"], torch.tensor([[root, root]]))
    third = slerp(own, other, torch.tensor([1 / 3]))["a"]
    torch.testing.assert_close(third, torch.tensor([[3**0.5 / 2, 0.5]]))


@pytest.mark.parametrize("other", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0]])
def test_where_there_is_no_arc_the_chord_serves(other: list[float]) -> None:
    own = torch.tensor([[1.0, 2.0]])
    merged = slerp({"a": own}, {"a": torch.tensor([other])}, torch.tensor([0.25]))["a"]
    torch.testing.assert_close(merged, 0.75 * own + 0.25 * torch.tensor([other]))
