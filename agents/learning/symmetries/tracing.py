"""Permutation symmetries of any torch module, found by carrying it out once without numbers.

Hidden units can be permuted where nothing tells them apart: rows of one weight together with the columns of
the next, and whatever scales, shifts or normalises the units in between. Every operation of torch that the
module's forward pass consists of says which axes it compares entry by entry (`RULES`); axes of parameters
that are never told apart are the symmetries. What a module does in Python does not matter, only what torch
is asked to do.

Source: Ainsworth, Hayase and Srinivasa (2023), "Git Re-Basin", section 2, for the symmetries; Fang et al.
(2023), "DepGraph: Towards Any Structural Pruning", for deriving groups of axes from a trace. DepGraph
(the package Torch-Pruning) is not used: it takes what it does not know for a function that works entry by
entry, which costs a pruner some accuracy but would make a false symmetry here; it knows one dimension a
layer, so not heads beside their units; and it cannot say what it did not understand (docs/symmetries.md).

Core Objects: derive_symmetries, Derived, plain_kernels
"""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from agents.learning.symmetries import lookup_rules, shape_rules  # noqa: F401 - rules register themselves
from agents.learning.symmetries.axes import Axes
from agents.learning.symmetries.members import Member, Permutation
from agents.learning.symmetries.rules import RULES, Made, Operation, pointwise

NEED_NUMBERS = (DataDependentOutputException, DynamicOutputShapeException, UnsupportedOperatorException)


@dataclass(frozen=True)
class Derived:
    """What was found in a module.

    Attributes
    ----------
    permutations : tuple of Permutation
        In the order of the module's tensors.
    reasons : tuple of str
        Operations without a rule: what they touch has no symmetries. Empty if all was understood.
    """

    permutations: tuple[Permutation, ...]
    reasons: tuple[str, ...]


def derive_symmetries(module: nn.Module, *inputs: Tensor) -> Derived:
    """Return the permutations of hidden units that leave a module's answers as they are.

    Costs one forward pass without numbers, some milliseconds an operation whatever the size of its tensors.
    A module that asks for numbers on its way (``item()``, a mask that selects) is carried out with them.

    Parameters
    ----------
    module : nn.Module
        In whatever mode it will be used; its parameters are neither read nor changed.
    inputs : Tensor
        Arguments of its forward pass; their values do not count. Two or more examples.
    """
    try:
        return _derived(module, inputs, FakeTensorMode(allow_non_fake_inputs=True))
    except NEED_NUMBERS:
        return _derived(module, inputs, None)


def _derived(module: nn.Module, inputs: Sequence[Tensor], fake: FakeTensorMode | None) -> Derived:
    """Return what a pass finds, without numbers or, where there is no ``fake`` mode, with them."""
    trace = _Trace()
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    with plain_kernels(), torch.no_grad():
        outline = fake.from_tensor if fake is not None else Tensor.clone
        tensors = {name: outline(one.detach()) for name, one in state.items()}
        given = tuple(outline(one.detach()) for one in inputs)
        own = {name: [trace.axes.new(size) for size in one.shape] for name, one in tensors.items()}
        for name, one in tensors.items():
            trace.know(one, own[name])
        for one in given:
            trace.know(one, trace.told_apart(one))
        with fake or nullcontext(), trace:
            answers = functional_call(remembering_nothing(module), tensors, given)
    for one in tree_leaves(answers):
        if isinstance(one, Tensor):
            trace.axes.fix(trace.of(one))
    for name, one in tensors.items():
        if not trace.has_read(one):  # nothing is known of what it would be used for
            trace.axes.fix(own[name])
    return Derived(_permutations(own, trace.axes), tuple(trace.reasons))


