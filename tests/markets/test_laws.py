"""The law of every rule that draws more than ties: alone, side by side, and by enumeration of what can be."""

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from markets.books.margin import Margin
from markets.goods.blocks import UNLIMITED
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders
from tests.markets.laws import MARKETS, drawn, follows, outcomes, side_by_side, uniformly
from tests.markets.strategies import book


def row_of(orders):
    return {
        pair: r for r, pair in enumerate(zip(orders.buyer.tolist(), orders.listing.tolist(), strict=True))
    }


def plainly_auctioned(orders, arrivals, gode_sunder, passes):
    """Play quotes in an order; the trades as (row, price)."""
    rows, standing, trades, gone = row_of(orders), [], [], set()
    for who in itertools.chain(*[arrivals] * passes):
        if who in gone:
            continue
        side, name, quote = who
        others = [
            o
            for o in standing
            if o[0] != side
            and (o[2] <= quote if side == "bid" else o[2] >= quote)
            and ((name[0], o[1][0]) if side == "bid" else (o[1][0], name[0])) in rows
        ]
        if others:
            best = min(others, key=lambda o: o[2] if side == "bid" else -o[2])
            buyer, listing = (name[0], best[1][0]) if side == "bid" else (best[1][0], name[0])
            trades.append((rows[buyer, listing], best[2]))
            gone |= {who, best}
            standing = [] if gode_sunder else [o for o in standing if o != best]
        elif not gode_sunder:
            standing.append(who)
        else:
            mine = [o for o in standing if o[0] == side]
            if not mine or (quote > mine[0][2] if side == "bid" else quote < mine[0][2]):
                standing = [o for o in standing if o[0] != side] + [who]
    return tuple(sorted(trades))


def auctions(orders, gode_sunder, passes):
    """Yield the trades of every order of arrival."""
    bids = {("bid", (b, 0), p) for b, p in zip(orders.buyer.tolist(), orders.bid.tolist(), strict=True)}
    supply = np.minimum(orders.capacity, np.bincount(orders.listing)[orders.listing]).tolist()
    asks = {
        ("ask", (listing, unit), ask)
        for listing, ask, units in zip(orders.listing.tolist(), orders.ask.tolist(), supply, strict=True)
        for unit in range(units)
    }
    for arrivals in itertools.permutations(sorted(bids | asks)):
        yield plainly_auctioned(orders, arrivals, gode_sunder, passes)


BOOKS = [
    book([0.9], [0.1]),
    book([0.9], [0.1, 0.1]),
    book([0.9, 0.9], [0.1]),
    book([0.9, 0.9], [0.1, 0.1]),
    book([0.9, 0.6], [0.1, 0.5]),
    book([0.9, 0.6, 0.3], [0.1, 0.5], keep=[[1, 0], [1, 1], [1, 1]]),
    book([0.9, 0.7, 0.5], [0.1], capacity=2),
    # Two organisations that buy from each other.
    Orders.of(buyer=[0, 1], seller=[1, 0], listing=[1, 0], bid=[0.9, 0.8], ask=[0.1, 0.2], capacity=[1, 1]),
]


@pytest.mark.parametrize("variant", ["persistent", "gode_sunder"])
@pytest.mark.parametrize("number", range(len(BOOKS)))
def test_law_of_the_continuous_double_auction(variant, number):
    passes = 1 if variant == "persistent" else 2
    rule = MECHANISMS.build({"name": "continuous_double_auction", "variant": variant, "passes": passes})
    law = uniformly(auctions(BOOKS[number], variant == "gode_sunder", passes))
    assert follows(drawn(rule, BOOKS[number], seed=100 + number), law)


@pytest.mark.parametrize(
    ("buyers", "sellers", "share"),
    [(1, 1, Fraction(1, 2)), (1, 2, Fraction(2, 3)), (2, 1, Fraction(1, 3)), (2, 2, Fraction(1, 2))],
)
def test_share_of_trades_at_the_ask(buyers, sellers, share):
    """Who stands first sets the price: with more sellers it is more often one of them."""
    one = book([0.9] * buyers, [0.1] * sellers)
    outcomes_, at_ask = list(auctions(one, False, 1)), 0
    at_ask = Fraction(sum(p == 0.1 for o in outcomes_ for _, p in o), sum(len(o) for o in outcomes_))
    assert at_ask == share
    trades = MECHANISMS.build("continuous_double_auction").clear(side_by_side(one), np.random.default_rng(7))
    assert abs((trades.paid == 0.1).mean() - float(share)) < 5 * 0.5 / np.sqrt(MARKETS)


def sampled(bids):
    """Yield the trades of one listing of copies at 0 under every fall of the coins."""
    for coins in itertools.product((0, 1), repeat=len(bids)):
        trades = []
        for side in (0, 1):
            others = [b for b, c in zip(bids, coins, strict=True) if c != side]
            price = max(others, key=lambda p: (p * sum(b >= p for b in others), p), default=np.inf)
            trades += [(i, price) for i, b in enumerate(bids) if coins[i] == side and b >= price]
        yield tuple(sorted(trades))


