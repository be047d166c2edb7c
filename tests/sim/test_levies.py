"""Rules that charge without delivering, and rules that pool bids, on parameters: money and records."""

import numpy as np
import pandas as pd
import pytest

from markets.accounts.ledger import MICRO
from sim.cohort import Cohort
from tests.sim.conftest import small, tables_of

SHORT = {"population": {"mix": {"truthful": 2, "zero_intelligence": 1, "shading": 1}}}


def play(mechanism, rounds=3, **choices):
    """Return the tables of a competitive world, joined over its rounds, and the world."""
    cohort = Cohort(small(mechanism=mechanism, **choices), ("competitive",), 1, 1)
    tables = tables_of(cohort, rounds)
    return {name: pd.concat(t[name] for t in tables) for name in tables[0]}, cohort.worlds[0]


CASES = [
    ("all_pay", {"broker": {"licence": "exclusive"}}),
    ("all_pay", {"broker": {"licence": "copies: 2", "demand": 2, "blocks": "layers"}}),
    ({"name": "voluntary_contributions", "cost": 5e-5}, {"broker": {"demand": 3}}),
    ({"name": "provision_point", "cost": 2e-5}, {"broker": {"demand": 3}}),
    ({"name": "lindahl"}, {"broker": {"demand": 3}}),
    ({"name": "clarke_pivot", "cost": 5e-5, "shares": "equal"}, {"broker": {"demand": 3}}),
]
LEVYING = [CASES[0], CASES[1], CASES[2], CASES[5]]


@pytest.mark.parametrize(("mechanism", "choices"), CASES, ids=str)
def test_every_credit_is_accounted_for(mechanism, choices):
    tables, world = play(mechanism, **SHORT, **choices)
    ledger, rounds, organisations = tables["ledger"], tables["rounds"], tables["organisations"]
    assert world.ledger.balances.sum() == 0
    into, out_of = (
        ledger[ledger[side] == "escrow"].groupby("round")["amount"].sum() for side in ("credit", "debit")
    )
    assert len(into) > 0
    pd.testing.assert_series_equal(into, out_of)
    np.testing.assert_allclose(
        rounds["welfare"],
        rounds["consumer_surplus"] + rounds["profits"] + rounds["broker_surplus"],
        atol=1e-5,
    )
    trades, orders = tables["trades"][tables["trades"]["settled"]], tables["orders"]
    paid = trades.groupby("buyer")["paid"].sum().add(orders.groupby("buyer")["levy"].sum(), fill_value=0)
    told = organisations.groupby("organisation")["paid"].sum()
    np.testing.assert_allclose(told, paid.reindex(told.index, fill_value=0), atol=1e-9)
    assert rounds["broker_surplus"].sum() == pytest.approx(world.ledger.balance_of_broker / MICRO)
    assert len(trades) + (orders["outcome"] == "levied").sum() > 0


@pytest.mark.parametrize(("mechanism", "choices"), LEVYING, ids=str)
def test_levies_are_posted_and_shown(mechanism, choices):
    tables, _ = play(mechanism, **SHORT, **choices)
    ledger, orders = tables["ledger"], tables["orders"]
    levied = orders[orders["outcome"] == "levied"]
    assert len(levied) > 0
    assert (levied["levy"] > 0).all()
    assert (orders.loc[orders["outcome"] != "levied", "levy"] == 0).all()
    posted = ledger[ledger["reason"] == "levy"]
    assert (posted["credit"] == "escrow").all()
    np.testing.assert_allclose(np.sort(posted["amount"] / MICRO), np.sort(levied["levy"]), atol=1e-9)
    assert tables["rounds"]["levies"].sum() == pytest.approx(levied["levy"].sum())


def test_losers_of_an_all_pay_auction_pay_their_bids():
    tables, _ = play("all_pay", **SHORT, broker={"licence": "exclusive"})
    levied = tables["orders"][tables["orders"]["outcome"] == "levied"]
    np.testing.assert_allclose(levied["levy"], levied["bid"])
    trades = tables["trades"]
    np.testing.assert_allclose(trades["paid"], trades["bid"])
    assert trades.groupby(["round", "listing"]).size().max() == 1


def test_a_project_is_released_to_all_or_to_nobody():
    """Where every buyer wants every block, a listing's orders have one outcome a round."""
    tables, _ = play({"name": "clarke_pivot", "cost": 4e-5}, broker={"demand": 3})
    orders = tables["orders"]
    goes = (orders["outcome"] == "traded").groupby([orders["round"], orders["listing"]])
    assert (goes.all() == goes.any()).all()
    assert goes.all().nunique() == 2


def test_pools_pay_the_cost_of_a_listing_and_leave_the_broker_nothing():
    tables, world = play({"name": "lindahl", "cost": 1e-5}, **SHORT, broker={"demand": 3})
    trades = tables["trades"]
    assert len(trades) > 0
    assert (trades["paid"] <= trades["bid"]).all()
    assert (trades["received"] == trades["paid"]).all()
    assert world.ledger.balance_of_broker == 0
    by_listing = trades.groupby(["round", "listing"])[["received", "ask"]].sum()
    # Each row is rounded to a whole micro-credit.
    np.testing.assert_allclose(by_listing["received"], by_listing["ask"] + 1e-5, atol=2e-6)


def test_a_levy_beyond_the_account_is_refused():
    """Each bid passes the door alone; the second of two does not fit into what the first leaves."""
    tables, world = play(
        "all_pay",
        rounds=1,
        broker={"licence": "exclusive", "demand": 3},
        population={"cash": 2e-5, "mix": {"shading": 4}},
    )
    orders = tables["orders"]
    assert (orders["outcome"] == "not settled").any()
    assert (world.ledger.balances[:4] >= 0).all()
    refused = (orders["outcome"].isin(["refused", "not settled"])).sum()
    assert tables["rounds"]["refused"].sum() == refused


def test_a_stopped_run_goes_on_as_if_it_had_not():
    config = small(mechanism="all_pay", broker={"licence": "exclusive"})
    straight, stopped, fresh = (Cohort(config, ("competitive",), 1, 5) for _ in range(3))
    expected = tables_of(straight, 3)[2]
    tables_of(stopped, 2)
    fresh.restore(stopped.state())
    for name, table in tables_of(fresh, 1)[0].items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True)
