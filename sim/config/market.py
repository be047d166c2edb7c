"""The configuration of a world as validated dataclasses; YAML and keyword arguments only choose."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, cast

import numpy as np
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from agents.learning.networks import NETWORKS
from agents.learning.operators import MERGE_OPERATORS
from agents.learning.training.optimisers import OPTIMISERS
from markets.choices import LATER, Choice, choice_in
from markets.columns import Ints
from markets.mechanisms import MECHANISMS
from markets.orders.venues import VENUES
from markets.refusals import InputError
from sim.config.broker import STRICT, BrokerConfig
from sim.config.data import DataConfig
from sim.config.population import PopulationConfig
from sim.consumers.payoffs import DownstreamMarket
from sim.data.division import Endowing
from sim.population import Population, endowing
from sim.settings import SETTINGS

MERGE_OPERATOR = Choice("learning.merge_operator", MERGE_OPERATORS, group="merge_operator")
MECHANISM = Choice("mechanism", MECHANISMS, group="mechanism")


@dataclass(frozen=True, config=STRICT)
class LearningConfig:
    """How organisations train and merge.

    Parameters
    ----------
    optimiser : mapping
        Name and fields of an optimiser in `agents.learning.training.optimisers`.
    local_epochs : int
        Passes over its endowment that an organisation makes each round.
    batch_size : int
        Examples a step.
    same_start : bool
        Whether all organisations of a world start from the same initial weights; by default each has its own.
    reset_after_merge : bool
        Whether a buyer's optimiser starts afresh after a purchase.
    merge_operator : mapping
        Name and fields of an operator in `agents.learning.operators`: trials and merges both use it.
    memory_budget_mb : float
        Working memory of one batched computation, MiB; larger batches are cut into chunks.
    """

    optimiser: Annotated[Any, Choice("learning.optimiser", OPTIMISERS, group="schema/optimiser")] = "adamw"
    local_epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    same_start: bool = False
    reset_after_merge: bool = True
    merge_operator: Annotated[Any, MERGE_OPERATOR] = "interpolation"
    memory_budget_mb: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 512.0


@dataclass(frozen=True, config=STRICT)
class CostsConfig:
    """What computing costs.

    Parameters
    ----------
    flops : float
        Credits a floating-point operation of training, of trials, which their buyers pay, and of serving
        consumers, each of whom takes a forward pass (see `agents.learning.training.flops`).
    """

    flops: Annotated[float, Field(ge=0, le=1e3, allow_inf_nan=False)] = 0.0


@dataclass(frozen=True, config=STRICT)
class VenueConfig:
    """How orders meet.

    Parameters
    ----------
    name : str
        ``listings`` (every listing is its own auction), ``books`` (one call market a block position),
        ``bilateral`` (one buyer, one seller), or ``auto``: the venue of the mechanism.
    """

    name: str = "auto"

    @field_validator("name")
    @classmethod
    def _known_venue(cls, value: str) -> str:
        if value not in (*VENUES, "auto"):
            raise InputError(f"venue must be one of auto, {', '.join(VENUES)}; got {value!r}")
        return value


@dataclass(frozen=True, config=STRICT)
class WorldConfig:
    """A world before it is known who trades in it by which rule.

    Parameters
    ----------
    organisations : int
        Organisations in each world.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    data : DataConfig
        Which examples there are and who gets them.
    network : mapping
        Name and fields of a network in `agents.learning.networks`: the architecture of every organisation.
    learning : LearningConfig
        How organisations train and merge.
    setting : mapping
        Name and fields of a setting in `sim.settings`: how payoffs depend on each other. Where several arms
        or cells are compared, its demand, regions, delivery and royalties hold in each.
    broker : BrokerConfig
        What the broker does for the market: blocks, licences, alignment, trials.
    """

    organisations: Annotated[int, Field(ge=2, le=1_000_000)] = 4
    device: str = "auto"
    data: DataConfig = field(default_factory=DataConfig)
    network: Annotated[Any, Choice("network", NETWORKS, group="network")] = "mlp"
    learning: LearningConfig = field(default_factory=LearningConfig)
    setting: Annotated[Any, Choice("setting", SETTINGS, group="setting")] = "competitive"
    broker: BrokerConfig = field(default_factory=BrokerConfig)


@dataclass(frozen=True, config=STRICT)
class MarketConfig(WorldConfig):
    """One world. Components may be given as objects, by name, or as mappings with a ``name``.

    Parameters
    ----------
    population : PopulationConfig
        Who the organisations are: their strategies and their cash.
    venue : VenueConfig
        How orders meet: ``listings``, ``books`` or ``bilateral``; ``auto`` is the venue of the mechanism.
    mechanism : mapping
        Name and fields of a mechanism in `markets.mechanisms`: the rule that turns orders into trades.
    start : str or None
        Where the models lie that organisations start from: a file for everybody, a folder with a file for
        each, or the folder of a run (see `sim.saved_models.starting`); None is initial weights at random.
    costs : CostsConfig
        What computing costs, in the ledger and in welfare.
    """

    population: PopulationConfig = field(default_factory=PopulationConfig)
    venue: VenueConfig = field(default_factory=VenueConfig)
    mechanism: Annotated[Any, MECHANISM] = "second_price"
    start: str | None = field(default=None, metadata=LATER)
    costs: CostsConfig = field(default_factory=CostsConfig, metadata=LATER)

    @field_validator("venue", mode="before")
    @classmethod
    def _venue_by_name(cls, value: Any) -> Any:
        return VenueConfig(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "MarketConfig":
        self.peopled()
        self.downstream()
        self.endowing()
        self.broker.search_with(self.learning.merge_operator)
        if self.venue.name not in ("auto", self.mechanism.venue):
            raise InputError(
                f"venue must be {self.mechanism.venue} (or auto) for mechanism {self.mechanism.name}, "
                f"the only one that it serves; got {self.venue.name!r}"
            )
        properties = self.mechanism.properties
        self.broker.check_licence(self.mechanism)
        if self.broker.cut_of_blocks().overlap and not properties.bundles:
            serving = [name for name in MECHANISMS if MECHANISMS.build(name).properties.bundles]
            raise InputError(
                f"broker.bundles must be none for mechanism {self.mechanism.name}, which sells blocks one by "
                f"one; got {self.broker.bundles.name!r} ({', '.join(serving)} sells bundles)"
            )
        if properties.max_demand is not None and self.broker.demand > properties.max_demand:
            raise InputError(
                f"broker.demand must be at most {properties.max_demand} for mechanism {self.mechanism.name}; "
                f"got {self.broker.demand}"
            )
        return self

    def market(self) -> "MarketConfig":
        """Return the world alone, without what a configuration that extends this one adds."""
        return MarketConfig(**{f.name: getattr(self, f.name) for f in dataclasses.fields(MarketConfig)})

    def peopled(self) -> Population:
        """Return who the organisations are."""
        return Population.of(
            self.population, self.organisations, regions=self.setting.regions, flop_price=self.costs.flops
        )

    def endowing(self) -> Endowing | None:
        """Return how groups share out the data; None if as `data` says."""
        return endowing(self.population, self.data)

    def networks(self) -> tuple[list[Any], Ints]:
        """Return the distinct networks, in the order of the groups, and the number of each organisation's."""
        networks, family = list[Any](), list[int]()
        for key, group in self.population.each(self.organisations):
            network = group.network_of(key, self.network)
            if network not in networks:
                networks.append(network)
            family += [networks.index(network)] * group.count
        return networks, np.array(family)

    def downstream(self) -> DownstreamMarket:
        """Return the consumers' side, in the regions of the groups where these have their own."""
        if all(group.region is None for group in self.population.groups.values()):
            own = self.setting.downstream(self.organisations)
        else:
            own = self.setting.downstream(self.organisations, self.peopled().region)
        return cast(DownstreamMarket, own)

    def in_setting(self, name: str) -> "MarketConfig":
        """Return the same world in another setting, with the same demand, regions, delivery and royalties."""
        own = {f.name: getattr(self.setting, f.name) for f in dataclasses.fields(self.setting)}
        known = SETTINGS[name].__dataclass_fields__
        fields = {field: value for field, value in own.items() if field in known}
        return dataclasses.replace(self, setting=SETTINGS.build({**fields, "name": name}))


def check_mappings(choices: Mapping[str, Any], config: type[Any]) -> None:
    """Raise `InputError` where a key of a mapping was given in the place of the mapping.

    That is what a model gets from ``mesa.batch_run(..., {"data": {"kept": 0.5}})``: to Mesa whatever can be
    looped over holds values to try one after another, and a mapping its keys.

    Parameters
    ----------
    choices : mapping
        Fields as they were given.
    config : type
        The class of the configuration that has these fields.
    """
    hints = typing.get_type_hints(config, include_extras=True)
    for name, value in choices.items():
        choice = choice_in(hints.get(name))
        classes = [choice.registry[entry] for entry in choice.registry] if choice else [hints.get(name)]
        keys = {key for cls in classes for key in getattr(cls, "__dataclass_fields__", ())}
        if isinstance(value, str) and value in keys:
            raise InputError(
                f"{name} must be a mapping; got {value!r}, a key of one (mesa.batch_run needs a list around "
                f"a mapping: {{{name!r}: [{{{value!r}: ...}}]}})"
            )
