import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets import theory
from markets.matching.private_information import (
    Interval,
    Midpoint,
    agree,
    buyer_reading,
    common_price,
    disclosed_cell,
    offer,
    seller_reading,
)
from markets.priors.empirical import Empirical

EXACT = Midpoint()
MANY = (np.arange(40_000) + 0.5) / 40_000
"""Values uniform on [0, 1], as the middles of equal parts."""


def told(numbers, low, high):
    return Interval(np.asarray(numbers) - low, np.asarray(numbers) + high)


def price(v, c, value, cost, power=0.5, k=0.5):
    return common_price(buyer_reading(v, cost, power, EXACT), seller_reading(c, value, power, EXACT), k)


@given(
    v=st.floats(0, 10),
    c=st.floats(0, 10),
    widths=st.tuples(*[st.floats(0, 5)] * 4),
    power=st.floats(0, 1),
    k=st.floats(0, 1),
)
def test_the_price_is_as_near_as_intervals_are_long(v, c, widths, power, k):
    """|p - p*| <= (1 - k)(1 - a) h_v + k a h_c where there is something to gain; exact at length 0.

    Whatever is told, nobody who agrees loses, and full information loses no deal.
    """
    full = (1 - power) * v + power * c
    exact = price(v, c, told(v, 0, 0), told(c, 0, 0), power, k)
    private = price(v, c, told(v, *widths[:2]), told(c, *widths[2:]), power, k)
    assert not agree(private, v, c) or c - 1e-9 <= private <= v + 1e-9
    if v >= c:
        assert exact == pytest.approx(full, abs=1e-12)
        assert agree(exact, v, c)
        reach = (1 - k) * (1 - power) * sum(widths[:2]) + k * power * sum(widths[2:])
        assert abs(private - full) <= reach + 1e-12
    else:
        assert not agree(private, v, c)


def test_who_knows_that_nothing_is_to_be_gained_reads_its_own_number():
    nothing = Interval(np.array([0.1]), np.array([0.3]))
    assert seller_reading([0.5], nothing, 0.5, EXACT).tolist() == [0.5]
    assert buyer_reading([0.05], nothing, 0.5, EXACT).tolist() == [0.05]


@pytest.mark.parametrize("power", [0.5, 0.2])
def test_cells_that_nest_bring_the_reading_nearer(power):
    """The mean squared distance is (1 - a)^2/(12 n^2), falling as cells nest (`theory.reading_error`)."""
    cost = np.zeros_like(MANY)
    errors = []
    for cells in (1, 2, 4, 8, 16):
        reading = seller_reading(cost, disclosed_cell(MANY, 0, 1, cells), power, EXACT)
        errors.append(np.mean((reading - (1 - power) * MANY) ** 2))
        assert errors[-1] == pytest.approx(theory.reading_error(cells, power), rel=1e-6)
    assert (np.diff(errors) < 0).all()


@pytest.mark.parametrize("cells", [1, 2, 3, 4, 16])
def test_what_information_is_worth_to_the_side_that_prices(cells):
    """Seller (2n^2 - 2n + 1)/(4n^2), buyer (4n - 3)/(8n^2) (`theory.segmented_offer`)."""
    asked = offer(np.zeros_like(MANY), disclosed_cell(MANY, 0, 1, cells))
    sold = asked <= MANY
    probability, seller, buyer = theory.segmented_offer(cells)
    assert sold.mean() == pytest.approx(probability, abs=1e-4)
    assert (asked * sold).mean() == pytest.approx(seller, abs=1e-4)
    assert ((MANY - asked) * sold).mean() == pytest.approx(buyer, abs=1e-4)


def test_a_little_information_helps_both_and_much_the_seller_alone():
    """5/32 of the buyer at two cells against 1/8 at one (Bergemann, Brooks and Morris 2015)."""
    found = {n: theory.segmented_offer(n) for n in (1, 2, 3, 4, 1000)}
    assert found[1] == (1 / 2, 1 / 4, 1 / 8)
    assert found[2][2] == 5 / 32
    assert found[3][2] == 1 / 8
    assert found[4][2] < 1 / 8
    assert found[1000][1] == pytest.approx(1 / 2, abs=1e-3)
    assert [found[n][1] for n in found] == sorted(found[n][1] for n in found)


def test_offers_by_hand():
    values = Interval(np.array([0.0, 0.8, 0.0, 0.5]), np.array([1.0, 1.0, 0.2, 0.5]))
    np.testing.assert_allclose(offer([0.2, 0.2, 0.3, 0.1], values), [0.6, 0.8, 0.3, 0.5])


def test_an_empirical_belief_is_the_mean_of_the_sample_within():
    belief = Empirical(sample=(1.0, 2.0, 6.0))
    low, high = np.array([0.0, 1.5, 3.0, 7.0, 0.2]), np.array([9.0, 6.0, 5.0, 8.0, 0.5])
    np.testing.assert_allclose(belief.mean_between(low, high), [3.0, 4.0, 3.0, 7.0, 0.5])


def test_numbers_outside_count_as_the_nearer_cell_and_an_empty_range_is_refused():
    cell = disclosed_cell([-1.0, 0.0, 0.5, 1.0, 9.0], 0, 1, 2)
    assert cell.low.tolist() == [0, 0, 0.5, 0.5, 0.5]
    assert cell.high.tolist() == [0.5, 0.5, 1, 1, 1]
    with pytest.raises(ValueError, match="cells must be a whole number >= 1; got 0"):
        disclosed_cell([0.5], 0, 1, 0)
    with pytest.raises(ValueError, match=r"high must be above low \(1\); got 1"):
        disclosed_cell([0.5], 1, 1, 1)
