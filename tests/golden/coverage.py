"""What occurs in the golden records, and what could."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.learning.alignment import ALIGNMENTS
from agents.learning.networks import NETWORKS
from agents.learning.operations.weight_searches import WEIGHT_SEARCHES
from agents.learning.operators import MERGE_OPERATORS
from agents.learning.training.optimisers import OPTIMISERS
from agents.strategies import STRATEGIES
from experiments.studies.textbook import TEXTBOOK
from markets.mechanisms import MECHANISMS
from markets.priors import PRIORS
from markets.registry import Registry
from sim.baselines import BASELINES
from sim.config.data import DataConfig
from sim.config.market import BrokerConfig, LearningConfig
from sim.config.population import PopulationConfig
from sim.data.datasets import DATASETS
from sim.data.distributions import DISTRIBUTIONS
from sim.data.endowments import ENDOWMENTS
from sim.exchange.blocks import BLOCKS, BUNDLES
from sim.exchange.disclosure import DISCLOSURES
from sim.exchange.resale import RESALE_RULES
from sim.exchange.royalty_rules import ROYALTY_RULES
from sim.settings import SETTINGS, Setting
from sim.textbook.trading_session import SessionConfig

REGISTRIES: tuple[Registry[Any], ...] = (
    MECHANISMS,
    STRATEGIES,
    MERGE_OPERATORS,
    SETTINGS,
    OPTIMISERS,
    NETWORKS,
    BASELINES,
    PRIORS,
    DATASETS,
    DISTRIBUTIONS,
    ENDOWMENTS,
    BLOCKS,
    BUNDLES,
    ROYALTY_RULES,
    WEIGHT_SEARCHES,
    ALIGNMENTS,
    DISCLOSURES,
    RESALE_RULES,
    TEXTBOOK,
)

WORDS = re.compile(r"\^\((\w+(?:\|\w+)+)\)\$")
"""The pattern of a field that takes one of some words."""

DOWNLOADED = ("cifar10", "fashion_mnist", "kuzushiji_mnist", "mnist", "mnist_and_fashion")
OF_USERS = ("file", "folder", "module")

UNRECORDED = (
    {f"dataset {name}": "is downloaded, and tests need no network" for name in DOWNLOADED}
    | {f"dataset {name}": "reads a user's own data, which tests of data have" for name in OF_USERS}
    | {f"endowment {name}": "asks who owns what, which no shipped data say" for name in ("by_owner", "auto")}
    | {
        f"DataConfig.{word}": "is of a user's own data"
        for word in (
            *("task=classification", "task=regression", "task=next_token"),
            *("duplicates=drop", "duplicates=keep"),
        )
    }
)
"""What may be missing from the records, and why."""


def could_occur() -> set[str]:
    """Return all there is to choose from: components, and the words that their fields take."""
    components = {f"{registry.kind} {name}" for registry in REGISTRIES for name in registry}
    classes = [registry[name] for registry in REGISTRIES for name in registry if name not in OF_USERS]
    words = {
        f"{field}={word}"
        for cls in (*classes, BrokerConfig, DataConfig, LearningConfig, SessionConfig)
        for field, choices in _words_of(cls)
        for word in choices
    }
    return components | words


def occur(configuration: Any) -> set[str]:
    """Return what a configuration is made of, in the same words as `could_occur`."""
    found = set()
    for part in _parts(configuration):
        kinds = [r.kind for r in REGISTRIES if type(part) in (r[name] for name in r)]
        found |= {f"{kind} {part.name}" for kind in kinds}
        found |= {f"{field}={getattr(part, field.split('.')[1])}" for field, _ in _words_of(type(part))}
    return found


def _parts(value: Any) -> Iterator[Any]:
    """Yield everything that a configuration holds, and what it names, at every depth."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _parts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _parts(one)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))
        yield from _named(value)


def _named(value: Any) -> Iterator[Any]:
    """Yield the components that a part of a configuration names."""
    if isinstance(value, PopulationConfig):
        counted = sum(value.mix.values()) or sum(group.count for group in value.groups.values())
        yield from value.strategies(counted)
    elif isinstance(value, BrokerConfig):
        yield from (value.search(), value.cut_of_blocks(), value.bundles)
    elif isinstance(value, Setting):
        yield value.royalty_rule()
    elif isinstance(value, DataConfig):
        yield from (value.source(), value.rule())


def _words_of(cls: type[Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the fields that take one of some words, as ``Class.field`` of their class, and these."""
    for field in dataclasses.fields(cls):
        for match in WORDS.findall(repr(field.type)):
            owner = next(one for one in reversed(cls.__mro__) if field.name in inspect.get_annotations(one))
            yield f"{owner.__name__}.{field.name}", match.split("|")
