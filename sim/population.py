"""A population: who the organisations of a world are, as columns, one entry an organisation.

Core Objects: Population
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.strategies import Strategy
from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError
from sim.config.data import ENDOWMENT, DataConfig
from sim.config.population import EVERYBODY, REGION, GroupConfig, PopulationConfig
from sim.consumers.demand import regions_of
from sim.data.division import Endowing
from sim.data.endowments import EndowmentRule
from sim.data.endowments.base import Draw, Pool, shared_out
from sim.membership import NEVER


@dataclass(frozen=True, eq=False)
class Population:
    """The N organisations of a world.

    Attributes
    ----------
    groups : tuple of str
        Names of the groups; empty where there are none.
    group : int64 [N]
        The group of each.
    strategies : list of Strategy
        What each follows at first.
    cash : float64 [N]
        Credits with which each enters.
    region : int64 [N]
        Where each sells the use of its model in the settings in which there are rivals.
    enter, leave : int64 [N]
        The first round in which each is there, and the first in which it is there no more.
    partners : bool [N, N] or None
        Who may trade with whom, the same both ways; None is everybody with everybody.
    flop_price : float64 [N]
        Credits that a floating-point operation costs each.
    """

    groups: tuple[str, ...]
    group: Ints
    strategies: list[Strategy]
    cash: Floats
    region: Ints
    enter: Ints
    leave: Ints
    partners: Bools | None
    flop_price: Floats

    @classmethod
    def of(
        cls, config: PopulationConfig, organisations: int, *, regions: int, flop_price: float
    ) -> "Population":
        """Return the population of a world.

        Parameters
        ----------
        config : PopulationConfig
            Who there is.
        organisations, regions : int
            How many, and in how many regions they share where they are rivals.
        flop_price : float
            Credits an operation, where a group has no price of its own.

        Raises
        ------
        InputError
            If the groups do not fit the world.
        """
        strategies = config.strategies(organisations)
        groups = list(config.groups.values()) or [GroupConfig(count=organisations)]
        group = np.repeat(np.arange(len(groups)), [one.count for one in groups])
        region = _regions(config, group, regions)
        prices = [flop_price if one.costs.flops is None else one.costs.flops for one in groups]
        leave = np.array([NEVER if one.leave is None else one.leave for one in groups])
        return cls(
            groups=tuple(config.groups),
            group=group,
            strategies=strategies,
            cash=np.array([config.cash if one.cash is None else one.cash for one in groups])[group],
            region=region,
            enter=np.array([one.enter for one in groups])[group],
            leave=leave[group],
            partners=_partners(config, group, region),
            flop_price=np.array(prices, dtype=np.float64)[group],
        )

    @property
    def founders(self) -> Bools:
        """Who is there from the first round on, [N]."""
        return self.enter <= 1

    @property
    def names(self) -> list[str]:
        """The name of each one's group; '' where there are no groups."""
        names = self.groups or ("",)
        return [names[number] for number in self.group.tolist()]


def endowing(config: PopulationConfig, data: DataConfig) -> Endowing | None:
    """Return how groups share out the pool; None if they do as `data.endowment` and `data.sizes` say.

    Raises
    ------
    InputError
        If groups have shares of their own and the rule takes no sizes.
    """
    groups = list(config.groups.values())
    if all(one.share == 1 and one.endowment is None for one in groups):
        return None
    group = np.repeat(np.arange(len(groups)), [one.count for one in groups])
    share = np.array([one.share for one in groups])[group]
    if all(one.endowment is None for one in groups):
        return _by_size(data, share)
    names, own = list(config.groups), vars(data) | {"sizes": []}
    rules = [ENDOWMENT.build(data.endowment if g.endowment is None else g.endowment, own) for g in groups]

    def rule_of(members: Ints) -> EndowmentRule:
        return _InGroups(tuple(names), tuple(rules), group[members], share[members])

    return rule_of


def _by_size(data: DataConfig, share: Floats) -> Endowing:
    rule: Any = data.rule()
    if "sizes" not in {own.name for own in dataclasses.fields(rule)}:
        raise InputError(
            f"share of a group must be 1 for endowment {rule.name}, which shares out by no sizes, unless a "
            f"group has an endowment of its own; got {share[share != 1][0]:g}"
        )

    def rule_of(members: Ints) -> EndowmentRule:
        sized: EndowmentRule = dataclasses.replace(rule, sizes=share[members].tolist())
        return sized

    return rule_of


@dataclass(frozen=True, eq=False)
class _InGroups(EndowmentRule):
    """Shares the pool out among groups, each class by the sum of their shares, and then within each."""

    groups: tuple[str, ...]
    rules: tuple[EndowmentRule, ...]
    group: Ints
    share: Floats
    name: str = "of the groups"

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:
        """Return what each gets by the rule of its group (see `EndowmentRule.share_out`)."""
        there = np.unique(self.group)
        sizes = np.bincount(self.group, self.share)[there].tolist()
        found: list[list[Ints]] = [[]] * organisations
        for number, part in zip(there.tolist(), shared_out(pool, sizes, len(there)), strict=True):
            members = np.flatnonzero(self.group == number)
            own = self.rules[number].share_out(
                dataclasses.replace(pool, classes=part), len(members), _drawn_for(draw, self.groups[number])
            )
            for organisation, endowment in zip(members.tolist(), own, strict=True):
                found[organisation] = endowment
        return found


def _drawn_for(draw: Draw, group: str) -> Draw:
    def drawn(purpose: str, *keys: Any) -> np.random.Generator:
        return draw(purpose, "group", group, *keys)

    return drawn


def _regions(config: PopulationConfig, group: Ints, regions: int) -> Ints:
    """Return the region of every organisation, [N]."""
    region = regions_of(len(group), regions)
    for number, (name, own) in enumerate(config.groups.items()):
        if own.region is not None:
            if own.region >= regions:
                raise InputError(
                    f"population.groups.{name}.region must be below setting.regions={regions}; got "
                    f"{own.region}"
                )
            region[group == number] = own.region
    return region


def _partners(config: PopulationConfig, group: Ints, region: Ints) -> Bools | None:
    """Return who may trade with whom, [N, N]; None if everybody may with everybody."""
    groups = config.groups
    if all(own.partners == EVERYBODY for own in groups.values()):
        return None
    may = np.ones((len(group), len(group)), dtype=bool)
    for number, (name, own) in enumerate(groups.items()):
        if own.partners == REGION:
            may[group == number] = region[group == number][:, None] == region
        elif own.partners != EVERYBODY:
            may[group == number] = _named(name, own.partners, list(groups), group)[group == number]
    return may & may.T


def _named(name: str, partners: Sequence[Any], groups: Sequence[str], group: Ints) -> Bools:
    """Return whom a list of partners joins, [N, N]."""
    joined = np.zeros((len(group), len(group)), dtype=bool)
    for one in partners:
        if isinstance(one, str):
            if one not in groups:
                raise InputError(
                    f"population.groups.{name}.partners must be among {', '.join(groups)}, or edges; "
                    f"got {one!r}"
                )
            joined[:, group == groups.index(one)] = True
            continue
        if not all(0 <= end < len(group) for end in one):
            raise InputError(
                f"population.groups.{name}.partners must be edges between organisations 0..{len(group) - 1}; "
                f"got {one}"
            )
        joined[one[0], one[1]] = joined[one[1], one[0]] = True
    return joined
