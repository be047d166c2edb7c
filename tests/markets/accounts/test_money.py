import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.accounts.ledger import LARGEST, to_credits, to_micro
from markets.accounts.money import spendable, sums, total
from markets.refusals import InputError


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


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-(2**62), 2**62)), max_size=12))
def test_sums_are_those_of_pythons_integers_or_refused(rows):
    group, amount = (np.array([row[side] for row in rows], dtype=np.int64) for side in (0, 1))
    right = [sum(a for g, a in rows if g == number) for number in range(3)]
    assert total(amount) == sum(right)
    if all(-(2**63) < one < 2**63 for one in right):
        assert sums("all", group, amount, 3).tolist() == right
    elif any(not -(2**63) <= one < 2**63 for one in right):
        wrong = next(one for one in right if not -(2**63) <= one < 2**63)
        with pytest.raises(
            InputError, match=f"all must be at most {2**63 - 1} micro-credits in size; got {wrong}"
        ):
            sums("all", group, amount, 3)


@pytest.mark.parametrize("limit", [0, 5, 2**62, 2**63 - 1])
def test_balance_and_credit_limit_together_do_not_wrap(limit):
    balances = np.array([-limit, 0, 7, 2**63 - 1])
    assert spendable(balances, limit).tolist() == [min(b + limit, 2**63 - 1) for b in balances.tolist()]
