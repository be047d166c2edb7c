"""The configuration of a population: who the organisations of a world are.

Core Objects: PopulationConfig, GroupConfig
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import CoreSchema

from agents.learning.networks import NETWORKS, Network
from agents.learning.training.optimisers import OPTIMISERS, AdamW, Optimiser
from agents.strategies import STRATEGIES, Strategy
from markets.choices import LATER, built
from markets.refusals import InputError
from markets.registry import Registry
from sim.config.broker import STRICT
from sim.data.endowments import ENDOWMENTS, EndowmentRule
from sim.data.endowments.base import Positive

EVERYBODY, REGION = "everybody", "region"
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Cash = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


@dataclass(frozen=True, config=STRICT)
class GroupLearningConfig:
    """How the organisations of a group train; what is null is as in `learning`.

    Parameters
    ----------
    optimiser : str or mapping
        The name of an optimiser, or a mapping of its own fields with the ``name``.
    lr : float or None
        Learning rate, in the place of the optimiser's.
    local_epochs : int or None
        Passes over its endowment that each makes in a round.
    batch_size : int or None
        Examples a step.
    flops : float or None
        Floating-point operations that the training of each may take in a round: it ends where one example
        more would take more. Null is no limit.
    """

    optimiser: Any = None
    lr: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None
    local_epochs: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    batch_size: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    flops: Annotated[float | None, Field(ge=0, le=1e30, allow_inf_nan=False)] = None

    def optimiser_of(self, key: str, usual: Optimiser) -> Optimiser:
        """Return the optimiser with its learning rate; `key` is the group's, and `usual` that of the rest."""
        own = usual
        if self.optimiser is not None and not isinstance(self.optimiser, Optimiser):
            own = _registered(f"{key}.learning.optimiser", OPTIMISERS, self.optimiser)
        elif self.optimiser is not None:
            own = self.optimiser
        return own if self.lr is None else _replaced(own, lr=self.lr)


@dataclass(frozen=True, config=STRICT)
class GroupCostsConfig:
    """What computing costs the organisations of a group; what is null is as in `costs`.

    Parameters
    ----------
    flops : float or None
        Credits a floating-point operation.
    """

    flops: Annotated[float | None, Field(ge=0, le=1e3, allow_inf_nan=False)] = None


@dataclass(frozen=True, config=STRICT)
class GroupConfig:
    """Organisations that are alike; what is null is as in the rest of the world.

    Parameters
    ----------
    count : int
        How many there are.
    strategy : str or mapping
        The name of the strategy that they follow, or a mapping of its own fields with the ``name``; null is
        that of `population.mix`, in which organisations are counted in the order of the groups.
    cash : float or None
        Credits on each account when the group enters; null is `population.cash`.
    region : int or None
        In which of the regions, from 0, all of them sell the use of their models in the settings in which
        there are rivals; null leaves them in those of `setting.regions`.
    partners : str or list
        With whom they may trade: ``everybody``, ``region`` (who is in the same one), or a list of names of
        groups and of edges between two organisations by number, as ``[small,[0,4]]``. A pair may trade where
        both sides may; no other is ever shortlisted.
    enter : int
        First round in which they are there.
    leave : int or None
        First round in which they are there no more: their accounts are closed at its beginning. Null is
        never.
    network : str or mapping
        The name of a network, or a mapping of its own fields with the ``name``; null is `network`. Blocks
        trade among organisations of one architecture.
    learning : GroupLearningConfig
        How they train.
    costs : GroupCostsConfig
        What computing costs them.
    share : float
        How much of the pool each gets, relative to others, in the place of `data.sizes`.
    endowment : str or mapping
        A rule of endowments by name, or a mapping of its own fields with the ``name``, by which they share
        out what they get of the pool among them; null is that of `data.endowment`. Where any group has one of
        its own, the pool is shared out among groups first, each class by count times share.
    """

    count: Count = 1
    strategy: Any = None
    cash: Cash | None = None
    region: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    partners: Any = EVERYBODY
    enter: Count = 1
    leave: Annotated[int | None, Field(ge=2, le=1_000_000)] = None
    network: Any = None
    learning: GroupLearningConfig = field(default_factory=GroupLearningConfig)
    costs: GroupCostsConfig = field(default_factory=GroupCostsConfig)
    share: Positive = 1.0
    endowment: Any = None

    def check(self, key: str) -> None:
        """Raise ``InputError`` where fields do not fit each other, or name nothing; `key` is the group's."""
        value = self.partners
        if value not in (EVERYBODY, REGION) and not (
            isinstance(value, (list, tuple)) and all(_is_partner(one) for one in value)
        ):
            raise InputError(
                f"{key}.partners must be everybody, region, or a list of names of groups and of edges [i,j] "
                f"between two organisations; got {value!r}"
            )
        if self.leave is not None and self.leave <= self.enter:
            raise InputError(
                f"{key}.leave must be after the round {self.enter} in which it enters; got {self.leave}"
            )
        if self.endowment is not None and not isinstance(self.endowment, EndowmentRule):
            _registered(f"{key}.endowment", ENDOWMENTS, self.endowment)
        self.learning.optimiser_of(key, AdamW())
        self.network_of(key, None)

    def network_of(self, key: str, usual: Any) -> Any:
        """Return the network; `key` is the group's, and `usual` that of the rest."""
        if self.network is None or isinstance(self.network, Network):
            return self.network or usual
        return _registered(f"{key}.network", NETWORKS, self.network)


