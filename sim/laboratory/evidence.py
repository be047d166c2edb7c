"""What organisations tell of their data in aggregate, for the merge operators that use it.

Core Objects: collect_evidence, shuffled, padded
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from agents.learning.operators import Evidence, MergeOperator, gather_evidence
from agents.learning.stack.fleet import Fleet
from markets.columns import Ints
from sim.streams import Streams


def collect_evidence(
    fleet: Fleet,
    operator: MergeOperator,
    traders: Sequence[tuple[int, int, Ints, Ints]],
    endowments: Mapping[int, Sequence[Ints]],
    streams: Streams,
    inputs: Tensor,
) -> Evidence:
    """Return the evidence of all slots that take part in the trials of a round.

    Parameters
    ----------
    fleet : Fleet
        Holds the models.
    operator : MergeOperator
        What the evidence is for.
    traders : sequence of (int, int, int64 array, int64 array)
        Of each world its replicate, its round, the distinct slots that try or are tried, in rising order, and
        their organisations.
    endowments : mapping
        From a replicate to the examples that each organisation owns. What an organisation draws of them, and
        its seed, depend on replicate and round alone, so that all arms agree.
    streams : Streams
        Randomness; reads the purpose ``evidence``.
    inputs : Tensor
        All examples ``[E, *S]``.
    """
    slots, rows, seeds = [], [], []
    for replicate, number, taking_part, organisation in traders:
        own = endowments[replicate]
        draw = streams.stream("evidence", replicate, number)
        seed = draw.integers(-(2**63), 2**63, len(own))
        examples = shuffled(own, draw)[:, : operator.examples]
        slots.append(taking_part)
        rows.append(examples[organisation])
        seeds.append(seed[organisation])
    widest = max(r.shape[1] for r in rows)
    padded = [np.pad(r, ((0, 0), (0, widest - r.shape[1])), constant_values=-1) for r in rows]
    columns = (np.concatenate(slots), np.concatenate(padded), np.concatenate(seeds))
    of_slots, of_rows, of_seeds = (torch.as_tensor(c, device=fleet.device) for c in columns)
    return gather_evidence(fleet, operator, of_slots, inputs, of_rows, of_seeds)


def shuffled(endowments: Sequence[Ints], rng: np.random.Generator) -> Ints:
    """Return each endowment in a random order, one a row, padded with -1: int64 [N, longest]."""
    rows = padded(endowments)
    keys = np.where(rows >= 0, rng.random(rows.shape), np.inf)
    return np.take_along_axis(rows, np.argsort(keys, axis=1, kind="stable"), axis=1)


def padded(endowments: Sequence[Ints]) -> Ints:
    """Return each endowment as a row, padded with -1: int64 [N, longest]."""
    sizes = np.array([len(e) for e in endowments])
    rows = np.full((len(endowments), sizes.max()), -1, dtype=np.int64)
    rows[np.arange(sizes.max()) < sizes[:, None]] = np.concatenate(endowments)
    return rows
