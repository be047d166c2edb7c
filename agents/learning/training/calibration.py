"""Running statistics of merged models.

The mean of two models' running statistics is not the statistics of their merge, so they are estimated anew:
on validation inputs, by the broker, who merges. In a trial and after the purchase the examples are the same,
so that the loss that a trial measured is the loss of what is delivered. Test data never enter, nor do labels.

Source: Izmailov, Podoprikhin, Garipov, Vetrov and Wilson (2018), "Averaging weights leads to wider optima and
better generalization", who do so for averaged weights. Jordan, Sedghi, Saukh, Entezari and Neyshabur (2023),
"REPAIR", show that the loss of interpolated networks depends on it.

Core Objects: recalibrate, calibration_examples
"""

import numpy.typing as npt
import torch
from torch import Tensor

from agents.learning.stack.data import Data
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import chunks
from agents.learning.stack.parameters import take

CALIBRATION_ROWS = 512
"""Examples, at most, on which running statistics are estimated: means of so many hardly vary."""


@torch.no_grad()
def recalibrate(fleet: Fleet, slots: npt.ArrayLike, data: Data) -> None:
    """Estimate the running statistics of some slots anew, in place, as after a merge.

    Each layer's are estimated with the layers below normalised by theirs; on the examples used, a model then
    has the loss that it has when normalised by the batch. An architecture without running statistics stays as
    it is. Cost: a forward pass over at most `CALIBRATION_ROWS` examples for each slot.

    Parameters
    ----------
    fleet : Fleet
        Holds the models.
    slots : array of int, shape (n,)
        Distinct slots.
    data : Data
        Examples, whose labels are not looked at, and the group of each slot.
    """
    if not fleet.statistics:
        return
    rows, inputs = fleet.rows(slots), data.inputs.to(fleet.device)
    index, groups = data.groups(fleet.device)
    examples = calibration_examples(index)
    for part in chunks(len(rows), fleet.passes_at_once(examples.shape[1])):
        leaves, chosen = take(fleet.parameters, rows[part]), examples[groups[part]]
        z = fleet.architecture.stem(leaves, inputs[chosen])
        _, found = fleet.architecture.trunk_of_batch(leaves, z, torch.ones_like(chosen, dtype=z.dtype))
        for name, leaf in fleet.statistics.items():
            leaf[rows[part]] = found[name]


def calibration_examples(index: Tensor) -> Tensor:
    """Return at most `CALIBRATION_ROWS` of each group's examples, evenly spaced, int64 ``[G, R]``."""
    count = index.shape[1]
    if count <= CALIBRATION_ROWS:
        return index
    return index[:, torch.arange(CALIBRATION_ROWS, device=index.device) * count // CALIBRATION_ROWS]
