"""What operations that move numbers about without computing do to axes.

Core Objects: rules that register themselves
"""

from agents.learning.symmetries.axes import ONE, Axes
from agents.learning.symmetries.rules import Made, Operation, place, rule


@rule("view", "_unsafe_view", "reshape", "_reshape_alias", "unflatten", "flatten")
def _view(operation: Operation) -> Made:
    return operation.axes.shaped(operation.of(operation["self"]), operation.result.shape)


@rule("t", "numpy_T")
def _transposed(operation: Operation) -> Made:
    return operation.of(operation["self"])[::-1]


@rule("transpose", "transpose_", "swapaxes")
def _exchanged(operation: Operation) -> Made:
    made = list(operation.of(operation["self"]))
    one, other = (place(operation[name], len(made)) for name in ("dim0", "dim1"))
    made[one], made[other] = made[other], made[one]
    return made


@rule("permute")
def _permuted(operation: Operation) -> Made:
    made = operation.of(operation["self"])
    return [made[place(dim, len(made))] for dim in operation["dims"]]


@rule("unsqueeze", "unsqueeze_")
def _with_one_more(operation: Operation) -> Made:
    made = list(operation.of(operation["self"]))
    made.insert(place(operation["dim"], len(made) + 1), ONE)
    return made


@rule("squeeze", "squeeze_")
def _with_fewer(operation: Operation) -> Made:
    return operation.axes.shaped(operation.of(operation["self"]), operation.result.shape)


@rule("expand")
def _expanded(operation: Operation) -> Made:
    """Return an axis of several entries, all alike, for one of one entry."""
    axes, made = operation.axes, operation.of(operation["self"])
    made = [ONE] * (operation.result.dim() - len(made)) + list(made)
    return [
        axes.new(size) if size > 1 and axes.length(axis) == 1 else axis
        for axis, size in zip(made, operation.result.shape, strict=True)
    ]


@rule("as_strided", "as_strided_")
def _laid_out(operation: Operation) -> Made | None:
    """Numbers that stay where they are, whatever the strides of axes of one entry."""
    made, sizes, offset = operation.of(operation["self"]), operation["size"], operation["storage_offset"]
    kept = [
        [stride for stride, size in zip(strides, sizes, strict=False) if size > 1]
        for strides in (operation.strides, operation["stride"])
    ]
    lengths = [operation.axes.length(axis) for axis in made]
    return made if lengths == list(sizes) and kept[0] == kept[1] and not offset else None


@rule("repeat")
def _repeated(operation: Operation) -> Made:
    """Put copies of an axis one after the other."""
    axes, made, repeats = operation.axes, operation.of(operation["self"]), operation["repeats"]
    made = [ONE] * (len(repeats) - len(made)) + list(made)
    return [
        axes.resolved(axis) * count if len(axis) > 1 else axes.product([axes.new(count), axis])
        for axis, count in zip(made, repeats, strict=True)
    ]


@rule("cat")
def _concatenated(operation: Operation) -> Made:
    axes = operation.axes
    parts = [operation.of(one) for one in operation["tensors"] if 0 not in one.shape]
    at = place(operation.arguments.get("dim", 0), operation.result.dim())
    rest = broadcast_apart(axes, parts, at)
    rest[at] = tuple(segment for part in parts for segment in axes.resolved(part[at]))
    return rest


@rule("stack")
def _stacked(operation: Operation) -> Made:
    parts = [operation.of(one) for one in operation["tensors"]]
    at = place(operation.arguments.get("dim", 0), operation.result.dim())
    for other in parts[1:]:
        for axis, beside in zip(parts[0], other, strict=True):
            operation.axes.join(axis, beside)
    return [*parts[0][:at], operation.axes.new(len(parts), fixed=True), *parts[0][at:]]


def broadcast_apart(axes: Axes, parts: list[Made], at: int) -> Made:
    """Compare tensors entry by entry on all axes but one, and return these axes."""
    for other in parts[1:]:
        for number, (axis, beside) in enumerate(zip(parts[0], other, strict=True)):
            if number != at:
                axes.join(axis, beside)
    return list(parts[0])


