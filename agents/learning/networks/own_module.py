"""An architecture around a plain torch module: symmetries by tracing, models one after the other."""

import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from agents.learning.networks.base import Architecture
from agents.learning.networks.module_modes import drawing, estimating, in_mode
from agents.learning.networks.products import LINE
from agents.learning.stack.data import Batch
from agents.learning.stack.parameters import Parameters
from agents.learning.stack.workspace import Workspace
from agents.learning.symmetries.members import Member, Permutation
from agents.learning.symmetries.tracing import Derived, derive_symmetries, plain_kernels, remembering_nothing
from markets.refusals import InputError

ROWS = 4
"""Examples on which a module is tried."""


@dataclass(frozen=True, eq=False)
class ModuleArchitecture(Architecture):
    """Whatever a torch module computes.

    Its trainable parameters are a model. Frozen ones, and buffers that training does not change, belong to
    the module, which is held once for all models. Cost: as many passes as there are models, each through
    `torch.func.functional_call`; nothing is batched over models.

    Parameters
    ----------
    make : callable
        Returns the module, with parameters drawn from torch's global generator.
    label : str
        What made it, for the signature.
    """

    make: Callable[[], nn.Module] = nn.Identity
    label: str = ""

    @cached_property
    def plain(self) -> nn.Module:
        """The module, in evaluation mode, as the first call made it: its frozen tensors are everybody's."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self._made()

    def _made(self) -> nn.Module:
        """Return a new module in evaluation mode; lazy ones have found their shapes."""
        module = self.make().eval()
        tensors = (*module.parameters(), *module.buffers())
        if any(map(is_lazy, tensors)):
            with torch.no_grad():
                module(self._examples())
        return module

    @property
    def signature(self) -> str:
        """The function that made it, its shapes, and a digest of what all models have in common."""
        shape = "x".join(map(str, self.input_shape))
        return f"module:{self.label}:{shape}-{self.classes}:{self._digest}"

    @cached_property
    def _digest(self) -> str:
        content = hashlib.sha256(repr(list(self.shapes.items())).encode())
        for name, leaf in sorted(self._common().items()):
            content.update(f"{name} {leaf.dtype} {tuple(leaf.shape)}".encode())
            content.update(leaf.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return content.hexdigest()[:12]

    def _common(self) -> dict[str, Tensor]:
        """Return the tensors that all models share."""
        state = dict(self.plain.named_parameters()) | dict(self.plain.named_buffers())
        return {
            name: leaf
            for name, leaf in state.items()
            if name not in self.shapes and name not in self.statistics
        }

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each trainable parameter; of tied ones the first name."""
        return {name: tuple(leaf.shape) for name, leaf in self.plain.named_parameters() if leaf.requires_grad}

    @cached_property
    def positions(self) -> dict[str, tuple[str, ...]]:
        """Blocks of a list by their number, as ``transformer.h.0``; other tensors by what they all share not.

        So a stack of layers is as many positions.
        """
        parts = {name: name.split(".") for name in self.shapes}
        shared = _shared_prefix(list(parts.values()))
        groups: dict[str, list[str]] = {}
        for name, path in parts.items():
            numbers = [place for place, part in enumerate(path) if part.isdecimal()]
            end = numbers[0] + 1 if numbers and numbers[0] < len(path) - 1 else shared + 1
            groups.setdefault(".".join(path[:end]), []).append(name)
        return {position: tuple(names) for position, names in groups.items()}

    @cached_property
    def statistics(self) -> dict[str, tuple[int, ...]]:
        """Shape of each floating-point buffer that a step of training changes."""
        return {name: tuple(leaf.shape) for name, leaf in self.initial_statistics().items()}

    def initial_statistics(self) -> dict[str, Tensor]:
        """Return the module's own buffers that a step of training changes, as they were made."""
        return {name: leaf.clone() for name, leaf in self._trained_once[0].items()}

    @property
    def draws(self) -> bool:
        """Whether a step of training draws random numbers, as dropout does."""
        return self._trained_once[1]

    @cached_property
    def _trained_once(self) -> tuple[dict[str, Tensor], bool]:
        """The buffers that a forward pass of training changes, before it, and whether it draws."""
        before = {name: leaf.clone() for name, leaf in self.plain.named_buffers()}
        after = {name: leaf.clone() for name, leaf in before.items()}
        module = remembering_nothing(self.plain).train()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            state = torch.get_rng_state()
            functional_call(module, after, (self._examples(),))
            draws = not torch.equal(state, torch.get_rng_state())
        changed = {name: leaf for name, leaf in before.items() if not torch.equal(leaf, after[name])}
        return {name: leaf for name, leaf in changed.items() if leaf.is_floating_point()}, draws

    @cached_property
    def derived(self) -> Derived:
        """The permutations of all its tensors, and what could not be traced."""
        return derive_symmetries(self.plain, self._examples())

    @property
    def untraced(self) -> tuple[str, ...]:
        """Operations that the trace does not understand, so that the units they touch stay in place."""
        return self.derived.reasons

    @cached_property
    def permutations(self) -> Mapping[str, Permutation]:
        """The permutations that a trace finds and that move no tensor that all share."""
        common, found = self._common(), {}
        for one in self.derived.permutations:
            trained = [member for member in one.members if member.tensor in self.shapes]
            if trained and not any(member.tensor in common for member in one.members):
                found[_name(trained[0], one.width)] = one
        return found

    @cached_property
    def activation_count(self) -> int:
        """Numbers that a forward pass of one example keeps for its backward pass, answers included."""
        kept: dict[int, int] = {}

        def keep(leaf: Tensor) -> Tensor:
            if not isinstance(leaf, nn.Parameter):
                kept[leaf.untyped_storage().data_ptr()] = leaf.numel()
            return leaf

        with torch.enable_grad(), saved_tensors_hooks(keep, lambda leaf: leaf):
            answers = self._answers({}, self._examples())
        return sum(kept.values()) // ROWS + answers[0].numel()

    @cached_property
    def forward_flops(self) -> int:
        """Operations of a forward pass of one example."""
        return self._flops(backward=False)

    @cached_property
    def training_flops(self) -> int:
        """Operations of a training step on one example: no gradients of frozen tensors are taken."""
        return self._flops(backward=True)

    def _flops(self, *, backward: bool) -> int:
        # fused kernels hide from the counter what they compute
        with (
            plain_kernels(),
            FlopCounterMode(display=False) as counted,
            torch.set_grad_enabled(backward),
        ):
            answers = self._answers({}, self._examples())
            if backward:
                leaves = [leaf for leaf in self.plain.parameters() if leaf.requires_grad]
                torch.autograd.grad(answers.sum(), leaves, allow_unused=True)
        return int(counted.get_total_flops()) // ROWS

    def check(self) -> None:
        """Try the module.

        Raises
        ------
        InputError
            If it has nothing to train, or answers of another shape or type, or counts batches without end.
        """
        wanted = (ROWS, *(self.input_shape if self.task.takes_tokens else ()), self.classes)
        with torch.no_grad():
            answers = self._answers({}, self._examples())
        self._claim(
            tuple(answers.shape) == wanted and answers.is_floating_point(),
            f"answers {list(wanted)} to {ROWS} examples; it answers {answers.dtype} {list(answers.shape)}",
        )
        self._claim(bool(answers.isfinite().all()), "answers finite numbers; some of its are not")
        self._claim(bool(self.shapes), "has parameters that require a gradient; it has none")
        trained = dict(self.plain.named_parameters())
        other = [name for name in self.shapes if trained[name].dtype != torch.float32]
        told = f"{trained[other[0]].dtype} in {other[0]}" if other else ""
        self._claim(not other, f"trains float32; it trains {told}")
        endless = [
            name
            for name, module in self.plain.named_modules()
            if isinstance(module, _BatchNorm) and module.track_running_stats and module.momentum is None
        ]
        self._claim(not endless, f"has a momentum in {', '.join(endless[:1])}, so that statistics follow")

    def _claim(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise InputError(f"network.factory must make a module that {otherwise} ({self.label})")

    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, *P, B]`` of inputs ``[N, B, *S]`` or ``[B, *S]``."""
        slots = len(next(iter(parameters.values())))
        found = (self._answers(_of(parameters, slot), self._inputs(z, slot)) for slot in range(slots))
        return torch.stack([_turned(answers) for answers in found])

    def _inputs(self, z: Tensor, slot: int) -> Tensor:
        """Return a slot's batch, which all may share."""
        return z if z.dim() == len(self.input_shape) + 1 else _line(z[slot])

    def trunk_of_batch(self, parameters: Parameters, z: Tensor, weight: Tensor) -> tuple[Tensor, Parameters]:
        """Return the logits of inputs ``[N, B, *S]``, normalised by the batch, and the batch's statistics.

        As `torch.optim.swa_utils.update_bn` finds them, without dropout.
        """
        if not self.statistics:
            return self.trunk(parameters, z), {}
        logits, found = [], []
        fresh = self.initial_statistics()
        for slot in range(len(weight)):
            rows = weight[slot] > 0
            buffers = {name: leaf.to(z.device) for name, leaf in fresh.items()} | {
                name: parameters[name][slot].clone() for name in fresh if name in parameters
            }
            with estimating(self._on(z.device)):
                own = self._answers(_of(parameters, slot) | buffers, _line(self._inputs(z, slot)[rows]))
            whole = own.new_zeros(len(rows), *own.shape[1:])
            whole[rows] = own
            logits.append(_turned(whole))
            found.append(buffers)
        return torch.stack(logits), {name: torch.stack([one[name] for one in found]) for name in fresh}

    def gradients(
        self,
        parameters: Parameters,
        batch: Batch,
        workspace: Workspace | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Parameters]:
        """Return what `Architecture.gradients` returns, in training mode, one model after the other.

        Dropout draws from the batch's seeds. Running statistics move as the module moves them.
        """
        losses = torch.zeros_like(batch.share)
        gradients = {name: torch.zeros_like(parameters[name]) for name in self.shapes}
        with in_mode(self._on(batch.inputs.device), training=True):
            for slot in range(len(losses)):
                rows = (batch.share[slot] > 0).nonzero()[:, 0]
                if not len(rows):
                    continue
                # What only measures gives no seeds, and draws alike every time.
                given = 0 if batch.seeds is None else int(batch.seeds[slot])
                seed = given if self.draws else None
                losses[slot, rows], found = self._gradient(parameters, batch, slot, rows, seed)
                for name, gradient in found.items():
                    gradients[name][slot] = gradient
        return losses, gradients

    def _gradient(
        self, parameters: Parameters, batch: Batch, slot: int, rows: Tensor, seed: int | None
    ) -> tuple[Tensor, Parameters]:
        """Return the losses of some rows of a slot, and the gradient of their weighted sum."""
        own = _of(parameters, slot)
        leaves = {name: own[name].detach().requires_grad_() for name in self.shapes}
        buffers = {name: parameters[name][slot].clone() for name in self.statistics if name in parameters}
        with torch.enable_grad(), drawing(seed, batch.inputs.device):
            answers = _turned(self._answers(leaves | buffers, _line(batch.inputs[slot, rows])))
            losses = self.task.row_losses(answers[None], batch.targets[slot, rows][None])[0]
            total = (losses * batch.share[slot, rows]).sum()
            found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        for name, leaf in buffers.items():
            parameters[name][slot] = leaf
        named = zip(leaves, found, strict=True)
        return losses.detach(), {name: gradient for name, gradient in named if gradient is not None}

    def initial(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the trainable parameters of a module that is made anew, as its author draws them."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            state = dict(self._made().named_parameters())
        return {name: state[name].detach().numpy().copy() for name in self.shapes}

    def skeleton(self) -> nn.Module:
        """Return a copy of the module."""
        return copy.deepcopy(self.plain)

    def outline(self) -> nn.Module:
        """Return the module without numbers."""
        return self.skeleton().to("meta")

    def module(self, parameters: Parameters, slot: int) -> nn.Module:
        """Return the plain torch module, on the CPU, with a copy of one slot's parameters."""
        module = self.skeleton().cpu()
        own = {name: leaf[slot].detach().to("cpu", copy=True) for name, leaf in parameters.items()}
        module.load_state_dict(own, strict=False)
        return module

    def _answers(self, leaves: Parameters, x: Tensor) -> Tensor:
        """Return the module's answers ``[B, ...]`` with leaves in the place of its own."""
        module = self._on(x.device)
        answers: Any = functional_call(
            remembering_nothing(module) if self._remembers else module, leaves, (x,)
        )
        found = getattr(answers, "logits", answers)
        self._claim(isinstance(found, Tensor), f"answers a tensor; it answers {type(found).__name__}")
        assert isinstance(found, Tensor)
        return found

    def _on(self, device: torch.device) -> nn.Module:
        """Return the module on a device; its shared tensors move once."""
        first = next(self.plain.parameters(), None)
        return self.plain if first is None or first.device == device else self.plain.to(device)

    @cached_property
    def _remembers(self) -> bool:
        """Whether the module keeps between passes what it made of its parameters, as tables of attention."""
        others = {
            name: leaf.detach() + 1 for name, leaf in self.plain.named_parameters() if leaf.requires_grad
        }
        used, fresh = remembering_nothing(self.plain), remembering_nothing(self.plain)
        with torch.no_grad():
            used(self._examples())
            found = [functional_call(one, others, (self._examples(),)) for one in (used, fresh)]
        first, second = (getattr(answers, "logits", answers) for answers in found)
        return isinstance(first, Tensor) and not torch.equal(first, second)

    def _examples(self) -> Tensor:
        """Return examples to try the module on, any of its task."""
        generator = torch.Generator().manual_seed(0)
        shape = (ROWS, *self.input_shape)
        if self.task.takes_tokens:
            return torch.randint(self.classes, shape, generator=generator)
        return torch.randn(shape, generator=generator)


def _of(parameters: Parameters, slot: int) -> Parameters:
    """Return one model's leaves."""
    return {name: _line(leaf[slot]) for name, leaf in parameters.items()}


def _line(leaf: Tensor) -> Tensor:
    """Return a tensor that begins on a cache line, for where it lies may change how it is added up."""
    leaf = leaf.contiguous()
    return leaf if leaf.data_ptr() % (4 * LINE) == 0 else leaf.clone()


def _turned(answers: Tensor) -> Tensor:
    """Return answers ``[B, *P, K]`` as logits ``[K, *P, B]``."""
    return answers.movedim(-1, 0).movedim(1, -1)


def _shared_prefix(paths: list[list[str]]) -> int:
    """Return how many first parts all paths share; of one path all but the last part."""
    shared = 0
    while all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    return shared


def _name(first: Member, width: int) -> str:
    """Return the name of a permutation by the first thing that it moves."""
    part = f"+{first.start}" if first.start else ""
    inner = f"x{first.after}" if first.after > 1 else ""
    return f"{first.tensor}[{first.axis}]{part}:{width}{inner}"
