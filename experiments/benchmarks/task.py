"""A computation that the benchmark times, in two ways."""

from collections.abc import Callable
from dataclasses import dataclass

from markets.columns import Floats

TRAINING = ("training, SGD", "training, SGD fused", "training, AdamW", "training, AdamW fused")
AUCTION = "assignment by auction"
PAIRS = ("trials", "alignment", "merging", AUCTION)
EVALUATION = "evaluation"
TASKS = (*TRAINING, EVALUATION, *PAIRS)


@dataclass(frozen=True)
class Task:
    """One computation in two ways.

    `reset`, not timed, sets both ways back to the same start where they change anything; `plain` and `fleet`
    compute the same numbers, which are compared in units of `scale`. `items` counts what milliseconds are
    divided by: organisations or pairs, as `item` says. `flops` are the operations of the fleet's matrix
    products in one call, 0 where they are not what takes the time. `release` gives back what the fleet keeps
    between calls, so that the memory it takes can be counted.
    """

    name: str
    item: str
    items: int
    plain: Callable[[], Floats]
    fleet: Callable[[], Floats]
    reset: Callable[[], None] | None = None
    scale: Floats | float = 1.0
    flops: float = 0.0
    release: Callable[[], None] | None = None


def task_count(size: int) -> int:
    """Return how many tasks there are for a number of organisations: a single one has no pairs."""
    return len(TASKS) if size > 1 else len(TASKS) - len(PAIRS)
