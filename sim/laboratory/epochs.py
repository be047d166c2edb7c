"""Which examples each organisation learns from, and in which order it visits them.

Core Objects: visiting_order, union
"""

from collections.abc import Mapping, Sequence

import numpy as np

from markets.columns import Ints
from sim.data.division import Division
from sim.laboratory.evidence import shuffled
from sim.laboratory.requests import Train
from sim.streams import Streams


def visiting_order(
    requests: Sequence[Train], divisions: Mapping[int, Division], streams: Streams, epoch: int, tasks: int = 1
) -> Ints:
    """Return the examples in the order in which each slot visits them, [n, longest], padded with -1.

    The order of an organisation depends on its replicate, the round, the epoch and whether it learns from
    everybody's examples, so all arms visit alike.

    Parameters
    ----------
    requests : sequence of Train
        Who trains; n slots in all.
    divisions : mapping
        From a replicate to the division of its data.
    streams : Streams
        Randomness; reads the purposes ``batches`` and, for everybody's examples, ``batches of all``.
    epoch : int
        Which pass of the round.
    tasks : int
        Tasks of the data, which organisations have in turn: what is pooled is the data of one's own task.
    """
    orders = {
        key: _shuffled(divisions[key[0]], streams, *key, epoch, tasks)
        for key in {(r.replicate, r.round, r.pooled) for r in requests}
    }
    longest = max(order.shape[1] for order in orders.values())
    padded = {
        key: np.pad(order, ((0, 0), (0, longest - order.shape[1])), constant_values=-1)
        for key, order in orders.items()
    }
    return np.concatenate(
        [
            np.where(r.trains[:, None], padded[r.replicate, r.round, r.pooled][r.organisation], -1)
            for r in requests
        ]
    )


def union(endowments: Sequence[Ints]) -> Ints:
    """Return the examples that anybody owns, each once, sorted."""
    return np.unique(np.concatenate(endowments))


def _shuffled(
    parts: Division, streams: Streams, replicate: int, round_: int, pooled: bool, epoch: int, tasks: int
) -> Ints:
    if not pooled:
        return shuffled(parts.endowments, streams.stream("batches", replicate, round_, epoch))
    everything = [union(parts.endowments[task::tasks]) for task in range(tasks)]
    each = [everything[i % tasks] for i in range(len(parts.endowments))]
    return shuffled(each, streams.stream("batches of all", replicate, round_, epoch))
