"""What a round came to: the class against theory and against robots in the same seats.

Core Objects: RoundResult, judge
"""

from collections.abc import Collection
from dataclasses import dataclass

from experiments.teaching.lecture.rounds import (
    OpenRound,
    Outcome,
    with_robots,
)
from markets.accounts.money import MICRO
from markets.columns import Floats
from sim.consumers.welfare import allocative_efficiency
from sim.exchange.consulting import Consult
from sim.exchange.tables import Offers


@dataclass(frozen=True)
class RoundResult:
    """One round, as it was played and as it would have been with others in the seats; money in credits.

    Attributes
    ----------
    number : int
        The round, from 1.
    names : dict
        Who sat where: names by organisation.
    by_hand : frozenset of int
        Organisations whose people answered in time; the strategies answered for the others.
    consult : Consult
        What there was to decide about.
    played : Outcome
        What happened.
    robots, truthful : Outcome
        What would have happened had the strategies answered in all seats, or everybody told the truth.
    robot_profit : float64 [N]
        What the strategy in each single seat would have gained, the others as they played.
    best : float64 [T]
        The gain of each trade of the best allocation that values and costs allow.
    venue : str
        How orders met.
    capacity : int
        Winners that a listing could have.
    income : float64 [N] or None
        What consumers paid afterwards; None before the round is closed, and in a market without consumers.
    """

    number: int
    names: dict[int, str]
    by_hand: frozenset[int]
    consult: Consult
    played: Outcome
    robots: Outcome
    truthful: Outcome
    robot_profit: Floats
    best: Floats
    venue: str
    capacity: int
    income: Floats | None = None

    def efficiency(self, outcome: Outcome) -> float:
        """Return gains over the first best; NaN where there was nothing to gain."""
        return allocative_efficiency(outcome.gains, self.first_best, len(self.best))

    @property
    def first_best(self) -> float:
        """The greatest gains that values and costs allow, in credits."""
        return float(self.best.sum())

    @property
    def prices(self) -> Floats:
        """What buyers paid, one entry a trade."""
        return self.played.deals.paid / MICRO


def judge(opened: OpenRound, offers: Offers, names: dict[int, str], by_hand: Collection[int]) -> RoundResult:
    """Return what the offers of a round come to, beside theory and robots; plays nothing in the world.

    Parameters
    ----------
    opened : OpenRound
        The round, not closed yet.
    offers : Offers
        What people and robots brought.
    names : dict
        Who sits where.
    by_hand : collection of int
        The organisations whose people answered.
    """
    world, consult = opened.world, opened.consult
    played = opened.rehearse(offers)
    robot_profit = played.profit.copy()
    for one in by_hand:
        robot_profit[one] = opened.rehearse(with_robots(offers, consult, [one])).profit[one]
    return RoundResult(
        number=world.steps,
        names=dict(names),
        by_hand=frozenset(by_hand),
        consult=consult,
        played=played,
        robots=opened.rehearse(consult.offers),
        truthful=opened.rehearse(opened.truthful_offers()),
        robot_profit=robot_profit,
        best=opened.best_gains(),
        venue=world.mechanism.venue,
        capacity=world.exchange.goods.licence.capacity,
    )
