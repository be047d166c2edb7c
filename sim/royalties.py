"""Royalties: how the cooperative setting shares what a round of trades changed in the industry's profit.

Each organisation's profit changes from `before` to `after`; royalties are transfers that sum to zero and
leave every organisation with its share of the industry's whole change.

Core Objects: royalties, shapley_shares
"""

from math import factorial

import numpy as np
from numpy.typing import NDArray

from sim.payoffs import DownstreamMarket

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_EXACT_GAME = 12


def coalition_gains(
    downstream: DownstreamMarket, before: Floats, after: Floats, buyer: Ints, seller: Ints
) -> Floats:
    """Return v(C) for every coalition C of N organisations.

    v(C) is the industry's profit with the trades inside C alone, less that with none. A buyer has its new
    quality if all that it bought from are in C. Coalition number c holds organisation i if bit i of c is set.
    Cost grows as 2^N equilibria, solved in one batch.

    Parameters
    ----------
    before, after : float64 [N]
        Qualities without and with the round's trades.
    buyer, seller : int64 [T]
        The round's trades.

    Returns
    -------
    float64 [2^N]
    """
    organisations = len(before)
    member = (np.arange(2**organisations)[:, None] >> np.arange(organisations)) & 1 == 1
    needed = np.eye(organisations, dtype=bool)
    needed[buyer, seller] = True
    improved = (member @ needed.T.astype(np.int64)) == needed.sum(axis=1)
    industry = downstream.outcomes(np.where(improved, after, before))[0].sum(axis=1)
    return industry - industry[0]


def shapley_shares(gains: Floats) -> Floats:
    """Return the Shapley value [N] of a game given by v(C) for all 2^N coalitions (Shapley 1953).

    phi_i = sum over C without i of |C|! (N - |C| - 1)! / N! * (v(C with i) - v(C)).
    """
    players = len(gains).bit_length() - 1
    coalition = np.arange(len(gains))
    size = np.bitwise_count(coalition.astype(np.uint64)).astype(np.int64)
    weight = np.array([factorial(s) * factorial(players - s - 1) for s in range(players)]) / factorial(
        players
    )
    shares = np.empty(players)
    for player in range(players):
        without = coalition[(coalition >> player) & 1 == 0]
        marginal = gains[without | (1 << player)] - gains[without]
        shares[player] = (weight[size[without]] * marginal).sum()
    return shares


def royalties(
    rule: str,
    downstream: DownstreamMarket,
    before: Floats,
    after: Floats,
    buyer: Ints,
    seller: Ints,
    welfare: Floats,
) -> Floats:
    """Return what each organisation [N] receives from the others (negative: pays), credits; the sum is zero.

    Parameters
    ----------
    rule : str
        ``none``; ``equal`` shares; ``proportional`` to the welfare gained in the trades that an organisation
        took part in, half to each side; ``shapley``, the Shapley value of `coalition_gains`, exact.
    downstream : DownstreamMarket
        Where profits come from.
    before, after : float64 [N]
        Qualities without and with the round's trades.
    buyer, seller : int64 [T]
        The round's trades.
    welfare : float64 [T]
        The gain of welfare for which each trade was made.

    Raises
    ------
    ValueError
        If ``shapley`` is asked for more organisations than `LARGEST_EXACT_GAME`.
    """
    organisations = len(before)
    if rule == "none" or len(buyer) == 0:
        return np.zeros(organisations)
    own = downstream.standing(after).profit - downstream.standing(before).profit
    if rule == "equal":
        share = np.full(organisations, own.sum() / organisations)
    elif rule == "proportional":
        part = np.bincount(buyer, welfare, organisations) + np.bincount(seller, welfare, organisations)
        share = (
            own.sum() * part / part.sum()
            if part.sum() > 0
            else np.full(organisations, own.sum() / organisations)
        )
    else:
        check_shapley(organisations)
        share = shapley_shares(coalition_gains(downstream, before, after, buyer, seller))
    return share - own


def pairwise_transfers(amount: Ints) -> tuple[Ints, Ints, Ints]:
    """Return fewer than N transfers (debit, credit, amount) that give each organisation what it is due.

    Parameters
    ----------
    amount : int64 [N]
        What each is to receive (negative: to pay); the sum is zero.
    """
    pays, gets = np.flatnonzero(amount < 0), np.flatnonzero(amount > 0)
    paid, got = np.cumsum(-amount[pays]), np.cumsum(amount[gets])
    ends = np.union1d(paid, got)
    return pays[np.searchsorted(paid, ends)], gets[np.searchsorted(got, ends)], np.diff(ends, prepend=0)


def check_shapley(organisations: int) -> None:
    """Raise ``ValueError`` where an exact Shapley value would need too many coalitions."""
    if organisations > LARGEST_EXACT_GAME:
        raise ValueError(
            f"setting.royalties=shapley needs organisations of at most {LARGEST_EXACT_GAME} "
            f"(it values all coalitions); got {organisations}"
        )
