"""Play: many worlds in step, each telling its own round, so that they share every batched computation."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

from markets.refusals import InputError
from sim.laboratory import Laboratory
from sim.laboratory.mailbox import answered


class World(Protocol):
    """What has rounds to play."""

    steps: int

    def round(self) -> Generator[Any, Any, None]:
        """Tell one round: yield what is to be computed, and receive the results."""


class LearningWorld(World, Protocol):
    """A world whose parameters live in a laboratory."""

    laboratory: Laboratory


def begin_round(world: World) -> Generator[Any, Any, None]:
    """Count a new round of a world and return it, to be told; the steps of `step` Mesa counts itself."""
    world.steps += 1
    return world.round()


def play(worlds: Sequence[LearningWorld], watch: Callable[[str], None] | None = None) -> None:
    """Play one round in every world, so that the worlds share each batched computation.

    Parameters
    ----------
    worlds : sequence of LearningWorld
        They share one laboratory.
    watch : callable, optional
        Called with the name of each phase as it begins: those of `sim.laboratory.requests`, and ``market``.

    Raises
    ------
    InputError
        If they do not share a laboratory.
    """
    laboratory = worlds[0].laboratory
    if any(world.laboratory is not laboratory for world in worlds):
        raise InputError("worlds must share one laboratory to be played together; they have several")
    finish([begin_round(world) for world in worlds], laboratory, watch)


def finish(
    rounds: Sequence[Generator[Any, Any, None]],
    laboratory: Laboratory,
    watch: Callable[[str], None] | None = None,
) -> None:
    """Tell rounds that have begun to their ends."""
    told = {one: request for one in rounds if (request := _told(one, None)) is not None}
    while told:
        answers = answered(list(told.values()), laboratory, watch)
        if watch:
            watch("market")
        told = {
            one: request
            for one, answer in zip(told, answers, strict=True)
            if (request := _told(one, answer)) is not None
        }


def _told(one: Generator[Any, Any, None], answer: Any) -> Any:
    """Return the next request of a round; None at its end."""
    try:
        return one.send(answer)
    except StopIteration:
        return None