@rule("select")
def _selected(operation: Operation) -> Made:
    made = list(operation.of(operation["self"]))
    operation.axes.fix([made.pop(place(operation["dim"], len(made)))])
    return made


@rule("unbind")
def _unbound(operation: Operation) -> list[Made]:
    return [_selected(operation)] * len(operation.result)  # type: ignore[list-item]


@rule("slice")
def _sliced(operation: Operation) -> Made:
    made = list(operation.of(operation["self"]))
    at = place(operation.arguments.get("dim", 0), len(made))
    whole, kept = operation.axes.length(made[at]), operation.result.shape[at]
    first = min(operation.arguments.get("start") or 0, whole)
    start = first + whole if first < 0 else first
    if kept != whole and operation.arguments.get("step", 1) == 1:
        made[at] = operation.axes.piece(made[at], start, kept)
    elif kept != whole:
        operation.axes.fix([made[at]])
        made[at] = operation.axes.new(kept, fixed=True)
    return made


@rule("glu")
def _gated(operation: Operation) -> Made:
    """One half of an axis scales the other, entry by entry."""
    made = list(operation.of(operation["self"]))
    at = place(operation["dim"], len(made))
    half = operation.result.shape[at]
    left, right = (operation.axes.piece(made[at], start, half) for start in (0, half))
    operation.axes.join(left, right)
    made[at] = left
    return made


@rule("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes", "chunk", "unsafe_chunk")
def _cut(operation: Operation) -> list[Made]:
    made = operation.of(operation["self"])
    at = place(operation.arguments.get("dim", 0), len(made))
    found, start = [], 0
    for one in operation.result:
        size = one.shape[at]
        found.append([*made[:at], operation.axes.piece(made[at], start, size), *made[at + 1 :]])
        start += size
    return found


@rule("tril", "triu")
def _triangle(operation: Operation) -> Made:
    made = operation.of(operation["self"])
    operation.axes.fix(made[-2:])
    return made


@rule("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "roll", "flip", "cumsum", "unfold")
def _moved_within(operation: Operation) -> Made:
    """Axes whose length or order changes are told apart; where these are not known, all."""
    axes, made = operation.axes, list(operation.of(operation["self"]))
    told = operation.arguments.get("dims", operation.arguments.get("dim"))
    if told is not None and operation.result.dim() == len(made):
        changed = {place(dim, len(made)) for dim in ([told] if isinstance(told, int) else told)}
    elif "pad" in operation.arguments or "padding" in operation.arguments:
        pad = operation["pad"] if "pad" in operation.arguments else operation["padding"]
        changed = {len(made) - 1 - place_of // 2 for place_of, count in enumerate(pad) if count}
    else:
        changed = set(range(len(made)))
    axes.fix([made[at] for at in changed])
    return [
        axes.new(size, fixed=True) if at in changed or at >= len(made) else made[at]
        for at, size in enumerate(operation.result.shape)
    ]


@rule("im2col")
def _patches(operation: Operation) -> Made:
    """Put what a window sees side by side: channels by places in it, windows by places of the picture."""
    axes, made, result = operation.axes, operation.of(operation["self"]), operation.result
    axes.fix(made[-2:])
    *batch, channels = made[:-2]
    within = axes.new(result.shape[-2] // axes.length(channels), fixed=True)
    return [*batch, axes.product([channels, within]), axes.new(result.shape[-1], fixed=True)]


@rule("col2im")
def _laid_over(operation: Operation) -> Made:
    """Add up what overlapping windows saw, each at its place."""
    axes, made, result = operation.axes, operation.of(operation["self"]), operation.result
    *batch, both, windows = made
    channels, within = axes.factored(both, result.shape[-3])
    axes.fix([within, windows])
    return [*batch, channels, *(axes.new(size, fixed=True) for size in result.shape[-2:])]
