import numpy as np
import pytest
from pydantic import ValidationError

from markets.books.call_books import CallBooks
from markets.mechanisms.double_auctions.muda import MUDA, toss_coins
from markets.orders.luck import Luck
from markets.orders.orders import Orders
from tests.markets.laws import side_by_side
from tests.markets.mechanisms.samples import close
from tests.markets.strategies import book, books, by_market

RULES = [MUDA(), MUDA(rationing="vickrey")]


def halves_of(orders, seed):
    """Return which buyers and which listings of a complete book went to the right."""
    books = CallBooks.of(orders, Luck.draw(orders, np.random.default_rng(seed)))
    of_bid, of_listing = toss_coins(books)
    buyers, listings = (np.zeros(column.max() + 1, dtype=bool) for column in (orders.buyer, orders.listing))
    buyers[orders.buyer[books.row]] = of_bid[books.row_bid]
    listings[orders.listing[books.row]] = of_listing[books.row_listing]
    return buyers, listings


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 5), (5, 1)])
def test_a_side_that_cannot_be_divided_never_trades(rule, m, n):
    """Segal-Halevi, Hassidim and Aumann 2018: one of the halves has no price."""
    assert len(rule.clear(side_by_side(book([9] * m, [4] * n), 50), np.random.default_rng(0))) == 0


def test_two_by_two_trades_if_each_half_has_one_of_both():
    """With values and costs uniform on [0, 1]: a quarter of the splits, and 25/192 of the first best.

    A half's price is the middle of its two reports, triangular on [0, 1]; at a price p the other half gains
    p (1 - p)/2, on average 5/48; so a market gains 2 x 5/48 x 1/4, of 2/5.
    """
    reports = np.random.default_rng(0).random((100_000, 4))
    orders = books(reports[:, :2], reports[:, 2:])
    trades = MUDA().clear(orders, np.random.default_rng(1))
    gains = np.bincount(orders.position[trades.row], orders.surplus[trades.row], len(reports))
    assert close(gains / (2 / 5), 25 / 192)
    willing = side_by_side(book([9, 9], [4, 4]), 4000)
    pairs = np.bincount(willing.position[MUDA().clear(willing, np.random.default_rng(2)).row], minlength=4000)
    assert set(pairs) == {0, 2}
    assert close(pairs / 2, 1 / 4)


