import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.accounts.ledger import LARGEST, Ledger, LedgerError
from markets.accounts.settlement import covered_trades
from markets.orders.door import admit
from markets.refusals import InputError


def funded(*balances, credit_limit=0):
    ledger = Ledger(len(balances), credit_limit)
    ledger.issue(balances)
    return ledger


def test_a_trade_is_one_transaction_and_leaves_escrow_empty():
    ledger = funded(100, 0)
    assert ledger.settle(3, [0], [1], [60], [50], [20]).tolist() == [True]
    assert ledger.balances.tolist() == [40, 30, 10, 0, -80]
    assert ledger.account_names() == ["organisation 0", "organisation 1", "broker", "escrow", "consumers"]
    ledger.check()
    journal = {name: column[2:].tolist() for name, column in ledger.journal().items()}
    assert journal == {
        "round": [3] * 4,
        "transaction": [2] * 4,
        "debit": [0, 3, 3, 1],
        "credit": [3, 1, 2, 4],
        "amount": [60, 50, 10, 20],
        "reason": ["payment", "proceeds", "fee", "delivery"],
    }


def test_a_subsidy_comes_from_the_broker_visibly():
    ledger = funded(100, 0)
    ledger.settle(0, [0], [1], [50], [70], [0])
    assert ledger.balance_of_broker == -20
    assert ledger.journal()["reason"].tolist()[2:] == ["payment", "subsidy", "proceeds"]
    ledger.check()


def test_a_levy_is_a_payment_for_nothing():
    ledger = funded(100, 0)
    assert ledger.settle(0, [0, 0], [1, 1], [60, 30], [50, 30], [0, 20], [True, False]).tolist() == [
        True,
        True,
    ]
    assert ledger.balances.tolist() == [10, 60, 10, 0, -80]
    journal = {name: column[2:].tolist() for name, column in ledger.journal().items()}
    assert journal["transaction"] == [2, 2, 2, 3, 3, 3]
    assert journal["reason"] == ["levy", "proceeds", "fee", "payment", "proceeds", "delivery"]
    ledger.check()


def test_a_levy_is_refused_like_a_trade():
    ledger = funded(100, 0)
    levies = [True, True, False]
    assert ledger.settle(0, [0] * 3, [1] * 3, [60, 50, 40], [0, 0, 40], [0] * 3, levies).tolist() == [
        True,
        False,
        True,
    ]
    assert ledger.balances.tolist() == [0, 40, 60, 0, -100]
    with pytest.raises(ValueError, match=r"ledger\.delivery must be 0 for a levy; got 5 in row 0"):
        ledger.settle(0, [0], [1], [0], [0], [5], [True])
    with pytest.raises(ValueError, match=r"ledger\.levy must have as many rows as buyer \(1\); got 2"):
        ledger.settle(0, [0], [1], [0], [0], [0], [True, False])


def test_what_is_not_covered_is_refused_whole_and_the_rest_settles():
    ledger = funded(100, 0, 0)
    assert ledger.settle(0, [0, 0, 0], [1, 2, 1], [60, 50, 40], [60, 50, 40], [0, 0, 0]).tolist() == [
        True,
        False,
        True,
    ]
    assert ledger.balances.tolist() == [0, 100, 0, 0, 0, -100]


def test_proceeds_of_a_round_cover_nothing_else_in_it():
    ledger = funded(100, 0, 0)
    assert ledger.settle(0, [0, 1], [1, 2], [50, 50], [50, 50], [0, 0]).tolist() == [True, False]
    assert ledger.settle(1, [1], [2], [50], [50], [0]).tolist() == [True]


def test_delivery_may_not_sink_a_seller():
    assert funded(100, 5).settle(0, [0], [1], [10], [10], [15]).tolist() == [True]
    assert funded(100, 5).settle(0, [0], [1], [10], [10], [16]).tolist() == [False]


def test_the_credit_limit_is_the_floor():
    ledger = funded(10, 0, credit_limit=5)
    assert ledger.settle(0, [0, 0], [1, 1], [15, 1], [15, 1], [0, 0]).tolist() == [True, False]
    assert ledger.balances[0] == -5
    ledger.check()


def one_after_another(buyer, seller, paid, received, delivery, balances, limit):
    """The rule of settlement as a loop."""
    cover, settled = balances + limit, []
    for b, s, p, r, d in zip(buyer, seller, paid, received, delivery, strict=True):
        net = max(d - r, 0)
        settled.append(p <= cover[b] and net <= cover[s])
        if settled[-1]:
            cover[b] -= p
            cover[s] -= net
    return settled


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(2, 6), st.sampled_from([0, 7]))
@settings(deadline=None, max_examples=150)
def test_settlement_is_atomic_balanced_and_in_row_order(seed, trades, organisations, limit):
    rng = np.random.default_rng(seed)
    ledger = Ledger(organisations, limit)
    ledger.issue(rng.integers(0, 30, organisations))
    buyer = rng.integers(0, organisations, trades)
    seller = (buyer + rng.integers(1, organisations, trades)) % organisations
    paid, received, delivery = rng.integers(0, 15, (3, trades))
    before = ledger.balances.copy()
    settled = ledger.settle(0, buyer, seller, paid, received, delivery)
    assert settled.tolist() == one_after_another(
        buyer, seller, paid, received, delivery, before[:organisations].copy(), limit
    )
    ledger.check()
    moved = np.zeros(organisations, int)
    np.subtract.at(moved, buyer[settled], paid[settled])
    np.add.at(moved, seller[settled], (received - delivery)[settled])
    np.testing.assert_array_equal(ledger.balances[:organisations] - before[:organisations], moved)


