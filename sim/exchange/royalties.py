"""Royalties: how the cooperative setting shares what a round of trades changed in the industry's profit.

Each organisation's profit changes from `before` to `after`; royalties are transfers that sum to zero and
leave every organisation with its share of the industry's whole change.
"""

from dataclasses import dataclass

import numpy as np

from markets.accounts.ledger import Ledger
from markets.accounts.money import MICRO, sums, to_micro, total
from markets.columns import Floats, Ints
from markets.matching.cooperation import coalition_excess, memberships, random_coalitions
from sim.exchange.royalty_rules import RoundGame, RoyaltyRule
from sim.settings import Setting
from sim.streams import RoundStreams

LARGEST_EXACT_CORE = 10
"""Organisations up to which all coalitions are asked whether they would leave, every round."""


@dataclass(frozen=True)
class Shares:
    """What each organisation is due.

    Attributes
    ----------
    due : float64 [N]
        Received from the others (negative: paid), credits; the sum is zero.
    error : float64 [N]
        Standard error of the share where it was sampled, otherwise 0.
    """

    due: Floats
    error: Floats


@dataclass(frozen=True)
class Stability:
    """Whether any coalition would do better alone.

    Attributes
    ----------
    excess : float
        The largest v(C) - x(C) over the coalitions looked at, credits; positive: C would rather leave, and
        the payoffs are not in the core.
    coalitions : int
        How many were looked at. Where that is not all 2^N - 2, the excess is a lower bound.
    """

    excess: float
    coalitions: int


@dataclass(frozen=True)
class Royalties:
    """What cooperating organisations paid each other; zeros in the other settings.

    Attributes
    ----------
    paid : int64 [N]
        What each got (negative: paid), micro-credits.
    error : float64 [N]
        Standard error of a sampled share, credits.
    core : Stability
        Whether anybody would rather have left.
    """

    paid: Ints
    error: Floats
    core: Stability

    @classmethod
    def nothing(cls, organisations: int) -> "Royalties":
        """Return those of a round without any."""
        nothing = np.zeros(organisations)
        return cls(nothing.astype(np.int64), nothing, Stability(0.0, 0))


def pay_royalties(
    setting: Setting, ledger: Ledger, game: RoundGame, profit: Ints, streams: RoundStreams
) -> Royalties:
    """Let cooperating organisations share what a round changed, through the ledger.

    Royalties are paid out of the round's profits: who owes more than its profit [N], micro-credits, pays all
    of it, and the receivers get proportionally less.

    Parameters
    ----------
    setting : Setting
        Names the rule and how much is sampled.
    ledger : Ledger
        The accounts.
    game : RoundGame
        The round.
    profit : int64 [N]
        Of the round.
    streams : RoundStreams
        Randomness; reads the purposes ``royalties`` and ``core``.
    """
    samples = setting.royalty_permutations
    share = royalties(setting.royalty_rule(), game, streams.stream("royalties"))
    pays = np.minimum(to_micro((-share.due).clip(min=0), "down"), profit)
    claims = share.due.clip(min=0)
    gets = np.zeros_like(pays)
    owed = int(sums("royalties", np.zeros_like(pays), pays, 1)[0])
    if owed > 0:
        gets = np.floor(owed * (claims / claims.sum())).astype(np.int64)
        gets[np.argmax(claims)] += owed - total(gets)
    ledger.transfer(streams.round, *pairwise_transfers(gets - pays), "royalty")
    core = stability(game, (gets - pays) / MICRO, samples, streams.stream("core"))
    return Royalties(gets - pays, share.error, core)


def royalties(rule: RoyaltyRule, game: RoundGame, rng: np.random.Generator) -> Shares:
    """Return what each organisation receives from the others under a rule.

    Parameters
    ----------
    rule : RoyaltyRule
        Shares the change of the industry's profit.
    game : RoundGame
        The round.
    rng : numpy.random.Generator
        For rules that draw.
    """
    if len(game.buyer) == 0:
        return Shares(np.zeros(game.players), np.zeros(game.players))
    share, error = rule.shares(game, rng)
    return Shares(share - game.own, error)


def stability(game: RoundGame, received: Floats, coalitions: int, rng: np.random.Generator) -> Stability:
    """Return whether the round's profits and royalties are in the core of `RoundGame.members`.

    Outsiders of a coalition keep to themselves, as it does. All coalitions but the whole are looked at for
    `LARGEST_EXACT_CORE` organisations or fewer; beyond that each organisation alone, everybody but one, and
    a random sample.

    Parameters
    ----------
    game : RoundGame
        The round.
    received : float64 [N]
        Royalties as they were paid, credits.
    coalitions : int
        How many to sample; cost an equilibrium each.
    rng : numpy.random.Generator
        Draws them.
    """
    payoff = game.own + received
    if game.players <= LARGEST_EXACT_CORE:
        member = memberships(game.players)[1:-1]
    else:
        member = random_coalitions(game.players, coalitions, rng)
    inside = member[:, game.present]
    member = member[inside.any(axis=1) & ~inside.all(axis=1)]
    excess = coalition_excess(game.members(member), member, payoff)
    return Stability(float(excess.max()), len(member))


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
