"""The fleet: all models of one architecture, stacked, on one device."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.networks.products import whole_lines
from agents.learning.stack.data import Data
from agents.learning.stack.device import resolve_device
from agents.learning.stack.memory import (
    chunks,
    evaluation_bytes,
    row_parts,
    tile_size,
    training_bytes,
    training_size,
    working_bytes,
)
from agents.learning.stack.packing import Packing
from agents.learning.stack.parameters import Parameters, finite, gather, take
from agents.learning.stack.workspace import Workspace
from agents.learning.training.epochs import Pull, Trainees, train_epoch, training_groups, without_lone_rows
from agents.learning.training.optimisers import Optimiser, OptimiserState, initial_state
from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError


class Fleet:
    """Parameters and optimiser state of many models of one architecture.

    A fresh fleet holds zeros: `load` gives the slots their initial parameters.

    Parameters
    ----------
    architecture : Architecture
        What the models have in common.
    slots : int
        Number of models, N >= 1.
    optimiser : Optimiser
        How they learn.
    device : str
        Name of the device for `resolve_device`.
    memory_budget_mb : float
        Mebibytes that the activations of one batched computation may take; what needs more is done in chunks.

    Attributes
    ----------
    parameters : Parameters
        Leaves ``[N, ...]``, float32, views of one packed tensor.
    statistics : Parameters
        Running statistics ``[N, ...]``, float32; empty for most architectures.
    optimiser_state : OptimiserState
        Learning rates, step counts and packed moments.
    """

    def __init__(
        self,
        architecture: Architecture,
        slots: int,
        optimiser: Optimiser,
        device: str = "auto",
        memory_budget_mb: float = 512,
    ) -> None:
        if slots < 1:
            raise InputError(f"slots must be at least 1; got {slots}")
        self.architecture = architecture
        self.slots = slots
        self.optimiser = optimiser
        self.device = resolve_device(device)
        self.memory_budget_mb = memory_budget_mb
        self._packing = Packing(architecture.shapes)
        self._packed = self._packing.zeros(slots, self.device)
        self._workspace = Workspace(self.device)
        self.parameters: Parameters = self._packing.views(self._packed)
        self.statistics: Parameters = {
            name: first.to(self.device).repeat(slots, *[1] * first.dim())
            for name, first in architecture.initial_statistics().items()
        }
        self.optimiser_state: OptimiserState = initial_state(optimiser, self._packed)

    @property
    def working_bytes(self) -> int:
        """Bytes that one chunk of a computation may use."""
        return working_bytes(self.memory_budget_mb, self.device)

    @property
    def models(self) -> Parameters:
        """Parameters and running statistics, ``[N, ...]``."""
        return {**self.parameters, **self.statistics}

    def passes_at_once(self, rows: int) -> int:
        """Return how many forward passes over `rows` examples to make in one computation."""
        return tile_size(self.working_bytes, evaluation_bytes(self.architecture, rows), self.device)

    def rows(self, slots: npt.ArrayLike) -> Tensor:
        """Return slot numbers as an int64 tensor on the device; ``InputError`` if one is not in 0..N-1."""
        array = np.asarray(slots, dtype=np.int64).reshape(-1)
        if array.size and (array.min() < 0 or array.max() >= self.slots):
            wrong = array[(array < 0) | (array >= self.slots)][0]
            raise InputError(f"slot must be in 0..{self.slots - 1}; got {wrong}")
        return torch.from_numpy(array.copy()).to(self.device)

    def load(self, models: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Set slots 0, 1, ... to models as `Architecture.initial` returns them."""
        stacked = {name: np.stack([model[name] for model in models]) for name in self.parameters}
        self.set_parameters(np.arange(len(models)), stacked)

    def set_parameters(self, slots: npt.ArrayLike, arrays: Mapping[str, np.ndarray]) -> None:
        """Set some slots to stacked arrays ``[n, ...]``."""
        self.write(slots, {name: torch.as_tensor(array) for name, array in arrays.items()})

    def write(self, slots: npt.ArrayLike, parameters: Mapping[str, Tensor]) -> None:
        """Set some slots to stacked tensors ``[n, ...]``; `parameters` may hold only some of the tensors.

        Running statistics may be among them; what is not stays.

        Raises
        ------
        InputError
            If a tensor is not one of the architecture's or has another shape.
        """
        rows, models = self.rows(slots), self.models
        for name, new in parameters.items():
            expected = (len(rows), *models[name].shape[1:]) if name in models else None
            if tuple(new.shape) != expected:
                raise InputError(
                    f"tensor {name} of {self.architecture.signature} must be {expected}; got {new.shape}"
                )
            models[name][rows] = new.to(self.device, torch.float32)

    def copy_of(self, slots: npt.ArrayLike) -> Parameters:
        """Return a copy of the parameters of some slots, leaves ``[n, ...]``, without running statistics."""
        return take(self.parameters, self.rows(slots))

    def models_of(self, slots: npt.ArrayLike) -> Parameters:
        """Return a copy of the parameters and running statistics of some slots, leaves ``[n, ...]``."""
        return take(self.models, self.rows(slots))

    def finite(self, slots: npt.ArrayLike) -> Bools:
        """Return whether all numbers of each slot's model are finite, bool ``[n]``."""
        return np.asarray(finite(self.models_of(slots)).cpu().numpy())

    def reset_optimiser(self, slots: npt.ArrayLike) -> None:
        """Make some slots forget step count and moments, as after a purchase."""
        self.optimiser_state.reset(self.rows(slots))

    def train(
        self,
        slots: npt.ArrayLike,
        data: Data,
        batch_size: int,
        pull: Pull | None = None,
        optimiser: Optimiser | None = None,
    ) -> tuple[Floats, Ints]:
        """Train each slot for one epoch: a pass over its own examples in its own order.

        Where a network keeps running statistics, a last batch of a single example is left out.

        Cost: the sum over slots of ceil(length / batch) steps of about three forward passes of `batch_size`
        rows.

        Parameters
        ----------
        slots : array of int, shape (n,)
            Distinct slots.
        data : Data
            Examples; row i of its index lists those that slot i visits, in order, then -1 to the end.
        batch_size : int
            Rows of a step, 2 at least with running statistics; the last step of a slot may have fewer.
        pull : Pull, optional
            A proximal term of each slot's objective; the losses returned are without it.
        optimiser : Optimiser, optional
            How these slots learn, at their own rates; by default as the fleet does, whose optimiser keeps at
            least as many running means.

        Returns
        -------
        loss : float64 array, shape (n,)
            Mean over the epoch's examples of the loss at the time of their visit, in nats; NaN without
            examples.
        seen : int64 array, shape (n,)
            Examples visited.

        Raises
        ------
        InputError
            If a slot is named twice, the order does not fit the slots, or a network draws and has no seeds.
        """
        numbers, order = np.asarray(slots, dtype=np.int64).reshape(-1), data.index
        if len(np.unique(numbers)) != len(numbers) or order.shape[:1] != numbers.shape or order.ndim != 2:
            raise InputError(
                f"order must have a row for each of the distinct slots {numbers}; got shape {order.shape}"
            )
        if self.architecture.draws and data.seeds is None:
            named = self.architecture.signature
            raise InputError(f"seeds must be given for {named}, which draws in training; got none")
        least = self.architecture.least_batch
        if batch_size < least:
            named = self.architecture.signature
            raise InputError(f"batch_size must be at least {least} for {named}; got {batch_size}")
        if least > 1:
            order = without_lone_rows(order, batch_size)
        self.rows(numbers)
        how = optimiser or self.optimiser
        inputs, targets = data.on(self.device)
        seen = (order >= 0).sum(axis=1).astype(np.int64)
        loss = np.full(len(numbers), np.nan)
        for chosen, width in training_groups(seen, batch_size):
            bytes_each = training_bytes(self.architecture, width, self.device)
            size = training_size(self.working_bytes, bytes_each, self.device)
            for part in chunks(len(chosen), size):
                some = chosen[part]
                rows = self.rows(numbers[some])
                models = Trainees(
                    rows=self._packed.index_select(0, rows),
                    statistics=take(self.statistics, rows),
                    state=self.optimiser_state.take(rows, len(how.decays)),
                    pull=pull and pull.take(torch.from_numpy(some).to(self.device)),
                )
                seeds = None if data.seeds is None else data.seeds[some]
                visits = Data(inputs=inputs, targets=targets, index=order[some], seeds=seeds)
                total = train_epoch(self.architecture, how, models, visits, width, self._workspace)
                loss[some] = total / seen[some]
                self._packed.index_copy_(0, rows, models.rows)
                for name, leaf in models.statistics.items():
                    self.statistics[name][rows] = leaf
                self.optimiser_state.put(rows, models.state)
        if self.device.type != "cpu":
            self.release()  # an accelerator's memory is quick to have again, and trials may want all of it
        return loss, seen

    def release(self) -> None:
        """Give back the buffers that are kept from one training to the next."""
        self._workspace.clear()

    @torch.no_grad()
    def evaluate(self, slots: npt.ArrayLike, data: Data) -> tuple[Floats, Floats]:
        """Return loss and score of each slot on its group's examples; a slot may occur more than once.

        Parameters
        ----------
        slots : array of int, shape (n,)
            Slots.
        data : Data
            Examples, and the group of each slot.

        Returns
        -------
        loss, score : float64 array, shape (n,)
            Mean loss in nats an example, inf where it is no number, and mean score of the task: of classes
            the share of right answers.
        """
        rows, count = self.rows(slots), data.index.shape[1]
        (inputs, targets), (examples, groups) = data.on(self.device), data.groups(self.device)
        loss, score = np.zeros(len(rows)), np.zeros(len(rows))
        for columns in row_parts(self.architecture, count, self.device):
            piece = examples[:, columns]
            found = self._evaluate_rows(rows, inputs, targets, piece, groups)
            loss += found[0] * (piece.shape[1] / count)
            score += found[1] * (piece.shape[1] / count)
        return np.where(np.isnan(loss), np.inf, loss), score

    def _evaluate_rows(
        self, rows: Tensor, inputs: Tensor, targets: Tensor, piece: Tensor, groups: Tensor
    ) -> tuple[Floats, Floats]:
        """Return loss and score ``[n]`` on examples int64 ``[G, B]`` that fit into memory together."""
        examples, count = whole_lines(piece), piece.shape[1]
        loss, score = np.empty(len(rows)), np.empty(len(rows))
        task = self.architecture.task
        for part in chunks(len(rows), self.passes_at_once(examples.shape[1])):
            chosen = examples[groups[part]]
            x = gather(inputs, examples[0] if len(examples) == 1 else chosen)
            logits = self.architecture.forward(take(self.models, rows[part]), x)
            loss[part] = task.mean_loss(logits, targets[chosen], count)
            score[part] = task.mean_score(logits, targets[chosen], count)
        return loss, score

    def state(self) -> dict[str, Tensor]:
        """Return all of the fleet's numbers by flat name, as contiguous copies on the CPU."""
        return {name: leaf.detach().cpu().clone().contiguous() for name, leaf in self._leaves().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned; ``InputError`` for another architecture, optimiser or size."""
        leaves = self._leaves()
        shapes = {name: tuple(leaf.shape) for name, leaf in leaves.items()}
        found = {name: tuple(leaf.shape) for name, leaf in state.items()}
        if shapes != found:
            wrong = sorted(name for name in shapes | found if shapes.get(name) != found.get(name))[0]
            raise InputError(f"checkpoint tensor {wrong} must be {shapes.get(wrong)}; got {found.get(wrong)}")
        for name, leaf in leaves.items():
            leaf.copy_(state[name])

    def _leaves(self) -> dict[str, Tensor]:
        state = self.optimiser_state
        return {
            **{f"parameters/{name}": leaf for name, leaf in self.parameters.items()},
            **{f"statistics/{name}": leaf for name, leaf in self.statistics.items()},
            **{
                f"moment{i}/{name}": leaf
                for i, moment in enumerate(state.moments)
                for name, leaf in self._packing.views(moment).items()
            },
            "optimiser/learning_rate": state.learning_rate,
            "optimiser/steps": state.steps,
        }