def test_profits_and_transfers():
    ledger = funded(10, 0)
    ledger.earn(1, [5, 6])
    ledger.transfer(1, [0, 1], [1, 0], [15, 2], "royalty")
    assert ledger.balances.tolist() == [2, 19, 0, 0, -21]
    with pytest.raises(ValueError, match="must leave organisation 0 at least 0; got -1"):
        ledger.transfer(2, [0, 1], [1, 0], [4, 1], "refund")
    assert ledger.balances.tolist() == [2, 19, 0, 0, -21]
    ledger.check()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([0], [1], [1.5], [1], [0]), r"ledger\.paid must hold whole numbers"),
        (([0], [1], [-1], [1], [0]), r"ledger\.paid must be at least 0; got -1"),
        (([0], [1], [LARGEST + 1], [1], [0]), r"ledger\.paid must be at most"),
        (([0], [0], [1], [1], [0]), r"ledger\.buyer must be another than the row's seller"),
        (([2], [0], [1], [1], [0]), r"ledger\.buyer must be below 2; got 2"),
        (([0], [1], [1, 1], [1], [0]), r"ledger\.paid must have as many rows as buyer \(1\); got 2"),
    ],
)
def test_bad_trades_are_refused_before_anything_moves(arguments, sentence):
    ledger = funded(10, 10)
    with pytest.raises(ValueError, match=sentence):
        ledger.settle(0, *arguments)
    assert ledger.balances.tolist() == [10, 10, 0, 0, -20]


def test_bad_parameters_and_reasons_are_refused():
    with pytest.raises(ValueError, match=r"ledger\.organisations must be at least 1; got 0"):
        Ledger(0)
    for limit in (-1, 2**63):
        with pytest.raises(
            ValueError, match=rf"ledger\.credit_limit_microcredits must be from 0 .*; got {limit}"
        ):
            Ledger(1, limit)
    for number in (-1, 2**63, 0.5):
        with pytest.raises(
            ValueError, match=r"ledger\.round must be a whole number from 0 to 9223372036854775807"
        ):
            funded(1, 1).earn(number, [1, 1])
    with pytest.raises(ValueError, match=r"ledger\.reason must be one of .*; got 'bribe'"):
        funded(1, 1).transfer(0, [0], [1], [1], "bribe")
    with pytest.raises(ValueError, match="a row for each of 2 organisations; got 1"):
        Ledger(2).issue([1])


def test_what_no_account_holds_is_refused_before_anything_moves():
    """The consumers would hold -9224497936761618432; int64 alone made that +9222246136947933184."""
    ledger = Ledger(8193)
    with pytest.raises(
        ValueError, match=r"ledger\.balances must be at most .*; got -9224497936761618432 in row"
    ):
        ledger.issue([LARGEST] * 8193)
    assert not ledger.balances.any()
    assert not len(ledger.journal()["amount"])
    ledger.issue([LARGEST] * 8191 + [0, 0])
    assert ledger.balances[-1] == -8191 * LARGEST
    ledger.check()


def test_a_seller_that_could_not_hold_its_proceeds_gets_none():
    """All of the trades of a call or nothing, and the journal is as it was."""
    ledger = Ledger(2, credit_limit_microcredits=2**63 - 1)
    buyers, sellers, price = np.zeros(8191, int), np.ones(8191, int), np.full(8191, LARGEST)
    assert ledger.settle(0, buyers, sellers, price, price, 0 * price).all()
    before, rows = ledger.balances, len(ledger.journal()["amount"])
    with pytest.raises(
        ValueError, match=r"ledger\.balances must be at most .*; got 9223372036854775808 in row 1"
    ):
        ledger.transfer(1, [0], [1], [LARGEST], "refund")
    subsidised = [0], [1], [0], [LARGEST], [0]
    with pytest.raises(ValueError, match=r"ledger\.balances must be at most"):
        ledger.settle(1, *subsidised)
    assert (ledger.balances == before).all()
    assert len(ledger.journal()["amount"]) == rows
    ledger.check()


def test_the_largest_credit_limit_settles():
    """Balance and limit together are more than int64 holds; the payment is covered all the same."""
    ledger = funded(10, 0, credit_limit=2**63 - 1)
    assert ledger.settle(0, [0], [1], [11], [11], [0]).tolist() == [True]
    assert ledger.balances[:2].tolist() == [-1, 11]
    assert admit(np.array([LARGEST]), np.array([0]), ledger.balances, 2**63 - 1).tolist() == [""]
    ledger.check()


