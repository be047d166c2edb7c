"""Trading sessions: many textbook markets in lockstep, one shout in each of them at a time.

Traders with induced values meet in continuous double auctions, without models, broker or ledger. They follow
the same strategies as the organisations of a parameter market: trader i of market r is the organisation ``r N
+ i``, and its market is the position r.

Core Objects: TradingSession, SessionConfig
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pydantic
from pydantic import Field

from agents.strategies import AskView, BidView, OutcomeView, Strategy, Tape
from agents.strategies.base import Memory
from markets.books.parallel_books import GodeSunderBooks, ParallelBooks, PersistentBooks, Shouted
from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError
from markets.theory.schedules import Schedules
from sim.streams import Streams
from sim.textbook.session_record import SessionRecord, Shouts

BOOKS: dict[str, type[ParallelBooks]] = {"persistent": PersistentBooks, "gode_sunder": GodeSunderBooks}


@pydantic.dataclasses.dataclass(frozen=True, config={"extra": "forbid"})
class SessionConfig:
    """How a session trades.

    Parameters
    ----------
    variant : str
        ``persistent``: a trader's last quote stands until it trades; ``gode_sunder``: only quotes that
        improve on the best stand, and every trade wipes the book.
    periods : int
        Trading days. Each begins with empty books and all units; strategies remember.
    steps : int
        Shouts a period at most. A market closes for the period once one side has no unit left.
    """

    variant: Annotated[str, Field(pattern="^(persistent|gode_sunder)$")] = "persistent"
    periods: Annotated[int, Field(ge=1, le=10_000)] = 1
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 400


@dataclass(frozen=True, eq=False)
class _Moment:
    """What there is before a shout.

    Attributes
    ----------
    period, step : int
        When.
    limit : float64[R, N]
        Of each trader's next unit, in credits; NaN for those who have none.
    active : bool[R, N]
        Who may shout: traders with units left in markets where both sides have some.
    best_bid, best_ask : float64[R]
        Standing quotes, in credits; NaN for none.
    opportunities : int64[R]
        How many more shouts an active trader may expect, rounded up.
    """

    period: int
    step: int
    limit: Floats
    active: Bools
    best_bid: Floats
    best_ask: Floats
    opportunities: Ints

    def draw(self, luck: Floats) -> Ints:
        """Return the trader of each market that uniform draws on [0, 1) choose; -1 where it is closed."""
        count = self.active.sum(axis=1)
        place = np.minimum((luck * count).astype(np.int64), count - 1)
        found = (np.cumsum(self.active, axis=1) > place[:, None]).argmax(axis=1)
        return np.where(count > 0, found, -1)


class TradingSession:
    """R markets of N traders who shout one at a time.

    A step: in every open market one of the traders that have units left is drawn, each as likely as any
    other; its strategy quotes for its next unit, seeing the best standing quotes; the quote trades, stands or
    is lost; then all traders that had units left learn what everybody heard.

    Strategies see a market as one book: its number is the `position`, there are no listings to tell apart
    (all are number 0) and no trials (gains are 0), money is unlimited and delivery free. How often a trader
    may still quote (`opportunities`) is what it can expect, rounded up.

    Parameters
    ----------
    schedules : Schedules
        What each trader's units are worth to it or cost it.
    strategies : sequence of Strategy
        That of each of the N traders, buyers first, the same in every market.
    config : SessionConfig
        The rule of the book, and how long.
    streams : Streams
        Of who shouts, and of the strategies. Who shouts in market r does not depend on how many markets
        there are.

    Raises
    ------
    InputError
        If there is not one strategy for each trader, or two of the same name differ.

    Notes
    -----
    One iteration of Python a step for all markets: O(R N) in numpy besides what the strategies do.

    Examples
    --------
    >>> from agents.strategies.truthful import Truthful
    >>> schedules = Schedules.of([9.0, 8.0], [3.0, 4.0], markets=5)
    >>> session = TradingSession(schedules, [Truthful()] * 4, SessionConfig(steps=50), Streams(0))
    >>> session.run().efficiency
    array([[1., 1., 1., 1., 1.]])
    """

    def __init__(
        self, schedules: Schedules, strategies: Sequence[Strategy], config: SessionConfig, streams: Streams
    ) -> None:
        self.schedules, self.config, self.streams = schedules, config, streams
        self.organisations = schedules.markets * schedules.traders
        self.strategies = _followers(strategies, schedules.traders)
        self.memories: dict[str, Memory] = {
            name: strategy.begin(self.organisations, schedules.markets, streams.stream("begin", name))
            for name, (strategy, _) in self.strategies.items()
        }
        self._books = BOOKS[config.variant](schedules.markets, schedules.is_buyer)

    def run(self) -> SessionRecord:
        """Play all periods; call it once."""
        periods, markets, traders = self.config.periods, self.schedules.markets, self.schedules.traders
        shouts = Shouts.empty(periods, self.config.steps, markets)
        profit = np.zeros((periods, markets, traders))
        units = np.zeros((periods, markets, traders), dtype=np.int64)
        for period in range(periods):
            self._play(period, shouts, profit[period], units[period])
        return SessionRecord(schedules=self.schedules, shouts=shouts, profit=profit, units=units)

    def _play(self, period: int, shouts: Shouts, profit: Floats, units: Ints) -> None:
        """Play a period and enter what happens."""
        luck = self.streams.stream("shouts", period).random((self.schedules.markets, self.config.steps))
        sign = np.where(self.schedules.is_buyer, 1.0, -1.0)
        limits = np.pad(self.schedules.limit, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
        limit = limits[:, :, 0].copy()
        self._books.wipe()
        for step in range(self.config.steps):
            moment = self._moment(period, step, limit)
            if not moment.active.any():
                return
            trader = moment.draw(luck[:, step])
            quote = self._quote(moment, trader)
            shouted = self._books.shout(trader, quote)
            shouts.write((period, step), trader, quote, shouted)
            self._learn(moment, trader, quote, shouted)
            market = np.flatnonzero(shouted.counterparty >= 0)
            for party in (trader[market], shouted.counterparty[market]):
                profit[market, party] += sign[party] * (limit[market, party] - shouted.price[market])
                units[market, party] += 1
                limit[market, party] = limits[market, party, units[market, party]]

    def _moment(self, period: int, step: int, limit: Floats) -> _Moment:
        """Return what there is before a step."""
        left, buyers = ~np.isnan(limit), self.schedules.is_buyer
        both_sides = np.logical_and(left[:, buyers].any(axis=1), left[:, ~buyers].any(axis=1))
        active = left & both_sides[:, None]
        turns = -(-(self.config.steps - step) // active.sum(axis=1).clip(min=1))
        return _Moment(
            period=period,
            step=step,
            limit=limit,
            active=active,
            best_bid=self._books.best_bid,
            best_ask=self._books.best_ask,
            opportunities=turns,
        )

    def _quote(self, moment: _Moment, trader: Ints) -> Floats:
        """Ask the strategies of those whose turn it is, and return their quotes, float64[R]."""
        quote = np.full(self.schedules.markets, np.nan)
        for strategy, follows in self.strategies.values():
            markets = np.flatnonzero((trader >= 0) & follows[trader])
            buying = self.schedules.is_buyer[trader[markets]]
            for is_bid, market in ((True, markets[buying]), (False, markets[~buying])):
                if len(market):
                    quote[market] = self._answer(strategy, is_bid, moment, market, trader[market])
        return quote

    def _answer(
        self, strategy: Strategy, is_bid: bool, moment: _Moment, market: Ints, trader: Ints
    ) -> Floats:
        """Return the bids, or the asks, of traders who follow a strategy, one in each of some markets."""
        zero, zeros = np.zeros(len(market), dtype=np.int64), np.zeros(len(market))
        first = market * self.schedules.traders
        limit = moment.limit[market, trader]
        question = "bid" if is_bid else "ask"
        common: dict[str, Any] = {
            "listing": zero,
            "position": market,
            "standing_bid": moment.best_bid[market],
            "standing_ask": moment.best_ask[market],
            "opportunities": moment.opportunities[market],
            "organisations": self.organisations,
            "listings": 1,
            "positions": self.schedules.markets,
            "memory": self.memories[strategy.name],
            "rng": self.streams.stream(question, strategy.name, moment.period, moment.step),
        }
        if is_bid:
            rich = np.full(len(market), np.inf)
            return strategy.bid(
                BidView(buyer=first + trader, value=limit, gain=zeros, balance=rich, **common)
            )
        # The market's first buyer stands for all: on a book an ask is the same for everybody.
        return strategy.ask(AskView(seller=first + trader, buyer=first, cost=limit, delivery=zeros, **common))

    def _learn(self, moment: _Moment, trader: Ints, quote: Floats, shouted: Shouted) -> None:
        """Let the strategies that learn see what became of the shouts."""
        learners = [pair for pair in self.strategies.values() if type(pair[0]).learn is not Strategy.learn]
        if not learners:
            return
        heard, traded = np.flatnonzero(~np.isnan(quote)), np.flatnonzero(shouted.counterparty >= 0)
        paid = np.full(moment.limit.shape, np.nan)
        for party in (trader[traded], shouted.counterparty[traded]):
            paid[traded, party] = shouted.price[traded]
        # Who is traded with had come to the market with the quote that stood, which is the price.
        said = paid.copy()
        said[heard, trader[heard]] = quote[heard]
        is_buyer = self.schedules.is_buyer
        tape = Tape(
            position=heard, is_bid=is_buyer[trader[heard]], quote=quote[heard], price=shouted.price[heard]
        )
        for strategy, follows in learners:
            market, who = np.nonzero(moment.active & follows)
            self.memories[strategy.name] = strategy.learn(
                OutcomeView(
                    organisation=market * self.schedules.traders + who,
                    listing=np.zeros(len(market), dtype=np.int64),
                    position=market,
                    is_buyer=is_buyer[who],
                    limit=moment.limit[market, who],
                    quote=said[market, who],
                    units=(~np.isnan(paid[market, who])).astype(np.int64),
                    price=paid[market, who],
                    levy=np.zeros(len(market)),
                    tape=tape,
                    organisations=self.organisations,
                    listings=1,
                    positions=self.schedules.markets,
                    memory=self.memories[strategy.name],
                    rng=self.streams.stream("learn", strategy.name, moment.period, moment.step),
                )
            )


def _followers(strategies: Sequence[Strategy], traders: int) -> dict[str, tuple[Strategy, Bools]]:
    """Return each strategy with who follows it, bool[N], by its name."""
    if len(strategies) != traders:
        raise InputError(f"strategies must name one for each of the {traders} traders; got {len(strategies)}")
    by_name = {strategy.name: strategy for strategy in reversed(strategies)}
    for strategy in strategies:
        if strategy != by_name[strategy.name]:
            raise InputError(
                f"strategies of one name must be the same; got {by_name[strategy.name]} and {strategy}"
            )
    names = np.array([strategy.name for strategy in strategies])
    return {name: (strategy, names == name) for name, strategy in sorted(by_name.items())}
