"""The mailbox: requests of many worlds, answered in batches whatever each world is about to do."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from sim.laboratory.requests import Evaluate, EvaluateTogether, Merge, Mix, Request, Train, Try

ORDER: tuple[type[Request], ...] = (Train, Try, Merge, Mix, Evaluate, EvaluateTogether)
"""In which batches are performed."""


class Performs(Protocol):
    """A laboratory."""

    def perform(self, requests: Sequence[Any]) -> list[Any]:
        """Answer requests of one type and key by one batched computation."""


def answered(
    requests: Sequence[Request], laboratory: Performs, watch: Callable[[str], None] | None = None
) -> list[Any]:
    """Return the answers to one request of each world, in the order of the requests.

    Requests of one type and key make a batch. What a world is answered does not depend on who shared it.

    Parameters
    ----------
    requests : sequence of Request
        One a world.
    laboratory : Performs
        Who answers.
    watch : callable, optional
        Called with the phase of each batch as it begins.
    """
    batches: dict[tuple[type[Request], Hashable], list[int]] = {}
    for place, request in enumerate(requests):
        batches.setdefault((type(request), request.key), []).append(place)
    answers: list[Any] = [None] * len(requests)
    for batch in sorted(batches, key=lambda batch: ORDER.index(batch[0])):
        places = batches[batch]
        if watch:
            watch(requests[places[0]].phase)
        found = laboratory.perform([requests[place] for place in places])
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer
    return answers
