"""How far models are from a stationary point of their own objectives."""

import numpy as np
import torch

from agents.learning.stack.data import Batch, Data
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.memory import chunks, training_bytes, training_size
from agents.learning.stack.parameters import gather, take
from agents.learning.stack.workspace import Workspace
from agents.learning.training.epochs import batch_gradients
from markets.columns import Floats, Ints


@torch.no_grad()
def squared_gradient_norms(fleet: Fleet, slots: Ints, data: Data) -> Floats:
    """Return |gradient of the mean loss over a slot's examples|^2 of each slot, ``[n]``.

    The quantity of which the theory of stochastic gradient descent on objectives that are not convex says how
    it falls (Ghadimi and Lan 2013). Nothing in the fleet changes, running statistics included. Cost: a pass
    over the examples forward and back.

    Parameters
    ----------
    fleet : Fleet
        Holds the models.
    slots : int64 array, shape (n,)
        Slots.
    data : Data
        Examples; row i of its index lists those of slot i, at least one, then -1 to the end.
    """
    architecture, device, order = fleet.architecture, fleet.device, data.index
    inputs, targets = data.on(device)
    size = training_size(fleet.working_bytes, training_bytes(architecture, order.shape[1], device), device)
    norms = np.empty(len(slots))
    for part in chunks(len(slots), size):
        visits = torch.from_numpy(order[part]).to(device)
        weight, chosen = (visits >= 0).float(), visits.clamp(min=0)
        share = weight / weight.sum(1, keepdim=True)
        models = take(fleet.models, fleet.rows(slots[part]))
        batch = Batch(chosen, gather(targets, chosen), share)
        _, gradients = batch_gradients(architecture, models, inputs, batch, Workspace(device))
        squares = [leaf.flatten(1).to(precise_dtype(device)).square().sum(1) for leaf in gradients.values()]
        norms[part] = torch.stack(squares).sum(0).cpu().numpy()
    return norms
