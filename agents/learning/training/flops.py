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
    stem = architecture.stem_flops
    trunk = architecture.forward_flops - stem
    estimated = min(calibration, CALIBRATION_ROWS) if architecture.statistics else 0
    return examples * (stems * stem + (alone + merges) * trunk) + estimated * (stems * stem + merges * trunk)