@pytest.mark.parametrize("bids", [(1,), (1, 1), (2, 1), (8, 4, 2, 1), (3, 3, 1, 1)])
def test_law_of_random_sampling(bids):
    one = book(bids, [0], capacity=UNLIMITED)
    law = uniformly(sampled([float(b) for b in bids]))
    assert follows(drawn(MECHANISMS.build("rsop"), one), law)


def halved(bids, asks, vickrey):
    """Return the law of MUDA by enumeration of coins and lotteries; all bids and all asks differ."""
    law = Counter()
    coins = list(itertools.product((0, 1), repeat=len(bids) + len(asks)))
    for fall in coins:
        halves = []
        for side in (0, 1):
            buyers = sorted((i for i in range(len(bids)) if fall[i] == side), key=lambda i: -bids[i])
            units = sorted((j for j in range(len(asks)) if fall[len(bids) + j] == side), key=asks.__getitem__)
            halves.append((buyers, units))
        prices = []
        for buyers, units in halves:
            if not buyers or not units:
                prices.append(None)
                continue
            margin = Margin.of(np.array([bids[i] for i in buyers]), np.array([asks[j] for j in units]))
            prices.append(float(margin.low + margin.high) / 2)
        cases = [Counter({(): Fraction(1)})]
        for (buyers, units), price in zip(halves, prices[::-1], strict=True):
            if price is None:
                continue
            buyers = [i for i in buyers if bids[i] >= price]
            units = [j for j in units if asks[j] <= price]
            q = min(len(buyers), len(units))
            if vickrey:
                paid = bids[buyers[q]] if len(buyers) > q else price
                draws = [(tuple(sorted(buyers[:q])), tuple(sorted(units[:q])), paid)]
            else:
                draws = [
                    (b, u, price)
                    for b in itertools.combinations(sorted(buyers), q)
                    for u in itertools.combinations(sorted(units), q)
                ]
            cases.append(Counter(draws))
        for case in itertools.product(*[list(c) for c in cases[1:]]):
            chance = Fraction(1, len(coins))
            for c in cases[1:]:
                chance /= len(c)
            law[tuple(sorted(case))] += chance
    return dict(law)


@pytest.mark.parametrize("rationing", ["lottery", "vickrey"])
@pytest.mark.parametrize(
    ("bids", "asks"),
    [([9.0, 8.0], [3.0, 4.0]), ([9.0, 8.0, 7.0], [3.0, 4.0]), ([9.0, 5.0], [1.0, 3.0, 8.0])],
)
def test_law_of_muda(rationing, bids, asks):
    """Who trades in each half, and at which price."""
    one = book(bids, asks)
    rule = MECHANISMS.build({"name": "muda", "rationing": rationing})
    many = side_by_side(one)
    law = halved(bids, asks, rationing == "vickrey")
    marginal = Counter()
    for case, chance in law.items():
        key = tuple(sorted((b, paid) for half in case for b in half[0] for paid in [half[2]]))
        sold = tuple(sorted(u for half in case for u in half[1]))
        marginal[key, sold] += chance
    found = Counter()
    for outcome in outcomes(rule.clear(many, np.random.default_rng(8)), len(one), MARKETS):
        bought = tuple(sorted((int(one.buyer[row]), paid) for row, paid in outcome))
        found[bought, tuple(sorted(int(one.listing[row]) for row, _ in outcome))] += 1
    assert follows(found, dict(marginal))


@pytest.mark.parametrize("lottery", ["sellers", "buyers"])
def test_law_of_sbba(lottery):
    """(9, 8, 7 | 3, 4, 5): nobody is left out, so one of three on the side of the lottery goes home."""
    one, rule = book([9, 8, 7], [3, 4, 5]), MECHANISMS.build({"name": "sbba", "lottery": lottery})
    home = Counter()
    for outcome, count in drawn(rule, one).items():
        side = one.listing if lottery == "sellers" else one.buyer
        home[tuple(sorted(int(side[row]) for row, _ in outcome))] += count
    assert follows(home, uniformly(itertools.combinations(range(3), 2)))


def test_law_of_a_posted_price():
    """A lottery is the same for all who come, whatever else they could have had.

    Buyer 0 likes listings 0 and 1 alike, buyer 1 may buy listing 0 alone. With 1/2 both want listing 0, and
    then each has half a chance of it; if buyer 1 gets it, buyer 0 goes on to listing 1.
    """
    one = book([5, 5], [1, 1], keep=[[1, 1], [1, 0]])
    law = {
        ((1, 1.0), (2, 1.0)): Fraction(3, 4),
        ((0, 1.0),): Fraction(1, 4),
    }
    assert follows(drawn(MECHANISMS.build("posted_price"), one), law)
