"""Floating-point operations of training and trials: the one count of records, benchmarks and reproductions.

What counts are the linear maps, convolutions among them: two operations for each multiply-add, at every
example that is meant. Normalisation, rectifiers, padding, weight matching, what organisations tell of their
data, merging itself and the evaluations that only measure do not count.

A forward pass of an example takes `Architecture.forward_flops`, of which `Architecture.stem_flops` in the
first layer. A training step takes `Architecture.training_flops` an example: each layer forward, the
gradient of its weights and that of its inputs, but for the first layer, of whose inputs no gradient is ever
wanted; so three forward passes less one stem. Trials take `trial_flops`.
"""

import numpy as np

from agents.learning.networks.base import Architecture
from agents.learning.operators.base import MergeOperator, StraightOperator
from agents.learning.operators.interpolation import Interpolation
from agents.learning.stack.pairs import Pairs
from agents.learning.training.calibration import CALIBRATION_ROWS
from markets.columns import Ints


def trial_flops(
    architecture: Architecture,
    operator: MergeOperator,
    evaluations: int,
    pairs: Pairs,
    group: Ints,
    *,
    examples: int,
    calibration: int = 0,
) -> int:
    """Return the operations of the trials of P pairs, as `try_blocks` makes them where memory is no limit.

    The first layer is computed once a model and group where models are interpolated, once a buyer and a pair
    where the operator goes in another straight line, and otherwise once a buyer and a merge. The rest is
    computed once a buyer, for weight 0, and once for each pair and further weight. Where a network keeps
    running statistics, all merges make one more pass over the examples on which these are estimated.

    Parameters
    ----------
    operator : MergeOperator
        How pairs are merged.
    evaluations : int
        Merge weights that a trial compares, 0 among them.
    pairs : Pairs
        The two models of each pair, by the same numbers.
    group : int64 array, shape (P,)
        Whose examples each pair is tried on.
    examples : int
        Examples of a trial.
    calibration : int
        Examples that running statistics may be estimated on, of which `CALIBRATION_ROWS` are used at most.
    """
    merges = len(pairs) * (evaluations - 1)
    own = np.unique(np.stack([pairs.buyer, group]), axis=1)
    alone = own.shape[1]
    if isinstance(operator, Interpolation):
        both = np.concatenate([own, np.stack([pairs.seller, group])], axis=1)
        stems = np.unique(both, axis=1).shape[1]
    else:
        stems = alone + (len(pairs) if isinstance(operator, StraightOperator) else merges)
    estimated = _calibrated(architecture, calibration)
    return int(_operations(architecture, stems, alone, merges, (examples, estimated)))


def trial_flops_of_buyers(
    architecture: Architecture,
    operator: MergeOperator,
    evaluations: int,
    pairs: Pairs,
    *,
    examples: int,
    calibration: int = 0,
) -> tuple[Ints, Ints]:
    """Return the buyers of P pairs, and the operations of the trials of each, as if it alone had tried.

    Together they take less where two buyers try the models of one seller, whose first layer is then computed
    once. Parameters are those of `trial_flops`.
    """
    buyers, place = np.unique(pairs.buyer, return_inverse=True)
    tried = np.bincount(place, minlength=len(buyers))
    if isinstance(operator, Interpolation):
        met = np.unique(np.stack([place, pairs.seller]), axis=1)
        stems = 1 + np.bincount(met[0], minlength=len(buyers))
    else:
        stems = 1 + (tried if isinstance(operator, StraightOperator) else tried * (evaluations - 1))
    estimated = _calibrated(architecture, calibration)
    flops = _operations(architecture, stems, 1, tried * (evaluations - 1), (examples, estimated))
    return buyers, np.asarray(flops, dtype=np.int64)


def _calibrated(architecture: Architecture, calibration: int) -> int:
    """Return on how many examples running statistics are estimated."""
    return min(calibration, CALIBRATION_ROWS) if architecture.statistics else 0


def _operations(
    architecture: Architecture, stems: int | Ints, alone: int, merges: int | Ints, rows: tuple[int, int]
) -> int | Ints:
    """Return the operations of trials on so many examples, and of estimates of statistics on others."""
    stem = architecture.stem_flops
    trunk = architecture.forward_flops - stem
    examples, estimated = rows
    return examples * (stems * stem + (alone + merges) * trunk) + estimated * (stems * stem + merges * trunk)
