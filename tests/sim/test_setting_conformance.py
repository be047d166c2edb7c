"""The check of a setting passes for all of ours, and finds each of the faults that it is for."""

import dataclasses

import numpy as np
import pytest

from sim.consumers.payoffs import DownstreamMarket
from sim.settings import SETTINGS
from sim.settings.competitive import Competitive
from sim.settings.conformance import check_setting


@pytest.mark.parametrize("name", list(SETTINGS))
@pytest.mark.parametrize("fields", [{}, {"regions": 3, "delivery": 0.01}])
def test_every_setting_answers_as_a_round_takes_for_granted(name, fields):
    check_setting(SETTINGS.build({"name": name, **fields}), seed=1)


class Few(Competitive):
    def downstream(self, organisations, region=None):
        return DownstreamMarket(np.zeros(1, dtype=np.int64), self.demand)


class Restless(Competitive):
    def downstream(self, organisations, region=None):
        return DownstreamMarket(np.random.default_rng().integers(0, 9, organisations), self.demand)


class Worthless(Competitive):
    def value(self, change):
        return np.full(len(change.buyer), np.nan)


class Relative(Competitive):
    def value(self, change):
        return change.buyer - change.buyer.mean() if len(change.buyer) else change.buyer


class InPlace(Competitive):
    def cost(self, change):
        change.seller[:] = 0
        return super().cost(change)


class Lucky(Competitive):
    def value(self, change):
        return change.buyer * np.random.default_rng().random()


class Fond(Competitive):
    def value(self, change):
        return change.buyer + 1


class Giving(Competitive):
    def cost(self, change):
        return -np.abs(change.seller) + self.delivery


class Free(Competitive):
    def cost(self, change):
        return (-change.seller).clip(min=0)


class Frightened(Competitive):
    def value(self, change):
        return change.buyer * (1 - self.delivery)


class Extorting(Competitive):
    def clear(self, mechanism, orders, rng):
        trades = super().clear(mechanism, orders, rng)
        return dataclasses.replace(trades, paid=trades.paid + 1)


class Losing(Competitive):
    def clear(self, mechanism, orders, rng):
        trades = super().clear(mechanism, orders, rng)
        return dataclasses.replace(trades, received=np.zeros(len(trades.row)))


class Minting(Competitive):
    def clear(self, mechanism, orders, rng):
        trades = super().clear(mechanism, orders, rng)
        return dataclasses.replace(trades, received=trades.received + 1)


class Wayward(Competitive):
    def clear(self, mechanism, orders, rng):
        trades = super().clear(mechanism, orders, np.random.default_rng())
        return dataclasses.replace(trades, paid=trades.paid * np.random.default_rng().random())


class Overselling(Competitive):
    def clear(self, mechanism, orders, rng):
        everything = dataclasses.replace(orders, capacity=np.full(len(orders), 99))
        return super().clear(mechanism, everything, rng)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Few, "downstream must place all 1|downstream must place all 2"),
        (Restless, "downstream must place organisations alike each time"),
        (Worthless, "value must return a finite number a row"),
        (Relative, "value must depend on own rows alone"),
        (InPlace, "cost must leave what it is shown alone"),
        (Lucky, "value must return the same for the same rows"),
        (Fond, "value must be 0 where nothing changes"),
        (Giving, "cost must be no less than delivery"),
        (Free, "cost must rise by a credit with each credit of delivery"),
        (Frightened, "value must not depend on what delivery costs"),
        (Extorting, "a buyer must pay its bid at most"),
        (Losing, "a seller must receive its ask at least"),
        (Minting, "buyers must pay what sellers receive"),
        (Wayward, "the same trades for the same orders and seed"),
        (Overselling, "no listing sell more than it has"),
    ],
)
def test_faults_are_found(fault, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_setting(fault())
