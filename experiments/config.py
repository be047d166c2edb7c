"""The configuration of a run: dataclasses hold keys, defaults and limits; the YAML in `conf/` only chooses.

Core Objects: Config, RunConfig, FigureConfig, register_schemas, register_root, as_schema, parse
"""

import dataclasses
from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from agents.learning.merge_operators import MERGE_OPERATORS
from agents.learning.networks import NETWORKS
from agents.learning.optimisers import OPTIMISERS
from experiments.loading import forget_composed
from markets.mechanisms import MECHANISMS
from markets.refusals import InputError
from sim.config import STRICT, BrokerConfig, LearningConfig, MarketConfig, PopulationConfig, VenueConfig
from sim.endowments import DataConfig
from sim.settings import SETTINGS

COMPONENTS: dict[str, Any] = {
    "network": NETWORKS,
    "optimiser": OPTIMISERS,
    "merge_operator": MERGE_OPERATORS,
    "mechanism": MECHANISMS,
    "setting": SETTINGS,
}


@dataclass(frozen=True, config=STRICT)
class FigureConfig:
    """How figures look on paper.

    Parameters
    ----------
    width : float
        Width of every figure, inches; the height follows. A column of a journal has about 3.5.
    font_size : float
        Size of the text, points; lines and markers go with it.
    pdf : bool
        Whether every figure is saved as PDF too, with its text as text, beside PNG and SVG.
    """

    width: Annotated[float, Field(ge=2, le=40)] = 8.0
    font_size: Annotated[float, Field(ge=4, le=60)] = 13.0
    pdf: bool = False


@dataclass(frozen=True, config=STRICT)
class RunConfig:
    """How a run is carried out; nothing here changes a number in its tables.

    Parameters
    ----------
    figures : bool
        Whether to draw the figures and write the report at the end.
    figure : FigureConfig
        How the figures look.
    threads : int or None
        Threads that torch uses; None is torch's own choice. One is fastest for small networks, and the only
        good choice where several runs share the cores.
    progress : bool
        Whether to show a progress bar on a terminal.
    tracker : str
        Who else is told the metrics of every round: ``none``, ``tensorboard``, ``mlflow`` or ``wandb`` (see
        `experiments.trackers`).
    """

    figures: bool = True
    figure: FigureConfig = field(default_factory=FigureConfig)
    threads: Annotated[int | None, Field(ge=1, le=256)] = 1
    progress: bool = True
    tracker: Annotated[str, Field(pattern="^(none|tensorboard|mlflow|wandb)$")] = "none"


@dataclass(frozen=True, config=STRICT)
class Config:
    """Everything that a run is made of.

    Parameters
    ----------
    organisations : int
        Organisations in each world.
    rounds : int
        Rounds to play.
    replicates : int
        Independent repetitions of every arm: other data, other initial weights.
    seed : int
        Root of all random streams.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    arms : list of str
        Settings to compare; by default autarky and the chosen setting.
    data : DataConfig
        Which examples there are and who gets them.
    network : mapping
        Name and fields of a network in `agents.learning.networks`: the architecture of every organisation.
    learning : LearningConfig
        How organisations train and merge.
    population : PopulationConfig
        Who the organisations are: their strategies and their cash.
    setting : mapping
        Name and fields of a setting in `sim.settings`: how payoffs depend on each other. Its demand, regions,
        delivery and royalties hold in every arm.
    venue : VenueConfig
        How orders meet: ``listings``, ``books`` or ``bilateral``; ``auto`` is the venue of the mechanism.
    mechanism : mapping
        Name and fields of a mechanism in `markets.mechanisms`: the rule that turns orders into trades.
    broker : BrokerConfig
        What the broker does for the market: blocks, licences, alignment, trials.
    run : RunConfig
        How the run is carried out; nothing here changes a number in its tables.
    """

    organisations: Annotated[int, Field(ge=2, le=1_000_000)] = 4
    rounds: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    replicates: Annotated[int, Field(ge=1, le=10_000)] = 3
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    device: str = "auto"
    arms: list[str] = field(default_factory=lambda: ["autarky", "competitive"])
    data: DataConfig = field(default_factory=DataConfig)
    network: Any = MISSING
    learning: LearningConfig = field(default_factory=LearningConfig)
    population: PopulationConfig = field(default_factory=PopulationConfig)
    setting: Any = MISSING
    venue: VenueConfig = field(default_factory=VenueConfig)
    mechanism: Any = MISSING
    broker: BrokerConfig = field(default_factory=BrokerConfig)
    run: RunConfig = field(default_factory=RunConfig)

    @field_validator("arms")
    @classmethod
    def _known_arms(cls, value: list[str]) -> list[str]:
        arms = list(dict.fromkeys(value))
        if not arms:
            raise InputError(f"arms must name at least one of {', '.join(SETTINGS)}; got none")
        for arm in arms:
            if arm not in SETTINGS:
                raise InputError(f"arms must be among {', '.join(SETTINGS)}; got {arm!r}")
        return arms

    @model_validator(mode="after")
    def _worlds_fit(self) -> "Config":
        for arm in self.arms:
            self.market().in_setting(arm)
        return self

    def market(self) -> MarketConfig:
        """Return the part of the configuration that makes a world."""
        names = [f.name for f in dataclasses.fields(MarketConfig)]
        return MarketConfig(**{name: getattr(self, name) for name in names})


def register_schemas() -> None:
    """Tell Hydra the types and defaults of all keys: `schema`, and `schema/GROUP/NAME` for each component."""
    register_root("schema", Config)
    for group, registry in COMPONENTS.items():
        for name in registry:
            register_schema(group, name, registry[name])


_REGISTERED: dict[tuple[str | None, str], type[Any]] = {}


def register_schema(group: str, name: str, cls: type[Any]) -> None:
    """Tell Hydra the types and defaults of a component's keys, unless it has been told of this very class."""
    _register(f"schema/{group}", name, cls, as_schema)


def register_root(name: str, cls: type[Any]) -> None:
    """Tell Hydra the types and defaults of all keys of a command that plays markets."""
    _register(None, name, cls, _root)


def _register(
    group: str | None, name: str, cls: type[Any], schema: Callable[[type[Any]], DictConfig]
) -> None:
    if _REGISTERED.get((group, name)) is not cls:
        ConfigStore.instance().store(group=group, name=name, node=schema(cls))
        _REGISTERED[group, name] = cls
        forget_composed()


def _root(cls: type[Any]) -> DictConfig:
    """Return the schema of a class; what a group's choice fills is missing, or it would refuse the others."""
    schema = as_schema(cls)
    schema.network = schema.setting = schema.learning.optimiser = schema.learning.merge_operator = MISSING
    return schema


def parse(composed: DictConfig) -> Config:
    """Return the validated configuration of what Hydra composed.

    Raises
    ------
    pydantic.ValidationError
        If a key is unknown or a value not allowed.
    """
    return Config(**OmegaConf.to_container(composed, resolve=True))  # type: ignore[arg-type]


def as_schema(cls: type[Any]) -> DictConfig:
    """Return a class as a structured config that overrides may write to; mappings take new keys."""
    schema = OmegaConf.structured(cls)
    _open(schema)
    return schema


def _open(node: Any) -> None:
    if not OmegaConf.is_config(node) or node._is_missing():
        return
    OmegaConf.set_readonly(node, None)
    if OmegaConf.is_dict(node):
        if OmegaConf.get_type(node) is dict:
            OmegaConf.set_struct(node, False)
        for key in node:
            _open(node._get_node(key))
