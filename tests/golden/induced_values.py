"""Records of markets on induced values: no model learns, and arithmetic is the same on every processor."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from agents.strategies import STRATEGIES
from experiments.studies.textbook import TEXTBOOK
from experiments.studies.textbook.base import joined as whole
from experiments.studies.textbook.base import play_part
from markets.theory.schedules import Schedules
from sim.streams import Streams
from sim.textbook.induced_market import InducedConfig, InducedMarket
from sim.textbook.trading_session import SessionConfig, TradingSession
from tests.golden.kinds import Fields, Tables, joined, over


@dataclass(frozen=True)
class Induced:
    """Textbook markets: what every trader was worth, traded, paid and has, and what every market came to."""

    base: Fields
    cases: Mapping[str, Fields]
    rounds: int = 2
    portable = False

    def tables(self) -> Tables:
        """Play every case."""
        return joined({case: self._played(config) for case, config in self._configs()})

    def configurations(self) -> Iterator[Any]:
        """The markets."""
        yield from (config for _, config in self._configs())

    def _configs(self) -> Iterator[tuple[str, InducedConfig]]:
        for case, own in self.cases.items():
            yield case, InducedConfig(**over(self.base, own))

    def _played(self, config: InducedConfig) -> Tables:
        market = InducedMarket(config, seed=0)
        rounds = []
        for number in range(1, self.rounds + 1):
            market.step()
            rounds.append(_of_round(market, number))
        return {name: pd.concat([one[name] for one in rounds]) for name in rounds[0]}


def _of_round(market: InducedMarket, number: int) -> Tables:
    report, config = market.report, market.config
    markets, traders = config.markets, config.traders
    where = {"round": number, "market": np.repeat(np.arange(markets), traders)}
    each = {
        "trader": np.tile(np.arange(traders), markets),
        "worth": np.hstack([report.value, report.cost]).ravel(),
        "units": np.hstack([report.bought, report.sold]).ravel(),
        "paid": np.hstack([report.paid, -report.received]).ravel(),
        "balance": market.ledger.balances[: markets * traders] / 1e6,
    }
    whole = {name: getattr(report, name) for name in ("first_best", "gains", "broker", "lowest", "highest")}
    return {
        "traders": pd.DataFrame(where | each),
        "markets": pd.DataFrame({"round": number, "market": np.arange(markets)} | whole),
    }


@dataclass(frozen=True)
class Sessions:
    """Trading sessions: everything that was shouted, and what came of it.

    Attributes
    ----------
    strategies : tuple of mapping
        Names and fields; in each session all traders follow one.
    variants : tuple of str
        Rules of the book.
    """

    strategies: tuple[Fields, ...]
    variants: tuple[str, ...]
    portable = False

    def tables(self) -> Tables:
        """Hold a session for every rule of the book and strategy."""
        sessions = [self._session(*each) for each in itertools.product(self.variants, self.strategies)]
        return joined({case: _shouted(session) for case, session in sessions})

    def configurations(self) -> Iterator[Any]:
        """The rules and the strategies."""
        yield from (SessionConfig(variant) for variant in self.variants)
        yield from (STRATEGIES.build(strategy) for strategy in self.strategies)

    def _session(self, variant: str, strategy: Fields) -> tuple[str, TradingSession]:
        schedules = Schedules.of([9.0, 8.0, 6.0, 4.0], [3.0, 4.0, 5.0, 7.0], markets=1)
        follower = STRATEGIES.build(strategy)
        config = SessionConfig(variant=variant, periods=2, steps=30)
        session = TradingSession(schedules, [follower] * schedules.traders, config, Streams(0))
        return f"{variant}, {follower.name}", session


def _shouted(session: TradingSession) -> Tables:
    """Return what was said in the first market of a session until it closed, and how each period ended."""
    record = session.run()
    names = ("trader", "quote", "stands", "price", "counterparty")
    shouts = {name: getattr(record.shouts, name)[:, :, 0] for name in names}
    period, step = (a.ravel() for a in np.indices(shouts["trader"].shape))
    table = pd.DataFrame({"period": period, "step": step} | {name: a.ravel() for name, a in shouts.items()})
    results = {name: getattr(record, name)[:, 0] for name in ("efficiency", "alpha", "dispersion")}
    return {
        "shouts": table[table["trader"] >= 0],
        "periods": pd.DataFrame({"period": np.arange(len(record.profit))} | results),
    }


@dataclass(frozen=True)
class Textbook:
    """Presets of published results: the tables from which they are told and drawn."""

    presets: Mapping[str, Fields]
    portable = False

    def tables(self) -> Tables:
        """Play every preset."""
        played = {p.name: [play_part(p, part) for part in p.parts] for p in self.configurations()}
        return joined({name: whole(parts) for name, parts in played.items()}, "preset")

    def configurations(self) -> Iterator[Any]:
        """The presets."""
        yield from (TEXTBOOK.build({"name": name, **own}) for name, own in self.presets.items())
