"""How outcomes are distributed: one small market many times, beside exact chances."""

from collections import Counter
from fractions import Fraction

import numpy as np
from scipy.stats import chisquare

from markets.orders.orders import Orders

MARKETS = 3000
ALONE = 4
UNLIKELY = 1e-4
"""Chance of a test's failure if the law is right; seeds are fixed, so that it fails always or never."""


def side_by_side(one, markets=MARKETS):
    """Return copies of a market of one position, each a position with traders and listings of its own."""
    traders, listings = max(one.buyer.max(), one.seller.max()) + 1, one.listing.max() + 1
    market = np.repeat(np.arange(markets), len(one))

    def copied(column):
        return np.tile(column, markets)

    return Orders.of(
        buyer=market * traders + copied(one.buyer),
        seller=market * traders + copied(one.seller),
        listing=market * listings + copied(one.listing),
        position=market,
        bid=copied(one.bid),
        ask=copied(one.ask),
        capacity=copied(one.capacity),
        demand=one.demand,
    )


def outcomes(trades, rows, markets):
    """Return what happened in each market: its (row, paid) in the order of the rows."""
    market, row = np.divmod(trades.row, rows)
    told = [[] for _ in range(markets)]
    for m, r, paid in zip(market.tolist(), row.tolist(), trades.paid.tolist(), strict=True):
        told[m].append((r, paid))
    return [tuple(each) for each in told]


def drawn(rule, one, seed=0, markets=MARKETS):
    """Count the outcomes of a market that is cleared many times at once; some are also cleared alone."""
    many = side_by_side(one, markets)
    found = outcomes(rule.clear(many, np.random.default_rng(seed)), len(one), markets)
    for market in range(ALONE):
        rows = np.arange(len(one)) + market * len(one)
        alone = rule.clear(many.select(rows), np.random.default_rng(seed))
        assert outcomes(alone, len(one), 1)[0] == found[market]
    return Counter(found)


def follows(counts, law):
    """Whether counts are of a law, a dict of exact chances; what cannot be must not be."""
    assert sum(law.values()) == 1
    assert set(counts) <= set(law)
    if len(law) == 1:
        return True
    expected = {each: float(chance) * sum(counts.values()) for each, chance in law.items()}
    return chisquare([counts[each] for each in law], list(expected.values())).pvalue > UNLIKELY


def uniformly(cases):
    """Return the law of the outcomes of equally likely cases."""
    counts = Counter(cases)
    return {each: Fraction(count, counts.total()) for each, count in counts.items()}
