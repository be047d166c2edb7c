"""What each of torch's operations does to axes: which it compares, keeps, makes or tells apart.

A rule is sound if permuting the entries of a factor that it leaves free permutes its result alike, or does
not change it. What has no rule is told apart: no symmetry is found there, and none that is false.

Core Objects: RULES, Operation
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.learning.symmetries.axes import ONE, Axes, Axis

Made = list[Axis]
"""The axes of one result."""


@dataclass(frozen=True)
class Operation:
    """One operation as it was carried out.

    Attributes
    ----------
    arguments : dict
        By the names of torch's schema, defaults included.
    result : object
        A tensor, or several.
    of : callable
        The axes of a tensor; those of no tensor are none.
    strides : tuple of int
        Of its first tensor before, for an operation in place may have changed them.
    """

    axes: Axes
    arguments: dict[str, Any]
    result: Any
    of: Callable[[Tensor], Made]
    strides: tuple[int, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return an argument."""
        return self.arguments[name]

    @property
    def operands(self) -> list[Tensor]:
        """All tensors among the arguments."""
        flat = torch.utils._pytree.tree_leaves(self.arguments)
        return [one for one in flat if isinstance(one, Tensor)]


Rule = Callable[[Operation], list[Made] | Made | None]
RULES: dict[str, Rule] = {}
"""A rule by the names of operations, as ``mm``.

It returns the axes of the result, or of each of them; None where it cannot say.
"""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def place(dim: int, rank: int) -> int:
    """Return a dimension counted from the front."""
    return dim % rank if rank else 0


def broadcast(axes: Axes, operands: Sequence[Made], rank: int) -> Made:
    """Compare operands entry by entry, those of one entry apart, and return the axes of what comes out."""
    made: Made = [ONE] * rank
    for operand in operands:
        for back, axis in enumerate(reversed(operand), start=1):
            if axes.length(axis) == 1:
                continue
            if made[-back] == ONE:
                made[-back] = axis
            else:
                axes.join(made[-back], axis)
    return made


def pointwise(operation: Operation) -> Made:
    """Entry by entry, any number of operands."""
    rank = operation.result.dim()
    return broadcast(operation.axes, [operation.of(one) for one in operation.operands], rank)


@rule(
    "masked_fill", "masked_fill_", "alias", "detach", "clone", "_to_copy", "contiguous", "copy_", "lift_fresh"
)
@rule(
    "hardswish",
    "hardswish_",
    "hardtanh",
    "hardtanh_",
    "hardsigmoid",
    "hardsigmoid_",
    "softplus",
    "softshrink",
)
@rule(
    "native_dropout",
    "elu",
    "elu_",
    "celu",
    "celu_",
    "prelu",
    "_prelu_kernel",
    "threshold",
    "log_sigmoid_forward",
)
def _same_places(operation: Operation) -> Made:
    return pointwise(operation)


@rule("zeros", "ones", "full", "empty", "new_zeros", "new_ones", "new_full", "new_empty", "zeros_like")
@rule("ones_like", "full_like", "empty_like", "scalar_tensor")
def _uniform(operation: Operation) -> Made:
    """All entries are alike, so that no permutation changes them."""
    return [operation.axes.new(size) for size in operation.result.shape]


@rule("fill_", "zero_")
def _made_uniform(operation: Operation) -> Made:
    """Leave the axes of a part that is written to, which it shares with the whole."""
    return operation.of(operation["self"])


@rule("mm", "bmm")
def _product(operation: Operation) -> Made:
    return matrix_product(operation.axes, operation.of(operation["self"]), operation.of(operation["mat2"]))


def matrix_product(axes: Axes, left: Made, right: Made) -> Made:
    """Return the axes of ``[..., n, k] @ [..., k, m]``; k is summed over."""
    axes.join(left[-1], right[-2])
    batch = broadcast(axes, [left[:-2], right[:-2]], len(left) - 2)
    return [*batch, left[-2], right[-1]]


@rule("addmm", "baddbmm")
def _product_and_sum(operation: Operation) -> Made:
    factors = ("mat1", "mat2") if "mat1" in operation.arguments else ("batch1", "batch2")
    made = matrix_product(operation.axes, *(operation.of(operation[name]) for name in factors))
    return broadcast(operation.axes, [made, operation.of(operation["self"])], len(made))


@rule("mv", "dot")
def _product_with_a_vector(operation: Operation) -> Made:
    left = operation.of(operation["self"])
    right = operation.of(operation["vec"] if "vec" in operation.arguments else operation["tensor"])
    operation.axes.join(left[-1], right[0])
    return left[:-1]


