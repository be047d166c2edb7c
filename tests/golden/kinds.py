"""What can be recorded: each kind plays small worlds and returns their tables.

Every kind has ``tables()``, what is recorded, and ``configurations()``, what it is made of, in which
`tests.golden.coverage` looks for components.
"""

import contextlib
import io
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from agents.strategies import STRATEGIES
from experiments.cli import main
from experiments.composition import compose_config, expand, set_up_hydra
from experiments.contests import ADVERSARIES, INDUCED_RULES, RULES, market_of, play_induced, play_parameters
from experiments.cross.cells import play_cells
from experiments.cross.config import CrossConfig
from experiments.pricing.command import play_pricing
from experiments.textbook import TEXTBOOK
from markets.schedules import Schedules
from sim.baseline_cohort import BaselineCohort
from sim.baselines import BASELINES
from sim.cohort import Cohort
from sim.config import MarketConfig
from sim.induced import InducedConfig, InducedMarket
from sim.records import read_tables
from sim.streams import Streams
from sim.trading_session import SessionConfig, TradingSession

Tables = dict[str, pd.DataFrame]
Fields = Mapping[str, Any]


def joined(cases: Mapping[str, Tables], key: str = "case") -> Tables:
    """Return the tables of all cases, one under the other, the names of the cases first, as `key`."""
    names = dict.fromkeys(name for tables in cases.values() for name in tables)
    return {
        name: pd.concat(
            [
                tables[name].assign(**{key: case})[[key, *tables[name]]]
                for case, tables in cases.items()
                if name in tables
            ],
            ignore_index=True,
        )
        for name in names
    }


def over(base: Fields, changes: Fields) -> dict[str, Any]:
    """Return the fields of `base` with `changes`, mapping by mapping; a new ``name`` begins afresh."""
    if changes.get("name", base.get("name")) != base.get("name"):
        return dict(changes)
    both = {
        name: over(base[name], change)
        if isinstance(change, Mapping) and isinstance(base.get(name), Mapping)
        else change
        for name, change in changes.items()
    }
    return {**base, **both}


@dataclass(frozen=True)
class Worlds:
    """Worlds of models that learn: all tables of a run.

    Attributes
    ----------
    base : mapping
        Fields of `MarketConfig` that all cases share.
    cases : mapping
        What is different in each case. ``arms``, ``rounds`` and ``replicates`` may be among it.
    """

    base: Fields
    cases: Mapping[str, Fields]
    portable = True

    def tables(self) -> Tables:
        """Play every case."""
        return joined({case: self._played(**over(self.base, own)) for case, own in self.cases.items()})

    def configurations(self) -> Iterator[Any]:
        """The worlds, in every setting that is played."""
        for own in self.cases.values():
            spec = over(self.base, own)
            arms = spec.pop("arms", ["competitive"])
            config = MarketConfig(**{k: v for k, v in spec.items() if k not in ("rounds", "replicates")})
            yield from (config.in_setting(arm) for arm in arms)

    def _played(
        self, arms: tuple[str, ...] = ("competitive",), rounds: int = 2, replicates: int = 1, **world: Any
    ) -> Tables:
        return Cohort(MarketConfig(**world), arms, replicates, seed=0).run(rounds)


@dataclass(frozen=True)
class Baselines:
    """Organisations that learn without a market."""

    world: Fields
    baselines: tuple[str, ...]
    rounds: int = 2
    portable = True

    def tables(self) -> Tables:
        """Play the rounds of every baseline."""
        cohort = BaselineCohort(MarketConfig(**self.world), self._built(), replicates=1, seed=0)
        rounds = [cohort.step() for _ in range(self.rounds)]
        return {"organisations": pd.concat(rounds, ignore_index=True)}

    def configurations(self) -> Iterator[Any]:
        """The world and the baselines."""
        yield MarketConfig(**self.world)
        yield from self._built().values()

    def _built(self) -> dict[str, Any]:
        return {name: BASELINES.build(name) for name in self.baselines}


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
    """Trading sessions: everything that was shouted, and what came of it."""

    strategies: tuple[str, ...]
    knows: Fields
    variants: tuple[str, ...] = ("persistent", "gode_sunder")
    portable = False

    def tables(self) -> Tables:
        """Hold a session for every rule of the book and strategy."""
        return joined(
            {
                f"{variant}, {name}": _session(variant, follower)
                for variant in self.variants
                for name, follower in zip(self.strategies, self.configurations(), strict=True)
            }
        )

    def configurations(self) -> Iterator[Any]:
        """The strategies."""
        for name in self.strategies:
            known = {f.name for f in fields(STRATEGIES[name])}  # type: ignore[arg-type]
            yield STRATEGIES.build({"name": name} | {k: v for k, v in self.knows.items() if k in known})


