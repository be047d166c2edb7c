"""What the machinery needs to know of a network.

An `Architecture` is a network bound to its task: the shapes of its tensors, the positions at which blocks can
be cut, the permutations of hidden units that leave its function unchanged, and its forward pass in two parts.
The **stem** is the pre-activation of the first layer. It is linear in the stem's parameters, so a merge of
two models has the merge of their stems, and trials compute it once a model instead of once a merge. The
**trunk** is the rest; of a network without a stem it is everything.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import prod
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from agents.learning.stack.data import Batch
from agents.learning.stack.parameters import Parameters, spread
from agents.learning.stack.workspace import Workspace
from agents.learning.symmetries.members import Member, Permutation
from agents.learning.tasks import Classification, Task
from markets.refusals import InputError
from markets.registry import Registry

WHOLE = "model"
"""The position that stands for all tensors of an architecture."""

JOINT = "+"
"""Between the names of positions that are taken together."""

Symmetries = dict[str, tuple[tuple[str, int], ...]]


@dataclass(frozen=True)
class Architecture(ABC):
    """A network bound to the shape of its inputs, the number of its answers and its task.

    Tensors are named ``position.rest``. Inputs come as ``[N, B, *S]``, a batch for each slot, or as
    ``[B, *S]``, one batch for all slots; S is `input_shape`.

    Parameters
    ----------
    input_shape : tuple of int
        Of an example: channels, height, width of an image.
    classes : int
        Number of answers, K: of the classes where examples are classified.
    task : Task, optional
        What is right; by default, which of K classes an example is of.
    """

    input_shape: tuple[int, ...]
    classes: int
    task: Task = field(default=None, kw_only=True, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.task is None:
            object.__setattr__(self, "task", Classification.of(self.input_shape, self.classes))

    @property
    def signature(self) -> str:
        """Name of the architecture: blocks of models with equal signatures can be merged."""
        return repr(self)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor, without the slot axis, in the order of the layers."""
        return {name: tuple(leaf.shape) for name, leaf in self.outline().named_parameters()}

    @property
    def symmetries(self) -> Symmetries:
        """Permutation name to the (tensor, axis) pairs that move with it; the slot axis does not count."""
        return {}

    @cached_property
    def permutations(self) -> Mapping[str, Permutation]:
        """Permutations of hidden units by name; where a network is not traced, `symmetries`."""
        return {
            name: Permutation(
                self.shapes[members[0][0]][members[0][1]], tuple(Member(*member) for member in members)
            )
            for name, members in self.symmetries.items()
        }

    @property
    def stem_tensors(self) -> tuple[str, ...]:
        """Weight and bias of the first layer; none where a network has no stem."""
        return ()

    @property
    def stem_size(self) -> int:
        """Numbers that computing the stem of one example leaves in memory."""
        return 0

    @cached_property
    def activation_count(self) -> int:
        """Numbers that a forward pass of one example leaves in memory, stem and logits included."""
        module, counts = self.outline().eval(), list[int]()
        for part in module.modules():
            if next(part.children(), None) is None:
                part.register_forward_hook(lambda _part, _given, answer: counts.append(answer.numel()))
        with torch.device("meta"), torch.no_grad():
            module(torch.empty(1, *self.input_shape))
        return sum(counts)

    @property
    def evaluation_size(self) -> int:
        """Numbers of one example that are in memory together in a forward pass without gradients."""
        return self.activation_count

    @cached_property
    def statistics(self) -> dict[str, tuple[int, ...]]:
        """Shape of each running statistic: what a model keeps of its batches but nobody trains or merges."""
        buffers = self.outline().named_buffers()
        return {name: tuple(leaf.shape) for name, leaf in buffers if leaf.is_floating_point()}

    def initial_statistics(self) -> dict[str, Tensor]:
        """Return the running statistics of a fresh model, without a slot axis: 1 for a variance, else 0."""
        return {name: torch.full(shape, initial_statistic(name)) for name, shape in self.statistics.items()}

    @property
    def draws(self) -> bool:
        """Whether a step of training draws random numbers, as dropout does."""
        return False

    @property
    def least_batch(self) -> int:
        """Examples that a training batch must have: two where it is normalised by its own statistics."""
        return 2 if self.statistics else 1

    @cached_property
    def forward_flops(self) -> int:
        """Operations of a forward pass of one example: two for each multiply-add of a linear map."""
        with torch.device("meta"), FlopCounterMode(display=False) as counted, torch.no_grad():
            self.outline().eval()(torch.empty(1, *self.input_shape))
        return int(counted.get_total_flops())

    @property
    def stem_flops(self) -> int:
        """Operations of the stem of one example, two for each multiply-add."""
        if not self.stem_tensors:
            return 0
        return 2 * self.stem_size * prod(self.shapes[self.stem_tensors[0]][1:])

    @property
    def training_flops(self) -> int:
        """Operations of a training step on one example (see `agents.learning.training.flops`)."""
        return 3 * self.forward_flops - self.stem_flops

    def stem(self, parameters: Parameters, x: Tensor) -> Tensor:  # noqa: ARG002
        """Return the pre-activation of the first layer, ``[N, ...]``, in a layout of the network's own.

        Where there is no stem, these are the inputs.
        """
        return x

    @abstractmethod
    def trunk(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of a stem, which may be overwritten.

        Reads only the tensors that are not the stem's.
        """

    def trunk_of_batch(self, parameters: Parameters, z: Tensor, weight: Tensor) -> tuple[Tensor, Parameters]:
        """Return the logits of a stem, normalised by the batch's own statistics, and these statistics.

        Rows of weight 0, ``[N, B]``, do not enter them. Without running statistics this is the trunk.
        """
        if self.statistics:
            raise NotImplementedError(
                f"{type(self).__name__} must say how a batch of {weight.shape} is normalised"
            )
        return self.trunk(parameters, z), {}

    def track(self, statistics: Parameters, found: Parameters, weight: Tensor) -> None:  # noqa: B027
        """Move running statistics ``[N, ...]`` towards those found in a batch, in place."""

    def permute_stem(self, z: Tensor, permutations: dict[str, Tensor]) -> Tensor:  # noqa: ARG002
        """Return a stem with its units in the order of the stem's permutation, int64 ``[N, h]``."""
        return z

    @abstractmethod
    def skeleton(self) -> nn.Module:
        """Return the plain torch module; its ``state_dict`` has the names and shapes of the architecture."""

    def outline(self) -> nn.Module:
        """Return the plain module without numbers: nothing is drawn from torch's global generator."""
        with torch.device("meta"):
            return self.skeleton()

    @cached_property
    def positions(self) -> dict[str, tuple[str, ...]]:
        """Position to the names of its tensors; every tensor is in exactly one."""
        groups: dict[str, list[str]] = {}
        for name in self.shapes:
            groups.setdefault(name.partition(".")[0], []).append(name)
        return {position: tuple(names) for position, names in groups.items()}

    def tensors_of(self, position: str) -> tuple[str, ...]:
        """Return the tensors at a position ("model" holds all), or at several joined by "+".

        Raises
        ------
        InputError
            If there is no such position.
        """
        if position == WHOLE:
            return tuple(self.shapes)
        parts = position.split(JOINT)
        if not set(parts) <= set(self.positions):
            raise InputError(
                f"position must be one of {WHOLE}, {', '.join(self.positions)}; got {position!r}"
            )
        return tuple(name for part in dict.fromkeys(parts) for name in self.positions[part])

    @property
    def input_size(self) -> int:
        """Numbers in one example."""
        return prod(self.input_shape)

    @cached_property
    def parameter_count(self) -> int:
        """Number of parameters of one model."""
        return sum(prod(shape) for shape in self.shapes.values())

    @cached_property
    def stem_permutation(self) -> str | None:
        """Name of the permutation that moves the stem's units; None if the first layer is also the last."""
        weight = Member(self.stem_tensors[0], 0)
        return next((name for name, one in self.permutations.items() if weight in one.members), None)

    @property
    def untraced(self) -> tuple[str, ...]:
        """Operations that are not understood, so that the units they touch stay in place."""
        return ()

    @cached_property
    def moving_axes(self) -> dict[str, tuple[tuple[Member, str], ...]]:
        """Tensor name to what moves of it, with the name of its permutation."""
        tensors = (*self.shapes, *self.statistics)
        moving: dict[str, list[tuple[Member, str]]] = {name: [] for name in tensors}
        for name, permutation in self.permutations.items():
            for member in permutation.members:
                moving[member.tensor].append((member, name))
        return {name: tuple(members) for name, members in moving.items()}

    def initial(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return fresh float32 parameters of one model, without a slot axis.

        Weights and biases of linear maps are uniform in ``±1/sqrt(fan_in)``, as torch draws them for
        ``nn.Linear`` and ``nn.Conv2d`` (He, Zhang, Ren and Sun 2015, with a = sqrt(5)); a normalisation
        starts with scale 1 and shift 0.
        """
        arrays = {}
        for name, shape in self.shapes.items():
            layer, _, role = name.rpartition(".")
            weight = self.shapes[f"{layer}.weight"]
            if len(weight) == 1:
                arrays[name] = np.full(shape, float(role == "weight"), np.float32)
            else:
                bound = 1 / np.sqrt(prod(weight[1:]))
                arrays[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
        return arrays

    def forward(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]``, so that a softmax over the classes is vectorised over examples."""
        return self.trunk(parameters, self.stem(parameters, x))

    def gradients(
        self,
        parameters: Parameters,
        batch: Batch,
        workspace: Workspace | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Parameters]:
        """Return the loss of every row and the gradient of their weighted sum, slot by slot.

        This is done by automatic differentiation. Running statistics move towards the batch's, in place.

        Parameters
        ----------
        parameters : Parameters
            Leaves ``[N, ...]``, running statistics included.
        batch : Batch
            Rows of each slot.
        workspace : Workspace, optional
            Where a network that knows its own way may keep its activations and the gradients.

        Returns
        -------
        Tensor, Parameters
            Losses ``[N, B]`` in nats, those of padding without meaning, and gradients ``[N, ...]``, which the
            next call with the same workspace may overwrite.
        """
        leaves = {name: parameters[name].detach().requires_grad_() for name in self.shapes}
        weight = (batch.share > 0).to(batch.share.dtype)
        with torch.enable_grad():
            logits, found = self.trunk_of_batch(leaves, self.stem(leaves, batch.inputs), weight)
            losses = self.task.row_losses(logits, batch.targets)
            total = (losses.masked_fill(weight == 0, 0) * batch.share).sum()
            gradients = torch.autograd.grad(total, list(leaves.values()))
        if all(name in parameters for name in found):
            self.track(parameters, found, weight)
        return losses.detach(), dict(zip(leaves, gradients, strict=True))

    def fisher_diagonal(self, parameters: Parameters, x: Tensor, weight: Tensor) -> Parameters:
        """Return sums over examples of E[(d log p(y | x) / d theta)^2], y drawn from the model's prediction.

        Every example gets a copy of its model, and every class a backward pass.

        Parameters
        ----------
        parameters : Parameters
            Leaves ``[N, ...]``, running statistics included.
        x, weight : Tensor
            Inputs ``[N, B, *S]``, and 1 for rows in the batch or 0 for padding ``[N, B]``.
        """
        slots, batch = weight.shape
        copies = {n: leaf.detach().repeat_interleave(batch, 0) for n, leaf in parameters.items()}
        leaves = {name: copies[name].requires_grad_() for name in self.shapes}
        with torch.enable_grad():
            logits = self.forward(copies, x.flatten(0, 1).unsqueeze(1))
            log_chance = F.log_softmax(logits.squeeze(2), 1)
            together = log_chance.sum(0).unbind()
        chance = log_chance.detach().exp() * weight.view(-1, 1)
        total = {name: torch.zeros_like(parameters[name]) for name in self.shapes}
        for label, of_label in enumerate(together):
            gradients = torch.autograd.grad(of_label, list(leaves.values()), retain_graph=True)
            for leaf, gradient in zip(total.values(), gradients, strict=True):
                share = spread(chance[:, label], gradient)
                leaf += (gradient.square() * share).unflatten(0, (slots, batch)).sum(1)
        return total

    @torch.no_grad()
    def layer_inputs(self, parameters: Parameters, x: Tensor) -> dict[str, Tensor]:
        """Return what enters every linear map, ``[N, B, places, F]`` by the name of its weight.

        F are the inputs in the order of the weight's axes behind the first, and places those at which an
        example meets the map: the pixels of a convolution, the tokens of a linear layer over sequences
        ``[B, ..., F]``, once more for each time that a module is called. This way runs plain modules one by
        one; a network may know a batched one. Convolutions in groups are several maps and left out.

        Parameters
        ----------
        parameters : Parameters
            Leaves ``[N, ...]``, running statistics included.
        x : Tensor
            Inputs ``[N, B, *S]``.
        """
        found: dict[str, list[Tensor]] = {}
        here: dict[str, list[Tensor]] = {}

        def keep(name: str, layer: nn.Module, given: tuple[Tensor]) -> None:
            here.setdefault(f"{name}.weight", []).append(_places(layer, *given))

        module = self.module(parameters, 0).to(x.device).eval()
        for name, layer in module.named_modules():
            if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1):
                layer.register_forward_pre_hook(partial(keep, name))
        for slot in range(len(x)):
            module.load_state_dict({name: leaf[slot] for name, leaf in parameters.items()}, strict=False)
            module(x[slot])
            for name, parts in here.items():
                found.setdefault(name, []).append(torch.cat(parts, 1))
            here.clear()
        return {name: torch.stack(found[name]) for name in self.shapes if name in found}

    def module(self, parameters: Parameters, slot: int) -> nn.Module:
        """Return the plain torch module, on the CPU, with a copy of one slot's parameters.

        Running statistics that are not among `parameters` are those of a fresh model.
        """
        module = self.outline()
        fresh = {
            name: torch.full(buffer.shape, initial_statistic(name), dtype=buffer.dtype)
            for name, buffer in module.named_buffers()
        }
        own = {name: leaf[slot].detach().to("cpu", copy=True) for name, leaf in parameters.items()}
        module.load_state_dict(fresh | own, assign=True)
        return module


def _places(layer: nn.Module, h: Tensor) -> Tensor:
    """Return what a linear map or convolution meets of each example, ``[B, places, F]``."""
    if isinstance(layer, nn.Conv2d):
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        padded = F.pad(h, layer._reversed_padding_repeated_twice, mode)
        return F.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride).transpose(1, 2)
    return h.reshape(len(h), -1, h.shape[-1])


def initial_statistic(name: str) -> float:
    """Return what a running statistic starts from: 1 for a variance, 0 otherwise."""
    return float(name.endswith("running_var"))


class Network(ABC):
    """Configuration of a network, not yet bound to data."""

    name: str
    takes_tokens: ClassVar[bool] = False

    @abstractmethod
    def bind(self, input_shape: tuple[int, ...], classes: int) -> Architecture:
        """Return the architecture for examples of a shape and a number of answers.

        Raises
        ------
        InputError
            If it does not take such examples.
        """

    def for_task(self, task: Task) -> Architecture:
        """Return the architecture for a task; ``InputError`` if it does not take its examples."""
        if task.takes_tokens and not self.takes_tokens:
            raise InputError(
                f"network must take sequences of tokens, as module may, for the task {task.name}; "
                f"got {self.name}"
            )
        return replace(self.bind(task.input_shape, task.answers), task=task)


NETWORKS: Registry[Network] = Registry("network", Network)