def test_coins_are_fair_and_independent():
    """Among 4 buyers and 4 listings: each coin, each pair of coins, and the sizes of the halves."""
    orders, first = side_by_side(book([1] * 4, [0] * 4), 500), 8 * np.arange(500)[:, None]
    halves = [halves_of(orders, seed) for seed in range(6)]
    coins = np.vstack(
        [np.hstack([buyers[first + np.arange(4)], listings.reshape(500, 4)]) for buyers, listings in halves]
    )
    assert np.abs(coins.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(3000)
    together = (coins[:, :, None] == coins[:, None, :]).mean(axis=0)
    assert np.abs(together[~np.eye(8, dtype=bool)] - 0.5).max() < 5 * 0.5 / np.sqrt(3000)
    sizes = np.bincount(coins[:, :4].sum(axis=1), minlength=5) / 3000
    assert np.abs(sizes - np.array([1, 4, 6, 4, 1]) / 16).max() < 5 * 0.5 / np.sqrt(3000)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_each_half_trades_within_itself_at_the_price_of_the_other(rule):
    rng = np.random.default_rng(2)
    bids, asks = rng.random(8), rng.random(8)
    orders, both = book(bids, asks), 0
    for seed in range(60):
        of_buyer, of_listing = halves_of(orders, seed)
        trades = rule.clear(orders, np.random.default_rng(seed))
        assert (of_buyer[trades.buyer] == of_listing[trades.listing]).all()
        for side in (False, True):
            there = of_buyer[trades.buyer] == side
            if not there.any():
                continue
            other_bids, other_asks = bids[of_buyer != side], asks[of_listing != side]
            reports = np.sort(np.concatenate([other_bids, other_asks]))
            price = reports[len(other_bids) - 1 : len(other_bids) + 1].mean()
            demand, supply = bids[of_buyer == side], asks[of_listing == side]
            demand, supply = demand[demand >= price], supply[supply <= price]
            q = min(len(demand), len(supply))
            paid = received = price
            if rule.rationing == "vickrey" and len(demand) > q:
                paid = np.sort(demand)[::-1][q]
            if rule.rationing == "vickrey" and len(supply) > q:
                received = np.sort(supply)[q]
            assert there.sum() == q
            if rule.rationing == "vickrey":
                assert sorted(bids[trades.buyer[there]]) == sorted(demand)[len(demand) - q :]
                assert sorted(asks[trades.listing[there]]) == sorted(supply)[:q]
            assert trades.paid[there] == pytest.approx(paid)
            assert trades.received[there] == pytest.approx(received)
            both += 1
    assert both > 50


def test_the_lottery_gives_all_who_are_willing_the_same_chance():
    """Buyers at 9 and at 8, in halves whose price is 8 at most: to bid more wins no more often."""
    orders = side_by_side(book([9, 8] * 4, [1] * 4), 250)
    present, wins = np.zeros(8), np.zeros(8)
    for seed in range(6):
        half = halves_of(orders, seed)[0][12 * np.arange(250)[:, None] + np.arange(8)].astype(int)
        trades = MUDA().clear(orders, np.random.default_rng(seed))
        market, buyer = np.divmod(trades.buyer[trades.paid <= 8], 12)
        cheap = np.zeros((250, 2), dtype=bool)
        cheap[market, half[market, buyer]] = True
        present += np.take_along_axis(cheap, half, axis=1).sum(axis=0)
        wins += np.bincount(buyer, minlength=8)
    high, low = ((wins[i::2].sum(), present[i::2].sum()) for i in (0, 1))
    chance = wins.sum() / present.sum()
    error = np.sqrt(chance * (1 - chance) * (1 / high[1] + 1 / low[1]))
    assert 0.2 < chance < 0.8
    assert abs(high[0] / high[1] - low[0] / low[1]) < 5 * error


@pytest.mark.parametrize(
    ("size", "share", "markets"),
    [
        (5, 0.44, 600),
        (10, 0.59, 300),
        (20, 0.69, 100),
        (50, 0.79, 40),
        pytest.param(50, 0.79, 400, marks=pytest.mark.slow),
        pytest.param(200, 0.89, 100, marks=pytest.mark.slow),
    ],
)
def test_efficiency_of_uniform_markets(size, share, markets):
    """Mean share of the first best with a lottery, from simulations of the published rule, to 0.01.

    Segal-Halevi, Hassidim and Aumann (2018), AAAI.
    """
    rng = np.random.default_rng(size)
    shares = np.zeros(0)
    for some in np.array_split(rng.random((markets, 2, size)), -(-markets * size**2 // 100_000)):
        orders = books(some[:, 0], some[:, 1])
        best = (-np.sort(-some[:, 0]) - np.sort(some[:, 1])).clip(min=0).sum(axis=1)
        row = MUDA().clear(orders, rng).row
        realised = by_market(orders, row, orders.surplus[row])
        shares = np.append(shares, np.divide(realised, best, out=np.ones(len(some)), where=best > 0))
    assert abs(np.mean(shares) - share) < 0.01 + 4 * np.std(shares) / np.sqrt(markets)


def test_copies_go_to_the_half_of_their_listing():
    orders = Orders.of(buyer=range(8), seller=[8] * 8, listing=[0] * 8, bid=[9.0] * 8, ask=[3.0] * 8)
    assert all(len(MUDA().clear(orders, np.random.default_rng(seed))) == 0 for seed in range(20))
    orders = book([9] * 8, [3, 4], capacity=2**40)
    sold = [MUDA().clear(orders, np.random.default_rng(seed)) for seed in range(40)]
    assert any(len(trades) for trades in sold)
    assert all(set(trades.paid) <= {3.0, 4.0, 6.0, 6.5} for trades in sold)


def test_rationing_must_be_known():
    with pytest.raises(ValidationError):
        MUDA(rationing="queue")