def _session(variant: str, follower: Any) -> Tables:
    schedules = Schedules.of([9.0, 8.0, 6.0, 4.0], [3.0, 4.0, 5.0, 7.0], markets=1)
    config = SessionConfig(variant=variant, periods=2, steps=40)
    record = TradingSession(schedules, [follower] * schedules.traders, config, Streams(0)).run()
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
        return joined({p.name: p.run(Streams(p.seed), _nobody) for p in self.configurations()}, "preset")

    def configurations(self) -> Iterator[Any]:
        """The presets."""
        yield from (TEXTBOOK.build({"name": name, **own}) for name, own in self.presets.items())


@dataclass(frozen=True)
class Cross:
    """A row of the cross table: strategies x settings under one mechanism."""

    config: Fields
    mechanism: str
    portable = True

    def tables(self) -> Tables:
        """Play the cells."""
        return {"cells": play_cells(CrossConfig(**self.config), self.mechanism)}

    def configurations(self) -> Iterator[Any]:
        """The worlds of the cells."""
        config = CrossConfig(**self.config)
        for strategy, setting in itertools.product(config.strategies, config.settings):
            yield config.world(self.mechanism, strategy, setting)


@dataclass(frozen=True)
class Contests:
    """Adversaries beside the same seats without their trick, and prices under information."""

    adversary: str
    rule: str
    portable = True

    def tables(self) -> Tables:
        """Play a contest on parameters, those on induced values, and the markets of the pricing study."""
        (adversary,) = (one for one in ADVERSARIES if one.name == self.adversary)
        config = market_of(adversary, RULES[self.rule], attack=True)
        induced = {
            f"{name}, {rule}": {"induced": play_induced(name, INDUCED_RULES[rule], True, 4, 2, 4, 0)}
            for name, rule in itertools.product(("ring", "false_name"), INDUCED_RULES)
        }
        prices, gains = play_pricing(2, rounds=2, replicates=1, seed=0)
        parameters = play_parameters(config, adversary.seats, 1, 1, 0)
        return {"parameters": parameters, "prices": prices, "gains": gains} | joined(induced)

    def configurations(self) -> Iterator[Any]:
        """The world of the adversary."""
        (adversary,) = (one for one in ADVERSARIES if one.name == self.adversary)
        yield market_of(adversary, RULES[self.rule], attack=True)


@dataclass(frozen=True)
class Run:
    """A run from the command line: its tables and what is summed up from them.

    Attributes
    ----------
    overrides : tuple of str
        As typed.
    stop_after : int
        Rounds after which the run is interrupted; `parabourse resume` then plays the rest. 0 is never.
    """

    overrides: tuple[str, ...]
    stop_after: int = 0
    portable = True

    def tables(self) -> Tables:
        """Play the run in a folder that is removed afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            command = ["run", *self.overrides, "run=tables_only", f"hydra.run.dir={run}"]
            if self.stop_after:
                with patch.object(Cohort, "step", _interrupted(self.stop_after)):
                    _call(command, expected=130)
                command = ["resume", str(run)]
            _call(command)
            summed = {name: pd.read_csv(run / f"{name}.csv") for name in ("summary", "replicates")}
            return read_tables(run) | summed

    def configurations(self) -> Iterator[Any]:
        """The worlds of the run, in every arm."""
        set_up_hydra()
        config = compose_config(self.overrides)
        yield from (config.market().in_setting(arm) for arm in config.arms)


@dataclass(frozen=True)
class Sweep:
    """A sweep from the command line: its tables and comparisons."""

    overrides: tuple[str, ...]
    portable = True

    def tables(self) -> Tables:
        """Play the sweep, cell after cell, in a folder that is removed afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            sweep = Path(folder) / "sweep"
            typed = [*self.overrides, "run=tables_only", "hydra/launcher=basic", f"hydra.sweep.dir={sweep}"]
            _call(["run", "-m", *typed])
            tables = {name: pd.read_parquet(sweep / f"{name}.parquet") for name in ("sweep", "replicates")}
            return tables | {
                name: pd.read_csv(sweep / f"{name}.csv") for name in ("comparison", "differences")
            }

    def configurations(self) -> Iterator[Any]:
        """The worlds of the cells."""
        set_up_hydra()
        yield from (compose_config(cell).market() for cell in expand(self.overrides))


def _call(command: list[str], expected: int = 0) -> None:
    """Call the command line in this process, in silence."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            code = main(command)
        except SystemExit as left:
            code = left.code
    if code != expected:
        raise RuntimeError(f"parabourse {' '.join(command)} ended with {code}:\n{told.getvalue()}")


def _interrupted(rounds: int) -> Callable[..., Tables]:
    """Return a `Cohort.step` that is interrupted, as by Ctrl-C, once it has played so many rounds."""
    step = Cohort.step

    def interrupted(cohort: Cohort, *arguments: Any) -> Tables:
        if cohort.rounds_played == rounds:
            raise KeyboardInterrupt
        return step(cohort, *arguments)

    return interrupted


def _nobody(part: str) -> None:
    """Watch nothing."""