class _Groups:
    """Annotates a mapping that holds groups; to Hydra one of anything, since keys of a group can be typed."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(dict[str, GroupConfig])


@dataclass(frozen=True, config=STRICT)
class PopulationConfig:
    """Who the organisations are.

    Parameters
    ----------
    mix : dict
        How many organisations follow each strategy, in order; the counts sum to `organisations`. An empty mix
        is all truthful.
    parameters : dict
        Fields of strategies that differ from their defaults, ``{strategy: {field: value}}``.
    cash : float
        Credits on each account at the start.
    credit_limit : float
        Credits by which an account may be overdrawn.
    groups : dict
        Groups of organisations that differ in more than the strategy, by name, in order; the counts sum to
        `organisations`. Empty: there is but one.
    """

    mix: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    cash: Cash = 1.0
    credit_limit: Cash = 0.0
    groups: Annotated[dict[str, Any], _Groups()] = field(default_factory=dict, metadata=LATER)

    @model_validator(mode="after")
    def _known_strategies(self) -> "PopulationConfig":
        for name in [*self.mix, *self.parameters]:
            STRATEGIES[name]
        for name, fields in self.parameters.items():
            built(f"population.parameters.{name}", STRATEGIES, {"name": name, **fields})
        for name, group in self.groups.items():
            group.check(f"population.groups.{name}")
            self._strategy_of(name, group)
        return self

    def each(self, organisations: int) -> list[tuple[str, GroupConfig]]:
        """Return every group with its key, in order; where there are none, one of all organisations."""
        groups = {f"population.groups.{name}": group for name, group in self.groups.items()}
        return list((groups or {"population": GroupConfig(count=organisations)}).items())

    def strategies(self, organisations: int) -> list[Strategy]:
        """Return the strategy of every organisation, in the order of the mix, groups' own in its place.

        Strategies of one name are the same: where a group's own differs from another of its name, it is
        called after the group too, as ``shading of small``.

        Raises
        ------
        InputError
            If the counts of the mix or of the groups do not sum to `organisations`.
        """
        mix = {name: count for name, count in self.mix.items() if count} or {"truthful": organisations}
        if sum(mix.values()) != organisations:
            raise InputError(
                f"population.mix must name as many organisations as there are ({organisations}); "
                f"got {mix}, which names {sum(mix.values())}"
            )
        of_name = {name: STRATEGIES.build({"name": name, **self.parameters.get(name, {})}) for name in mix}
        chosen = [of_name[name] for name, count in mix.items() for _ in range(count)]
        number = 0
        for name, group in self.groups.items():
            own = self._strategy_of(name, group)
            if own is not None:
                if of_name.setdefault(own.name, own) != own:
                    own = _replaced(own, name=f"{own.name} of {name}")
                chosen[number : number + group.count] = [own] * group.count
            number += group.count
        if self.groups and number != organisations:
            raise InputError(
                f"population.groups must count as many organisations as there are ({organisations}); got "
                f"{', '.join(f'{name} {own.count}' for name, own in self.groups.items())}, {number} in all"
            )
        return chosen

    def _strategy_of(self, name: str, group: GroupConfig) -> Strategy | None:
        """Return the strategy that a group has of its own; None if it follows the mix."""
        if group.strategy is None or isinstance(group.strategy, Strategy):
            return group.strategy
        shared = self.parameters.get(_name_in(group.strategy), {})
        strategy: Strategy = _registered(
            f"population.groups.{name}.strategy", STRATEGIES, group.strategy, shared
        )
        return strategy


def _name_in(value: Any) -> str:
    """Return the name that a value gives to choose a component by; '' if none."""
    name = value.get("name") if isinstance(value, Mapping) else value
    return name if isinstance(name, str) else ""


def _registered(
    key: str, registry: Registry[Any], value: Any, shared: Mapping[str, Any] | None = None
) -> Any:
    """Return the component that a name, or a mapping of its own fields with the ``name``, stands for."""
    name = _name_in(value)
    if name not in registry:
        raise InputError(f"{key} must be one of {', '.join(registry)}; got {name or value!r}")
    own = value if isinstance(value, Mapping) else {}
    return built(key, registry, {**(shared or {}), **own, "name": name})


def _replaced(component: Any, **fields: Any) -> Any:
    """Return a component with other values of some fields."""
    return dataclasses.replace(component, **fields)


def _is_partner(value: Any) -> bool:
    """Return whether a value can be a name of a group or an edge."""
    if isinstance(value, (list, tuple)):
        return len(value) == 2 and all(type(end) is int for end in value)
    return isinstance(value, str)
