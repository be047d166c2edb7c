"""Rounds that stop for people are the rounds of the market, and rehearsals are what would have happened."""

import numpy as np
import pytest

from experiments.teaching.lecture.results import judge
from experiments.teaching.lecture.rounds import OpenRound, with_robots
from markets.accounts.money import MICRO
from sim.exchange.tables import Offers
from tests.experiments.teaching.lecture.conftest import small_book, small_market

RULES = [
    pytest.param({}, id="listings"),
    pytest.param({"mechanism": "all_pay"}, id="losers pay too"),
    pytest.param({"mechanism": "k_double_auction", "broker": {"licence": "copy"}}, id="books"),
    pytest.param({"population": {"cash": 0.02, "mix": {"shading": 4}}}, id="poor and shading"),
]


def opened(**choices):
    world = small_market(**choices)
    world.step()
    world.consults = True
    return OpenRound(world)


def shaded(consult):
    """Offers of people who name half their values and something above their costs."""
    return Offers(consult.offers.bid / 2, consult.offers.ask + 0.01)


def test_a_round_that_stops_is_the_same_round():
    plain, asked = small_market(), small_market()
    asked.consults = True
    for _ in range(2):
        plain.step()
        stopped = OpenRound(asked)
        stopped.close(stopped.consult.offers)
        for name, columns in plain.report.tables.items():
            for column, values in columns.items():
                np.testing.assert_array_equal(values, asked.report.tables[name][column], f"{name}.{column}")


@pytest.mark.parametrize("choices", RULES)
def test_what_is_rehearsed_is_what_happens(choices):
    one = opened(**choices)
    offers = shaded(one.consult)
    result = judge(one, offers, {0: "Ada"}, [0])
    one.close(offers)
    totals, trades = one.world.report.totals, one.world.report.tables["trades"]
    settled = trades["settled"]
    np.testing.assert_array_equal(result.played.deals.buyer, trades["buyer"][settled])
    np.testing.assert_array_equal(result.prices, trades["paid"][settled])
    assert result.played.gains == pytest.approx(totals["gains_realised"])
    assert result.first_best == pytest.approx(totals["gains_first_best"])
    assert result.efficiency(result.played) == pytest.approx(totals["allocative_efficiency"])
    # What organisations gain and what the broker keeps is all that was gained.
    assert result.played.profit.sum() + totals["broker_surplus"] == pytest.approx(result.played.gains)
    assert totals["trades"] > 0


def test_the_robot_in_a_seat_plays_with_the_others_as_they_played():
    one, again = opened(), opened()
    offers = shaded(one.consult)
    result = judge(one, offers, {0: "Ada", 1: "Bob"}, [0, 1])
    again.close(with_robots(offers, again.consult, [0]))
    trades, appraisal = again.world.report.tables["trades"], again.consult.prospects.appraisal
    bought, sold = trades["buyer"] == 0, trades["seller"] == 0
    gained = trades["measured_value"][bought] - trades["paid"][bought]
    earned = trades["received"][sold] - trades["measured_cost"][sold]
    assert result.robot_profit[0] == pytest.approx(gained.sum() + earned.sum(), abs=1e-12)
    assert result.robot_profit[0] != pytest.approx(result.played.profit[0])
    assert (appraisal.value > 0).any()


def test_rehearsals_leave_no_trace():
    one, untouched = opened(), opened()
    for offers in (shaded(one.consult), one.truthful_offers()):
        one.rehearse(offers)
    one.close(one.consult.offers)
    untouched.close(untouched.consult.offers)
    np.testing.assert_array_equal(one.world.ledger.balances, untouched.world.ledger.balances)
    np.testing.assert_array_equal(
        one.world.ledger.state()["journal"], untouched.world.ledger.state()["journal"]
    )


def test_truth_realises_all_gains_of_cards_at_the_price_of_theory():
    world = small_book(
        mechanism={"name": "k_double_auction", "k": 0.5}, population={"mix": {"shading": 5}, "cash": 9.0}
    )
    world.consults = True
    one = OpenRound(world)
    result = judge(one, one.consult.offers, {}, [])
    assert result.truthful.gains == pytest.approx(result.first_best)
    appraisal = one.consult.prospects.appraisal
    value, cost = np.unique(appraisal.value), np.unique(appraisal.cost)
    reports = np.sort(np.concatenate([value, cost]))
    price = (reports[len(value) - 1] + reports[len(value)]) / 2  # Satterthwaite and Williams (1989).
    assert result.truthful.deals.paid / MICRO == pytest.approx(price, abs=1e-6)
    one.close(one.consult.offers)
    assert result.played.gains == pytest.approx(world.report.gains[0])
