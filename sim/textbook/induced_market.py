"""Textbook markets: traders are told what a unit is worth or costs, and everything else is as with models.

Induced values (Smith 1976, Amer. Economic Review 66) take the place of trials. Mechanisms, strategies, the
door, the ledger and what is learned are those of `sim.market.ParameterMarket`, called through the same code.

Core Objects: InducedMarket, InducedConfig, play
"""

from collections.abc import Generator
from dataclasses import field
from itertools import zip_longest
from typing import Annotated, Any

import mesa
import numpy as np
from mesa.datacollection import DataCollector
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from agents.learning.stack.pairs import Pairs
from markets.accounts.ledger import Ledger
from markets.accounts.money import MICRO, to_credits, to_micro
from markets.choices import Choice
from markets.columns import Floats
from markets.goods.blocks import Licence
from markets.mechanisms import Mechanism
from markets.refusals import InputError
from sim.config.market import MECHANISM, STRICT, BrokerConfig, check_mappings
from sim.config.population import PopulationConfig
from sim.data.distributions import DISTRIBUTIONS
from sim.exchange.consulting import Consult
from sim.exchange.exchange import Exchange
from sim.exchange.goods import Goods
from sim.exchange.outcomes import outcomes_of
from sim.exchange.tables import Appraisal, Listings, Offers, Prospects
from sim.exchange.traders import Traders
from sim.settings import SETTINGS
from sim.streams import RoundStreams, Streams
from sim.textbook.induced_report import InducedReport, first_best_gains

PRIVATE_VALUES = SETTINGS.build("independent")
"""What a trader earns depends on nobody else, and delivering a card costs nothing."""

SERIES = ("efficiency", "gains", "revenue", "broker", "trades", "price")


@dataclass(frozen=True, config=STRICT)
class InducedConfig:
    """Independent markets of one kind. Components may be given as objects, by name, or as mappings.

    Parameters
    ----------
    buyers, sellers : int
        Traders in each market. Every buyer wants one unit and every seller has one listing; each buyer can
        trade with each seller of its market. Buyers come first in `population.mix`.
    markets : int
        How many markets play side by side, independent of each other.
    values, costs : Distribution
        What a unit is worth to buyers and costs sellers (see `sim.data.distributions`), drawn anew each round
        and rounded to whole micro-credits.
    mechanism : Mechanism
        An entry of the registry.
    population : PopulationConfig
        Who follows which strategy in each market, and the money on each account at the start.
    broker : BrokerConfig
        Its licence counts: ``exclusive`` is one unit a seller, ``copy`` any number of copies.
    """

    buyers: Annotated[int, Field(ge=1, le=100_000)] = 5
    sellers: Annotated[int, Field(ge=1, le=100_000)] = 5
    markets: Annotated[int, Field(ge=1, le=10_000_000)] = 200
    values: Annotated[Any, Choice("values", DISTRIBUTIONS, group="values")] = "uniform"
    costs: Annotated[Any, Choice("costs", DISTRIBUTIONS, group="costs")] = "uniform"
    mechanism: Annotated[Any, MECHANISM] = "k_double_auction"
    population: PopulationConfig = field(default_factory=lambda: PopulationConfig(cash=1e4))
    broker: BrokerConfig = field(default_factory=lambda: BrokerConfig(licence="exclusive"))

    @model_validator(mode="after")
    def _fits_together(self) -> "InducedConfig":
        if self.population.groups:
            raise InputError(
                f"population.groups must be empty where values are induced and nobody has a model; got "
                f"{', '.join(self.population.groups)}"
            )
        self.population.strategies(self.traders)
        for distribution, traders in ((self.values, self.buyers), (self.costs, self.sellers)):
            distribution.draw(1, traders, np.random.default_rng(0))
        self.broker.check_licence(self.mechanism)
        if self.broker.demand != 1:
            raise InputError(f"broker.demand must be 1: a buyer wants one unit; got {self.broker.demand}")
        return self

    @property
    def traders(self) -> int:
        """Buyers and sellers of one market."""
        return self.buyers + self.sellers

    @property
    def setting(self) -> Any:
        """The setting whose payoffs these are."""
        return PRIVATE_VALUES


