"""Royalties: how the cooperative setting shares what a round of trades changed in the industry's profit.

Each organisation's profit changes from `before` to `after`; royalties are transfers that sum to zero and
leave every organisation with its share of the industry's whole change.

Core Objects: RoundGame, Shares, royalties, Stability, stability, Royalties, pay_royalties
"""

from dataclasses import dataclass

import numpy as np

from markets.columns import Bools, Floats, Ints
from markets.cooperation import (
    coalition_excess,
    game_of,
    memberships,
    random_coalitions,
    sampled_shapley_value,
    shapley_value,
)
from markets.ledger import Ledger
from markets.money import MICRO, sums, to_micro, total
from sim.payoffs import DownstreamMarket
from sim.settings import Setting
from sim.streams import RoundStreams

LARGEST_EXACT_GAME = 12
"""Organisations up to which Shapley royalties value all 2^N coalitions; beyond, permutations are sampled."""

LARGEST_EXACT_CORE = 10
"""Organisations up to which all coalitions are asked whether they would leave, every round."""

PROFITS_AT_ONCE = 2**20
"""Profits that one batch of equilibria holds: what bounds the memory of valuing many coalitions."""


@dataclass(frozen=True)
class RoundGame:
    """What each coalition would have had from the round's trades, had there been only those inside it.

    A buyer has its new quality if all that it bought from are in the coalition too, and its old one if not.

    Attributes
    ----------
    downstream : DownstreamMarket
        Where profits come from.
    before, after : float64 [N]
        Qualities without and with the round's trades.
    buyer, seller : int64 [T]
        The round's trades.
    """

    downstream: DownstreamMarket
    before: Floats
    after: Floats
    buyer: Ints
    seller: Ints

    @property
    def players(self) -> int:
        """Number of organisations, N."""
        return len(self.before)

    @property
    def present(self) -> Bools:
        """Who takes part, [N]: who is absent earns nothing in any coalition and has no share."""
        return self.downstream.present

    def profits(self, member: Bools) -> Floats:
        """Return how the trades inside each coalition alone change every profit, float64 [M, N], credits.

        Parameters
        ----------
        member : bool [M, N]
            Who is in each coalition. Cost: M equilibria, in batches.
        """
        needed = np.eye(self.players, dtype=bool)
        needed[self.buyer, self.seller] = True
        improved = (member @ needed.T.astype(np.int64)) == needed.sum(axis=1)
        quality = np.where(improved, self.after, self.before)
        size = max(1, PROFITS_AT_ONCE // self.players)
        parts = [quality[first : first + size] for first in range(0, len(quality), size)]
        profit = np.concatenate([self.downstream.outcomes(part)[0] for part in parts])
        return profit - self.downstream.outcomes(self.before[None])[0]

    def industry(self, member: Bools) -> Floats:
        """Return the change of everybody's profits, float64 [M]: the game that Shapley royalties share."""
        return self.profits(member).sum(axis=1)

    def members(self, member: Bools) -> Floats:
        """Return the change of the members' own profits, float64 [M]: what a coalition could secure alone."""
        return (self.profits(member) * member).sum(axis=1)


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
    setting: Setting, ledger: Ledger, game: RoundGame, profit: Ints, welfare: Floats, streams: RoundStreams
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
    game, welfare
        See `royalties`.
    profit : int64 [N]
        Of the round.
    streams : RoundStreams
        Randomness; reads the purposes ``royalties`` and ``core``.
    """
    samples = setting.royalty_permutations
    share = royalties(setting.royalties, game, welfare, samples, streams.stream("royalties"))
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


def royalties(
    rule: str, game: RoundGame, welfare: Floats, permutations: int, rng: np.random.Generator
) -> Shares:
    """Return what each organisation receives from the others under a rule.

    Parameters
    ----------
    rule : str
        ``none``; ``equal`` shares, the Nash bargaining solution if failure to agree means no trade at all;
        ``nash``, the Nash bargaining solution if it means that the organisation alone drops out and the
        others go on: what that would leave it with, and an equal share of the rest; ``proportional`` to the
        welfare gained in the trades that an organisation took part in, half to each side; ``shapley``, the
        Shapley value of `RoundGame.industry`, exact for `LARGEST_EXACT_GAME` organisations or fewer, beyond
        that from sampled permutations.
    game : RoundGame
        The round.
    welfare : float64 [T]
        The gain of welfare for which each trade was made.
    permutations : int
        How many to sample; cost N equilibria each.
    rng : numpy.random.Generator
        Draws the permutations.

    References
    ----------
    L. Shapley (1953), Contributions to the Theory of Games II; J. Nash (1950), Econometrica 18.
    """
    if rule == "none" or len(game.buyer) == 0:
        return Shares(np.zeros(game.players), np.zeros(game.players))
    own = game.profits(np.ones((1, game.players), dtype=bool))[0]
    share, error = np.where(game.present, own[game.present].mean(), 0.0), np.zeros(game.players)
    if rule == "nash":
        alone = np.diag(game.profits(~np.eye(game.players, dtype=bool)))
        share = np.where(game.present, alone + (own.sum() - alone.sum()) / game.present.sum(), 0.0)
    elif rule == "proportional":
        bought, sold = (np.bincount(side, welfare, game.players) for side in (game.buyer, game.seller))
        part = bought + sold
        share = own.sum() * part / part.sum() if part.sum() > 0 else share
    elif rule == "shapley" and game.players <= LARGEST_EXACT_GAME:
        share = shapley_value(game_of(game.players, game.industry))
    elif rule == "shapley":
        sampled = sampled_shapley_value(game.industry, game.players, permutations, rng)
        share, error = sampled.shares, sampled.error
    return Shares(share - own, error)


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
    payoff = game.profits(np.ones((1, game.players), dtype=bool))[0] + received
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