@rule("convolution")
def _convolution(operation: Operation) -> Made:
    """Return ``[B, out, ...]``; groups are blocks of channels, alike in input, weight and output."""
    axes, x, weight = operation.axes, operation.of(operation["input"]), operation.of(operation["weight"])
    groups = operation["groups"]
    axes.fix([*x[2:], *weight[2:]])
    if operation["transposed"]:
        out, channels = weight[1], x[1]
        if groups > 1:
            out = axes.product([axes.factored(weight[0], groups)[0], axes.resolved(out)])
        axes.join(channels, weight[0])
    else:
        out, channels = weight[0], x[1]
        if groups > 1:
            block, channels = axes.factored(channels, groups)
            axes.join(axes.factored(out, groups)[0], block)
        axes.join(channels, weight[1])
    if operation["bias"] is not None:
        axes.join(out, operation.of(operation["bias"])[0])
    return [x[0], out, *(axes.new(size, fixed=True) for size in operation.result.shape[2:])]


@rule("_softmax", "_log_softmax", "_safe_softmax", "softmax", "log_softmax")
def _alike(operation: Operation) -> Made:
    """Entries of the axis that is summed over are treated alike, and each has a result."""
    return operation.of(operation["self"])


@rule("sum", "mean", "amax", "amin", "var", "std", "logsumexp", "linalg_vector_norm", "prod", "any", "all")
def _reduction(operation: Operation) -> Made:
    return reduced(operation)


def reduced(operation: Operation) -> Made:
    """Over axes whose entries are treated alike."""
    axes = operation.of(operation["self"])
    over = operation.arguments.get("dim")
    over = range(len(axes)) if over is None or over == [] else [over] if isinstance(over, int) else over
    gone = {place(dim, len(axes)) for dim in over}
    kept = bool(operation.arguments.get("keepdim"))
    return [ONE if at in gone else axis for at, axis in enumerate(axes) if kept or at not in gone]


@rule("var_mean", "std_mean")
def _two_reductions(operation: Operation) -> list[Made]:
    return [_reduction(operation)] * 2  # type: ignore[list-item]


@rule("max", "min", "argmax", "argmin")
def _greatest(operation: Operation) -> list[Made] | Made:
    """Entries have numbers where it is told which one is the greatest."""
    if "other" in operation.arguments:
        return pointwise(operation)
    if isinstance(operation.result, Tensor) and operation.result.dtype.is_floating_point:
        return reduced(operation)
    made, dim = operation.of(operation["self"]), operation.arguments.get("dim")
    operation.axes.fix(made if dim is None else [made[place(dim, len(made))]])
    left = reduced(operation)
    return left if isinstance(operation.result, Tensor) else [left, left]


@rule("native_layer_norm")
def _layer_norm(operation: Operation) -> list[Made]:
    made = operation.of(operation["input"])
    for name in ("weight", "bias"):
        if operation[name] is not None:
            own = operation.of(operation[name])
            for axis, other in zip(made[-len(own) :], own, strict=True):
                operation.axes.join(axis, other)
    return [made, *_beside(operation)]


@rule("_fused_rms_norm")
def _rms_norm(operation: Operation) -> list[Made]:
    made = operation.of(operation["input"])
    if operation["weight"] is not None:
        own = operation.of(operation["weight"])
        for axis, other in zip(made[-len(own) :], own, strict=True):
            operation.axes.join(axis, other)
    return [made, *_beside(operation)]


@rule("native_group_norm")
def _group_norm(operation: Operation) -> list[Made]:
    axes, made = operation.axes, operation.of(operation["input"])
    if 1 < operation["group"] < axes.length(made[1]):
        axes.factored(made[1], operation["group"])
    _with_channels(operation, made[1], ("weight", "bias"))
    return [made, *_beside(operation)]


@rule(
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm",
)
def _batch_norm(operation: Operation) -> list[Made]:
    made = operation.of(operation["input"])
    _with_channels(operation, made[1], ("weight", "bias", "running_mean", "running_var"))
    return [made, *_beside(operation)]


def _with_channels(operation: Operation, channels: Axis, names: Sequence[str]) -> None:
    for name in names:
        if operation.arguments.get(name) is not None:
            operation.axes.join(channels, operation.of(operation[name])[0])


def _beside(operation: Operation) -> list[Made]:
    """Return axes for further results, which only a gradient would need."""
    return [[operation.axes.new(size, fixed=True) for size in one.shape] for one in operation.result[1:]]


@rule("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d")
def _pooled_with_indices(operation: Operation) -> list[Made]:
    return [_pooled(operation)] * 2  # type: ignore[list-item]


@rule("avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "upsample_nearest1d")
@rule("upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d")
@rule("upsample_nearest3d", "upsample_trilinear3d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
def _pooled(operation: Operation) -> Made:
    """Places of a picture are told apart, channels are not."""
    result = operation.result if isinstance(operation.result, Tensor) else operation.result[0]
    size = operation.arguments.get("output_size") or operation.arguments["kernel_size"]
    axes, places = operation.of(operation["self"]), len(size)
    operation.axes.fix(axes[-places:])
    return [*axes[:-places], *(operation.axes.new(length, fixed=True) for length in result.shape[-places:])]
