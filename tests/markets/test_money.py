import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.ledger import LARGEST, to_credits, to_micro


@given(st.integers(-LARGEST, LARGEST), st.sampled_from(["down", "up", "nearest"]))
@settings(deadline=None)
def test_whole_micro_credits_survive_the_way_through_credits(micro, rounding):
    assert to_micro(to_credits(micro), rounding) == micro


def test_rounding():
    amounts = np.array([0.0000014, 0.0000015, 4.35, -0.0000014])
    assert to_micro(amounts, "down").tolist() == [1, 1, 4_350_000, -2]
    assert to_micro(amounts, "up").tolist() == [2, 2, 4_350_000, -1]
    assert to_micro(amounts, "nearest").tolist() == [1, 2, 4_350_000, -1]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1e12])
def test_what_int64_cannot_hold_safely_is_refused(amount):
    with pytest.raises(ValueError, match="credits must be finite"):
        to_micro(amount)


def test_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match="rounding must be 'down', 'up' or 'nearest'; got 'even'"):
        to_micro(1.0, "even")