def test_a_sum_that_is_zero_only_to_int64_is_found():
    ledger = funded(10, 10)
    ledger._balances = np.array([2**62, 2**62, 2**62, 0, 2**62])
    with pytest.raises(LedgerError, match=f"the balances must sum to 0; got {2**64}"):
        ledger.check()


def lines_run(function, *arguments):
    """Return how many lines of `function` a call runs."""
    lines = 0

    def trace(frame, event, _):
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code is function.__code__ else None

    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(None)
    return lines


def test_settling_takes_steps_in_proportion_to_the_trades():
    """Every second trade of one account is refused; sums over all trades for each refusal were quadratic."""

    def refusals(trades):
        charge = np.where(np.arange(trades) % 2, 1, 10**9)
        columns = np.zeros(trades, int), np.ones(trades, int), charge, 0 * charge
        cover = np.array([10**6, 0])
        assert covered_trades(*columns, cover).tolist() == (charge == 1).tolist()
        return lines_run(covered_trades, *columns, cover)

    assert refusals(2000) < 2.1 * refusals(1000)


def test_only_trades_of_accounts_that_are_short_are_looked_at_one_by_one():
    def rich(trades):
        one = np.ones(trades, int)
        return lines_run(covered_trades, 0 * one, one, one, one, np.full(2, 10**6))

    assert rich(2000) == rich(10)


def test_tampering_is_found():
    for account, change, sentence in (
        (0, 1, "the balances must sum to 0; got 1"),
        (None, 5, "escrow must be empty between transactions; got 5"),
        (1, 50, "an organisation must have at least 0; got -40"),
        (1, 5, "the balance of organisation 0 must be what the journal says"),
    ):
        ledger = funded(10, 10)
        if account == 0:
            ledger._balances[0] += change
        elif account is None:
            ledger._balances[[0, ledger.escrow]] += [-change, change]
        else:
            ledger._balances[[0, 1]] += [change, -change]
        with pytest.raises(LedgerError, match=sentence):
            ledger.check()


def test_the_journal_is_taken_a_round_at_a_time_and_a_checkpoint_resumes():
    ledger = funded(100, 0)
    assert len(ledger.journal()["amount"]) == 2
    ledger.clear_journal()
    ledger.settle(0, [0], [1], [10], [10], [0])
    copy = Ledger(2)
    copy.restore(ledger.state())
    for each in (ledger, copy):
        each.settle(1, [0], [1], [20], [20], [5])
        each.check()
    np.testing.assert_array_equal(ledger.balances, copy.balances)
    for name, column in ledger.journal().items():
        np.testing.assert_array_equal(copy.journal()[name], column)
    assert ledger.journal()["transaction"].tolist() == [2, 2, 3, 3, 3]
    with pytest.raises(ValueError, match=r"state\.balances must have 6 accounts; got 5"):
        Ledger(3).restore(ledger.state())


def test_balances_cannot_be_written():
    ledger = funded(1, 1)
    with pytest.raises(ValueError, match="read-only"):
        ledger.balances[0] = 5


def test_the_door_refuses_a_bid_above_balance_and_limit():
    balances = funded(10, 3).balances
    bids, buyer = np.array([10, 11, 3, 4]), np.array([0, 0, 1, 1])
    above = "bid above balance"
    assert admit(bids, buyer, balances).tolist() == ["", above, "", above]
    assert admit(bids, buyer, balances, credit_limit=1).tolist() == ["", "", "", ""]
    with pytest.raises(ValueError, match="must have as many rows as buyer"):
        admit(bids, buyer[:2], balances)
    with pytest.raises(ValueError, match="bids_micro must be whole micro-credits; got float64"):
        admit(bids / 2, buyer, balances)


@given(data=st.data())
def test_no_credit_is_lost_however_accounts_open_pay_and_close(data):
    ledger = Ledger(3, credit_limit_microcredits=50)
    amounts = st.lists(st.integers(0, 100), min_size=3, max_size=3).map(np.array)
    who = st.lists(st.integers(0, 2), unique=True, min_size=1).map(np.array)
    for round_ in range(data.draw(st.integers(1, 8))):
        step = data.draw(st.sampled_from(["endow", "close", "charge", "earn"]))
        if step in ("endow", "close"):
            accounts = data.draw(who)
            given_now = data.draw(amounts)[: len(accounts)]
            ledger.endow(round_, accounts, given_now) if step == "endow" else ledger.close(round_, accounts)
            assert step == "endow" or (ledger.balances[accounts] == 0).all()
        elif step == "charge":
            due, covered = data.draw(amounts), ledger.balances[:3] + 50
            if (due > covered).any():
                with pytest.raises(InputError, match=r"ledger.amounts must be covered by the account of org"):
                    ledger.charge(round_, due, "compute")
            else:
                ledger.charge(round_, due, "compute")
        else:
            ledger.earn(round_, data.draw(amounts))
        ledger.check()
        assert ledger.balances.sum() == 0
    copy = Ledger(3)
    copy.restore(ledger.state())
    copy.check()
    assert copy.journal()["reason"].tolist() == ledger.journal()["reason"].tolist()
