"""Materials: the examples on the device, and who is measured on which of them.

Core Objects: Materials
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from agents.learning.stack.data import Data
from agents.learning.tasks import Classification, Task
from markets.columns import Ints


@dataclass(frozen=True, eq=False)
class Materials:
    """Examples, their parts, and the places of slots among them.

    Attributes
    ----------
    task : Task
        What is right.
    inputs, targets : Tensor
        All examples ``[E, *S]`` and what is right of each, on the device.
    parts : mapping
        ``validation``, ``test`` and ``trial``: the examples of each replicate and task, int64 [G, V].
    organisations, worlds, tasks : int
        Slots a world, worlds a replicate, and tasks of the data, which organisations have in turn.
    """

    task: Task
    inputs: Tensor
    targets: Tensor
    parts: Mapping[str, Ints]
    organisations: int
    worlds: int
    tasks: int

    def groups(self, slots: Ints) -> Ints:
        """Return the place of each slot's replicate and task among the parts of the data, [n]."""
        replicate = slots // (self.worlds * self.organisations)
        return np.asarray(replicate * self.tasks + slots % self.organisations % self.tasks)

    def data(self, part: str, slots: Ints) -> Data:
        """Return a part of the data with the groups of slots [n]."""
        groups = self.groups(slots)
        return Data(inputs=self.inputs, targets=self.targets, index=self.parts[part], group=groups)

    def visits(self, index: Ints) -> Data:
        """Return the examples that each of n models visits, int64 [n, L], in order and padded with -1."""
        return Data(inputs=self.inputs, targets=self.targets, index=index)

    def taught(self, relabelled: Tensor) -> Tensor:
        """Return what is learnt of every example where classes are labelled as `relabelled` [K] says."""
        return relabelled[self.targets] if isinstance(self.task, Classification) else self.targets
