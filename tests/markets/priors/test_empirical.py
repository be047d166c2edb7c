import numpy as np
import pytest

from markets.matching.copies import LotTable, optimal_price
from markets.priors.empirical import Empirical, sample_price

RNG = np.random.default_rng(0)
SAMPLES = [
    RNG.random(40),
    RNG.exponential(size=40),
    RNG.integers(0, 5, 40).astype(float),
    np.concatenate([RNG.random(20), 10 + RNG.random(5)]),
    np.array([3.0]),
]


def best_price(sample, cost, guard=0.0):
    """The rule, word by word: the s_(k) with the largest k (s_(k) - c), the lowest of several."""
    falling = np.sort(sample)[::-1]
    offers = [
        ((k + 1) * (s - cost), -s)
        for k, s in enumerate(falling)
        if s >= cost and k + 1 >= guard * len(falling)
    ]
    return -max(offers)[1] if offers else cost


@pytest.mark.parametrize("guard", [0.0, 0.25])
@pytest.mark.parametrize("sample", SAMPLES, ids=len)
def test_prices_are_those_of_the_rule(sample, guard):
    costs = np.linspace(0, sample.max() * 1.1, 23)
    expected = [best_price(sample, cost, guard) for cost in costs]
    prior = Empirical(sample=tuple(sample), guard=guard)
    profit = [
        ((sample >= p).sum() * (p - c)) for p, c in zip(prior.monopoly_price(costs), costs, strict=True)
    ]
    best = [((sample >= p).sum() * (p - c)) for p, c in zip(expected, costs, strict=True)]
    # Prices may differ by rounding where two are equally good.
    assert profit == pytest.approx(best, rel=1e-12, abs=1e-12)
    value = np.tile(np.sort(sample)[::-1], (len(costs), 1))
    found = sample_price(value, np.ones(value.shape, bool), costs, 1, guard)
    assert found.tolist() == expected


@pytest.mark.parametrize("sample", SAMPLES, ids=len)
def test_without_a_cost_it_is_the_optimal_single_price(sample):
    table = LotTable.of(np.arange(len(sample)), np.zeros(len(sample), int), sample, 1)
    assert Empirical(sample=tuple(sample)).monopoly_price() == optimal_price(table)[0]


def test_ironing_by_hand():
    """Revenues 6, 6, 6, 8 rise by 6, 0, 0, 2: ironed 6, 2/3, 2/3, 2/3, so that 2 is the price at no cost."""
    prior = Empirical(sample=(2.0, 6.0, 3.0, 2.0))
    assert prior.ironed == pytest.approx([6, 2 / 3, 2 / 3, 2 / 3])
    assert prior.virtual_value([6.0, 5.0, 3.0, 1.0]) == pytest.approx([6, 2 / 3, 2 / 3, -np.inf])
    assert prior.monopoly_price([0, 0.5, 0.7, 6, 9]).tolist() == [2, 2, 6, 6, 9]
    assert prior.cdf([1, 2, 3, 7]).tolist() == [0, 0.5, 0.75, 1]
    assert prior.quantile([0, 0.5, 0.51, 1]).tolist() == [2, 2, 3, 6]


def test_large_samples_give_the_monopoly_price_of_what_they_were_drawn_from():
    """1/2 for uniform values, 1 for exponential ones with mean 1 (Myerson 1981)."""
    sample = np.random.default_rng(1).random(40_000)
    assert Empirical(sample=tuple(sample)).monopoly_price(0) == pytest.approx(1 / 2, abs=0.05)
    assert Empirical(sample=tuple(sample)).monopoly_price(0.5) == pytest.approx(3 / 4, abs=0.05)
    exponential = Empirical(sample=tuple(-np.log(sample)))
    assert exponential.monopoly_price(0) == pytest.approx(1, abs=0.1)
    # The least of the ironed virtual values nowhere exceeds the value.
    assert (exponential.ironed <= exponential.falling).all()


def test_the_guard_keeps_the_price_below_the_largest_values():
    """One of twenty values is a hundred times the others (Dhangwatnotai, Roughgarden and Yan 2015)."""
    sample = (100.0,) + (1.0,) * 19
    assert Empirical(sample=sample).monopoly_price() == 100
    assert Empirical(sample=sample, guard=0.1).monopoly_price() == 1
