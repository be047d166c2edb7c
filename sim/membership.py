"""Membership: who is in a world this round, and which strategy each organisation follows.

People may change both between rounds, as with any Mesa model: ``agent.strategy = other``, ``agent.remove()``
and ``market.active[i] = False``. What they changed counts from the next round on.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.strategies import STRATEGIES, Strategy
from markets.columns import Bools, Ints
from markets.refusals import InputError

NEVER = np.iinfo(np.int64).max
"""The round in which those leave who stay."""
PRESENT = ("active", "diverged")
"""The statuses of those who sell the use of a model."""


class Members:
    """The N organisations of a world, from round to round.

    Parameters
    ----------
    strategies : sequence of Strategy
        That of every organisation, as configured; strategies of one name are the same.
    classes : int
        Classes of the examples.
    honest : bool
        Whether everybody does its honest best whatever its strategy, as where organisations cooperate.
    enter, leave : int64 [N], optional
        The first round in which each is there, and the first in which it is there no more; by default all are
        always there.

    Attributes
    ----------
    active, diverged, removed : bool [N]
        Who trains and trades, whose loss was not finite, and who was removed; to be changed in place.
    following : Following
        What each follows in this round.
    status : str [N]
        In this round. ``active``: it trains and trades. ``diverged``: its loss was not finite, so that it
        does neither any more, but sells the use of its last model. ``removed`` and ``inactive``: it does not
        train, trade or sell, earns nothing, and its account stays as it is. ``waiting`` and ``left``: nor
        does who has not entered yet, or has left; the one has no account yet, the other's has been closed.
    entering, leaving : int64 [n]
        Who enters after the first round, or leaves, at the beginning of this one.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        classes: int,
        honest: bool,
        enter: Ints | None = None,
        leave: Ints | None = None,
    ) -> None:
        self._configured, self._classes, self._honest = list(strategies), classes, honest
        self._enter = np.ones(len(strategies), dtype=np.int64) if enter is None else enter
        self._leave = np.full(len(strategies), NEVER) if leave is None else leave
        self.active = self._enter <= 1
        self.diverged, self.removed = (np.zeros(len(strategies), dtype=bool) for _ in range(2))
        self.entering = self.leaving = np.empty(0, dtype=np.int64)
        self.following = follow(strategies, classes, honest)
        self._known: dict[str, Strategy] = {}
        self._pending: dict[int, Strategy] = {}
        self._note_statuses(1)

    @property
    def present(self) -> Bools:
        """Who sells the use of a model in this round, [N]."""
        return np.isin(self.status, PRESENT)

    def gather(self, round_: int) -> list[Strategy]:
        """Take note of who is there in a new round, and of what each follows.

        Returns the strategies that nobody has followed before.

        Parameters
        ----------
        round_ : int
            The round, counted from 1; 0 before the first.
        """
        if self._pending:
            chosen = [self.strategy_of(index) for index in range(len(self.active))]
            self.following = follow(chosen, self._classes, self._honest)
            self._pending = {}
        self.entering, self.leaving = (
            np.flatnonzero(column == round_) if round_ > 1 else np.empty(0, dtype=np.int64)
            for column in (self._enter, self._leave)
        )
        self.active[self.entering] = True
        there = (self._enter <= max(round_, 1)) & (round_ < self._leave)
        self.active[self.removed | ~there] = False
        self.diverged &= ~self.active
        self._note_statuses(max(round_, 1))
        new = [one for one, _ in self.following.strategies if one.name not in self._known]
        self._known |= {one.name: one for one in new}
        return new

    def diverge(self, who: Ints) -> None:
        """Let organisations whose loss is not finite train and trade no more, from now on."""
        self.active[who], self.diverged[who], self.status[who] = False, True, "diverged"

    def strategy_of(self, index: int) -> Strategy:
        """Return the strategy that an organisation follows, or will from the next round on."""
        return self._pending.get(index, self.following.chosen[index])

    def choose(self, index: int, strategy: Strategy) -> None:
        """Let an organisation follow a strategy from the next round on.

        Raises
        ------
        InputError
            If it is no strategy, or differs from another of the same name.
        """
        others = [one for other, one in self._pending.items() if other != index]
        check_strategy(strategy, [*self._known.values(), *others])
        self._pending[index] = strategy

    def _note_statuses(self, round_: int) -> None:
        """Set the status of everybody in a round."""
        self.status = statuses(self.active, self.diverged, self.removed)
        self.status[~self.removed & (round_ < self._enter)] = "waiting"
        self.status[round_ >= self._leave] = "left"

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint must hold; strategies only where they are not those configured."""
        own = {name: getattr(self, name).copy() for name in ("active", "diverged", "removed")}
        chosen = [self.strategy_of(index) for index in range(len(self.active))]
        if chosen != self._configured or len(self._known) > len({one.name for one in chosen}):
            own["strategies"] = pack_strategies(chosen, self._known)
        return own

    def restore(self, state: Mapping[str, NDArray[Any]]) -> list[str]:
        """Take up a state that `state` returned, and return the names of all strategies followed so far."""
        for name in ("active", "diverged", "removed"):
            getattr(self, name)[:] = state[name]
        chosen, self._known = self._configured, {one.name: one for one in self._configured}
        if "strategies" in state:
            chosen, self._known = unpack_strategies(state["strategies"])
        now = self.following.chosen
        self._pending = {index: one for index, one in enumerate(chosen) if one != now[index]}
        return list(self._known)


@dataclass(frozen=True)
class Following:
    """Which strategy each of N organisations follows.

    Attributes
    ----------
    chosen : tuple of Strategy
        Of every organisation.
    names : str [N]
        Their names.
    strategies : list of (Strategy, bool [N])
        Each strategy that somebody follows, with who does.
    trading, trains : bool [N]
        Who comes to the market, and who trains its model.
    relabelled : int64 [N, K]
        As what each organisation labels examples of each class in its training.
    """

    chosen: tuple[Strategy, ...]
    names: NDArray[np.object_]
    strategies: list[tuple[Strategy, Bools]]
    trading: Bools
    trains: Bools
    relabelled: Ints


def follow(chosen: Sequence[Strategy], classes: int, honest: bool) -> Following:
    """Return who follows what.

    Parameters
    ----------
    chosen : sequence of Strategy
        Of every organisation; strategies of one name are the same.
    classes : int
        K, of the examples.
    honest : bool
        Whether everybody does its honest best whatever its strategy, as where organisations cooperate.
    """
    by_name = {strategy.name: strategy for strategy in reversed(chosen)}
    names = np.array([strategy.name for strategy in chosen], dtype=object)
    return Following(
        chosen=tuple(chosen),
        names=names,
        strategies=[(by_name[name], names == name) for name in dict.fromkeys(names.tolist())],
        trading=np.array([strategy.trades for strategy in chosen]),
        trains=np.array([honest or strategy.trains for strategy in chosen]),
        relabelled=np.stack(
            [np.arange(classes) if honest else strategy.teach(classes) for strategy in chosen]
        ),
    )


def check_strategy(strategy: object, others: Iterable[Strategy]) -> None:
    """Raise `InputError` unless an organisation can follow `strategy` in a world that knows some others."""
    if not isinstance(strategy, Strategy):
        raise InputError(
            f"strategy must be a Strategy, as STRATEGIES.build('shading') returns one; got {strategy!r}"
        )
    for other in others:
        if other.name == strategy.name and other != strategy:
            raise InputError(
                f"strategy must have a name of its own, such as name={strategy.name + '_2'!r}, where another "
                f"{strategy.name} differs from it: {other}; got {strategy}"
            )


def statuses(active: Bools, diverged: Bools, removed: Bools) -> NDArray[np.object_]:
    """Return the status of every organisation, [N]; see `Members`."""
    return np.select([active, removed, diverged], ["active", "removed", "diverged"], "inactive").astype(
        object
    )


def pack_strategies(chosen: Sequence[Strategy], known: Mapping[str, Strategy]) -> NDArray[np.uint8]:
    """Return strategies as a column of bytes for a checkpoint.

    Parameters
    ----------
    chosen : sequence of Strategy
        Of every organisation, from the next round on.
    known : dict
        Those that are or were followed, by name.

    Raises
    ------
    InputError
        If one is not registered, so that no checkpoint can name it.
    """
    every = dict(known) | {strategy.name: strategy for strategy in chosen}
    content = {
        "strategies": {name: _described(strategy) for name, strategy in every.items()},
        "known": list(known),
        "chosen": [strategy.name for strategy in chosen],
    }
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def unpack_strategies(packed: NDArray[np.uint8]) -> tuple[list[Strategy], dict[str, Strategy]]:
    """Return the chosen and the known strategies that `pack_strategies` packed."""
    content = json.loads(packed.astype(np.uint8).tobytes())
    every = {name: STRATEGIES[kind](**fields) for name, (kind, fields) in content["strategies"].items()}
    return [every[name] for name in content["chosen"]], {name: every[name] for name in content["known"]}


def _described(strategy: Strategy) -> tuple[str, dict[str, Any]]:
    """Return the registered kind of a strategy and its fields."""
    for kind in STRATEGIES:
        if STRATEGIES[kind] is type(strategy):
            fields: Any = strategy
            return kind, dataclasses.asdict(fields)
    raise InputError(
        f"strategy must be registered (@STRATEGIES.register) so that a checkpoint can name it; got {strategy}"
    )