def remembering_nothing(module: nn.Module) -> nn.Module:
    """Return a copy that shares all tensors; what a pass keeps in Python is not left in the module."""
    shared = {id(leaf): leaf for leaf in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


@contextmanager
def plain_kernels() -> Iterator[None]:
    """Let torch compute by its elementary operations, so that whoever listens hears of all of them."""
    fast = torch.backends.mha.get_fastpath_enabled()
    # torch speaks of Intel's accelerators whenever the flag is set.
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with sdpa_kernel(SDPBackend.MATH):
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


class _Trace(TorchDispatchMode):
    """Follows axes through all operations that are carried out in its context."""

    def __init__(self) -> None:
        super().__init__()
        self.axes = Axes()
        self.reasons: dict[str, None] = {}
        self._known: dict[int, tuple[Tensor, Made]] = {}
        self._read: set[int] = set()

    def know(self, tensor: Tensor, axes: Made) -> None:
        """Say what the axes of a tensor are."""
        # The tensor is kept, so that no other takes its identity.
        self._known[id(tensor)] = (tensor, axes)

    def of(self, tensor: Tensor) -> Made:
        """Return the axes of a tensor; one from outside is told apart."""
        self._read.add(id(tensor))
        if id(tensor) not in self._known:
            self.know(tensor, self.told_apart(tensor))
        return self._known[id(tensor)][1]

    def has_read(self, tensor: Tensor) -> bool:
        """Return whether an operation asked for the axes of a tensor."""
        return id(tensor) in self._read

    def told_apart(self, tensor: Tensor) -> Made:
        """Return axes none of which can be permuted."""
        return [self.axes.new(size, fixed=True) for size in tensor.shape]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Carry an operation out, and note what it does to axes."""
        strides = args[0].stride() if args and isinstance(args[0], Tensor) else ()
        result = func(*args, **(kwargs or {}))
        schema = func._schema
        arguments = {one.name: one.default_value for one in schema.arguments if one.has_default_value()}
        arguments |= dict(zip((one.name for one in schema.arguments), args, strict=False)) | dict(
            kwargs or {}
        )
        operation = Operation(self.axes, arguments, result, self.of, strides)
        name = func.__name__.partition(".")[0]
        results = [one for one in tree_leaves(result) if isinstance(one, Tensor)]
        if not results:
            if operation.operands and func.namespace != "prim":  # a number that depends on entries
                self._refuse(name, operation, results)
            return result
        follows = RULES.get(name) or (pointwise if torch.Tag.pointwise in func.tags else None)
        if follows is None and not operation.operands:  # a constant
            return result
        if all(0 in one.shape for one in results):  # as in a cache of keys that is not used yet
            for one in results:
                self.know(one, self.told_apart(one))
            return result
        empty = name != "cat" and any(0 in one.shape for one in operation.operands)
        made = None if follows is None or empty else follows(operation)
        several: list[Made] = made if isinstance(result, tuple | list) else [made]  # type: ignore[assignment, list-item]
        if made is None or not self._fit(several, results):
            self._refuse(name, operation, results)
            return result
        for one, axes in zip(results, several, strict=True):
            self.know(one, axes)
        return result

    def _fit(self, made: Sequence[Made], results: Sequence[Tensor]) -> bool:
        """Return whether axes are as long as those of the results are."""
        return all(
            list(map(self.axes.length, axes)) == list(one.shape)
            for one, axes in zip(results, made, strict=True)
        )

    def _refuse(self, name: str, operation: Operation, results: Sequence[Tensor]) -> None:
        """Tell all axes apart that an operation without a rule touches."""
        for one in operation.operands:
            self.axes.fix(self.of(one))
        for one in results:
            self.know(one, self.told_apart(one))
        self.reasons[name] = None


def _permutations(own: Mapping[str, Made], axes: Axes) -> tuple[Permutation, ...]:
    found: dict[int, list[Member]] = {}
    for tensor, made in own.items():
        for number, axis in enumerate(made):
            start = 0
            for segment in axes.resolved(axis):
                sizes = [axes.sizes[factor] for factor in segment]
                for place, factor in enumerate(segment):
                    if not axes.is_fixed(factor):
                        before, after = prod(sizes[:place]), prod(sizes[place + 1 :])
                        found.setdefault(factor, []).append(Member(tensor, number, start, before, after))
                start += prod(sizes)
    return tuple(Permutation(axes.sizes[factor], tuple(members)) for factor, members in found.items())