class InducedMarket(mesa.Model):
    """Independent markets on induced values, cleared together.

    Trader i of market m is organisation ``m (buyers + sellers) + i``, its seller j has the listing ``m
    sellers + j``, and the market is position m. Traders are rows of columns and not Mesa agents: there may be
    hundreds of thousands.

    Parameters
    ----------
    config : InducedConfig, optional
        The whole configuration; by default made from `choices`.
    streams : Streams, optional
        All random streams; by default those of `seed`. Markets with the same streams and numbers of traders
        draw the same values under every mechanism and strategy, so that differences between them are paired.
    seed, rng : int, optional
        Root of the random streams; one of the two names that Mesa has for it.
    **choices
        Fields of `InducedConfig`: ``InducedMarket(buyers=3, mechanism="mcafee", seed=1)``.

    Attributes
    ----------
    report : InducedReport or None
        The round just played.
    consults : bool
        Whether people may change what the strategies offer: `round` then asks them with a `Consult`.
    datacollector : mesa.DataCollector
        Means over the markets, by the names in `SERIES`; one entry a round.

    Notes
    -----
    A round has ``markets * buyers * sellers`` orders; memory and time grow with their number, as the
    mechanism states.

    Examples
    --------
    >>> market = InducedMarket(buyers=3, sellers=3, markets=100, mechanism="mcafee", seed=0)
    >>> market.step()
    >>> bool(0 < np.nanmean(market.report.efficiency) < 1)
    True
    """

    def __init__(
        self,
        config: InducedConfig | None = None,
        *,
        streams: Streams | None = None,
        seed: int | None = None,
        rng: int | None = None,
        **choices: Any,
    ) -> None:
        if config is not None and choices:
            raise TypeError(f"give InducedMarket a config or its fields, not both; got {', '.join(choices)}")
        check_mappings(choices, InducedConfig)
        root = seed if rng is None else rng
        if root is None:
            root = 0 if streams is None else streams.seed
        super().__init__(rng=int(root))
        self.streams = streams or Streams(int(root))
        self.config = config = config or InducedConfig(**choices)
        self.organisations = config.markets * config.traders
        self.exchange = Exchange(
            # Each market is a position of its own, so that one call clears all.
            goods=Goods.of(config.broker, range(config.markets), np.zeros(config.markets, dtype=np.int64)),
            mechanism=config.mechanism,
            setting=PRIVATE_VALUES,
            cash=np.full(self.organisations, config.population.cash),
            credit_limit=config.population.credit_limit,
        )
        own = config.population.strategies(config.traders)
        self.traders = Traders(cooperate=False)
        self.traders.strategies = [
            (strategy, np.tile([follows is strategy for follows in own], config.markets))
            for strategy in dict.fromkeys(own)
        ]
        self.traders.begin(dict.fromkeys(own), self.exchange, self.round_streams)
        self.consults = False
        self.report: InducedReport | None = None
        self.datacollector = DataCollector({name: [self._mean, [name]] for name in SERIES})
        self._pair_up()

    def step(self) -> None:
        """Play one round."""
        tuple(self.round())

    def round(self) -> Generator[Consult, Offers, None]:
        """Tell one round: hand out values, bid, clear, settle, learn."""
        config, streams = self.config, self.round_streams
        value = _card(config.values.draw(config.markets, config.buyers, streams.stream("values")))
        cost = _card(config.costs.draw(config.markets, config.sellers, streams.stream("costs")))
        exchange, traders, nothing = self.exchange, self.traders, np.zeros(len(self.pairs))
        appraisal = Appraisal(value.ravel()[self._buyer_place], cost.ravel()[self.pairs.listing], nothing)
        prospects = Prospects(listings=self.listings, pairs=self.pairs, gain=nothing, appraisal=appraisal)
        before = exchange.ledger.balances
        offers: Offers = traders.offers(exchange, prospects, streams)
        if self.consults:
            offers = yield Consult(prospects, offers)
        quoted = exchange.door(prospects, offers)
        trades = exchange.clear(exchange.orders(prospects, quoted), streams.stream("clearing"))
        deals, charges = exchange.settle(self.steps, prospects, quoted, trades)
        traders.learn(exchange, outcomes_of(exchange.mechanism, prospects, quoted, deals, charges), streams)
        exchange.ledger.check()
        moved = to_credits((self.ledger.balances - before)[: self.organisations])
        self.ledger.clear_journal()
        self.report = self._report(value, cost, deals.settled_only(), moved)
        self.datacollector.collect(self)

    @property
    def round_streams(self) -> RoundStreams:
        """The random streams of this round; the mechanism is not among their names."""
        return RoundStreams(self.streams, "induced", self.steps)

    @property
    def ledger(self) -> Ledger:
        """The accounts."""
        return self.exchange.ledger

    @property
    def mechanism(self) -> Mechanism:
        """The rule."""
        return self.exchange.mechanism

    def _pair_up(self) -> None:
        """Pair every buyer with every listing of its market."""
        c = self.config
        market, buyer, seller = (a.ravel() for a in np.indices((c.markets, c.buyers, c.sellers)))
        self._buyer_place = market * c.buyers + buyer
        self.pairs = Pairs(
            buyer=market * c.traders + buyer,
            listing=market * c.sellers + seller,
            seller=market * c.traders + c.buyers + seller,
            position=market,
        )
        listings = np.arange(c.markets * c.sellers)
        whose, which = np.divmod(listings, c.sellers)
        self.listings = Listings(whose * c.traders + c.buyers + which, whose, np.zeros_like(listings))

    def _report(self, value: Floats, cost: Floats, bought: Any, moved: Floats) -> InducedReport:
        c = self.config
        money = moved.reshape(c.markets, c.traders)
        units = [
            np.bincount(side, minlength=self.organisations).reshape(c.markets, c.traders)
            for side in (bought.buyer, bought.seller)
        ]
        lowest, highest = np.full(c.markets, np.inf), np.full(c.markets, -np.inf)
        market = self.pairs.position[bought.row]
        np.minimum.at(lowest, market, bought.paid / MICRO)
        np.maximum.at(highest, market, bought.paid / MICRO)
        traded = np.isfinite(lowest)
        return InducedReport(
            value=value,
            cost=cost,
            bought=units[0][:, : c.buyers],
            sold=units[1][:, c.buyers :],
            paid=-money[:, : c.buyers],
            received=money[:, c.buyers :],
            first_best=first_best_gains(value, cost, Licence.parse(c.broker.licence).capacity),
            lowest=np.where(traded, lowest, np.nan),
            highest=np.where(traded, highest, np.nan),
        )

    @property
    def seats(self) -> list[int]:
        """The first market's traders in the order in which people get them, in turn buyers and sellers."""
        buyers, sellers = range(self.config.buyers), range(self.config.buyers, self.config.traders)
        in_turn = (side for pair in zip_longest(buyers, sellers) for side in pair)
        return [one for one in in_turn if one is not None]

    def _mean(self, series: str) -> float:
        """Return the mean of a series of the report over the markets that have it."""
        if self.report is None:
            return float("nan")
        column = getattr(self.report, series)
        known = column[np.isfinite(column)]
        return float(known.mean()) if known.size else float("nan")


def play(streams: Streams, **choices: Any) -> InducedReport:
    """Return one round of the markets that `choices` (fields of `InducedConfig`) describe."""
    market = InducedMarket(streams=streams, **choices)
    market.step()
    assert market.report is not None
    return market.report


def _card(amounts: Floats) -> Floats:
    """Round to whole micro-credits, so that a truthful report reaches the ledger as it is."""
    return to_credits(to_micro(amounts, "nearest"))
