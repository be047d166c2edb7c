"""What operations that look entries up by their numbers do to axes.

Entries that are looked up have names, so that they are told apart; where the numbers themselves stand, they
may be permuted, and what was looked up is permuted alike.

Core Objects: rules that register themselves
"""

import torch

from agents.learning.symmetries.axes import ONE
from agents.learning.symmetries.rules import Made, Operation, broadcast, place, rule


@rule("embedding")
def _embedding(operation: Operation) -> Made:
    words, width = operation.of(operation["weight"])
    operation.axes.fix([words])
    return [*operation.of(operation["indices"]), width]


@rule("index", "_unsafe_index")
def _indexed(operation: Operation) -> Made | None:
    """Look up along some axes at once, as ``table[rows, columns]``; the others are kept."""
    axes, made = operation.axes, operation.of(operation["self"])
    given = [*operation["indices"], *[None] * (len(made) - len(operation["indices"]))]
    numbers = [one for one in given if one is not None]
    if any(one.dtype in (torch.bool, torch.uint8) for one in numbers):  # a mask
        return None
    axes.fix(axis for axis, one in zip(made, given, strict=True) if one is not None)
    looked_up = broadcast(axes, [operation.of(one) for one in numbers], max(one.dim() for one in numbers))
    kept = [axis for axis, one in zip(made, given, strict=True) if one is None]
    at = [place for place, one in enumerate(given) if one is not None]
    first = at[0] if at[-1] - at[0] + 1 == len(at) else 0
    return [*kept[:first], *looked_up, *kept[first:]]


@rule("index_select")
def _selected_by_number(operation: Operation) -> Made:
    made = list(operation.of(operation["self"]))
    at = place(operation["dim"], len(made))
    operation.axes.fix([made[at]])
    (made[at],) = operation.of(operation["index"]) or [ONE]
    return made


@rule("gather")
def _gathered(operation: Operation) -> Made:
    """Look up along one axis, at each place of the others by numbers of its own."""
    axes, made = operation.axes, operation.of(operation["self"])
    numbers = operation.of(operation["index"])
    at = place(operation["dim"], len(made))
    axes.fix(made[at : at + 1])
    for other, (axis, beside) in enumerate(zip(made, numbers, strict=True)):
        if other != at and axes.length(axis) == axes.length(beside):
            axes.join(axis, beside)
        elif other != at:
            axes.fix([axis, beside])
    return numbers
