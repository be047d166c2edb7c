"""Hold a merge operator to what trials and merges take for granted.

Core Objects: check_operator
"""

import copy
import dataclasses

import numpy as np
import torch
from torch import Tensor

from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.base import Architecture
from agents.learning.networks.mlp import MLP
from agents.learning.operators.base import MergeOperator, Operands, Owners, StraightOperator
from agents.learning.stack.parameters import Parameters

WEIGHTS = (0.0, 0.3, 1.0, 0.5)
"""The merge weight of each pair of the check."""
EXAMPLES, OWN = 60, 24
RTOL, ATOL = 1e-4, 1e-5
"""How far float32 may carry the same merge in another order of its sums."""


def check_operator(operator: MergeOperator, architecture: Architecture | None = None, seed: int = 0) -> None:
    """Merge random models and check what an operator returns.

    It returns every tensor of a model in its shape and type, finite, and leaves its operands alone; the same
    operands give the same merge, alone and in company, to the last bit, and so with the evidence of each
    organisation; weight 0 and tensors outside the block are the buyer's own, to the last bit, whatever the
    seller's hold there, and other weights change something; a model merged with itself stays itself; weight 1
    is the seller's model where the operator `replaces`, and is not where it does not; units in another order,
    evidence too, give the same merge in that order (that of an operator whose evidence holds its random
    numbers may depend on places). All of it with and without a common ancestor.

    Parameters
    ----------
    operator : MergeOperator
        The operator under test.
    architecture : Architecture, optional
        Of the models; by default a small MLP.
    seed : int
        Of models and examples.

    Raises
    ------
    AssertionError
        With a sentence that says what is broken.
    """
    architecture = architecture or MLP(widths=[6, 5]).bind((1, 4, 4), 3)
    owners, sellers = (_owners(architecture, seed, side) for side in (0, 1))
    own, other = _evidence(operator, owners, seed), _evidence(operator, sellers, seed)
    for ancestor in (None, _owners(architecture, seed, 2).parameters):
        operands = Operands(owners.parameters, sellers.parameters, None, own, other, ancestor)
        merged = _merged(operator, operands)
        _check_company(operator, operands, merged)
        _check_block(operator, architecture, operands)
        _check_itself(operator, operands)
        _check_seller(operator, operands)
        if not _is_random(operator, owners):
            _check_order(operator, architecture, operands, merged, seed)


def _claim(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _owners(architecture: Architecture, seed: int, side: int) -> Owners:
    """Return organisations with different numbers of examples and models that have left their start."""
    rng = np.random.default_rng([seed, side])
    starts = [architecture.initial(rng) for _ in WEIGHTS]
    leaves = {name: np.stack([start[name] for start in starts]) for name in architecture.shapes}
    rows = np.stack([rng.permutation(EXAMPLES)[:OWN] for _ in WEIGHTS])
    for row, length in enumerate(rng.integers(OWN // 2, OWN, len(rows))):
        rows[row, length:] = -1
    inputs = np.random.default_rng(seed).normal(size=(EXAMPLES, *architecture.input_shape))
    return Owners(
        architecture,
        {
            name: torch.from_numpy((leaf + rng.normal(scale=0.1, size=leaf.shape)).astype(np.float32))
            for name, leaf in leaves.items()
        },
        torch.from_numpy(inputs.astype(np.float32)),
        torch.from_numpy(rows),
        torch.from_numpy(rng.integers(-(2**63), 2**63, len(rows))),
    )


def _evidence(operator: MergeOperator, owners: Owners, seed: int) -> Parameters:
    evidence, count = operator.evidence(owners), len(WEIGHTS)
    for name, leaf in evidence.items():
        _claim(
            len(leaf) == count and bool(torch.isfinite(leaf).all()),
            f"evidence must be finite, with a row an organisation ({count}); {name!r} is {tuple(leaf.shape)}",
        )
    _claim(_same(evidence, operator.evidence(owners)), "evidence must be the same for the same organisations")
    for row in np.random.default_rng(seed).permutation(count)[:2]:
        alone = operator.evidence(_one(owners, torch.tensor([row])))
        _claim(
            _same(alone, {name: leaf[row : row + 1] for name, leaf in evidence.items()}),
            "the evidence of an organisation must be the same bits in any company; it is not",
        )
    return evidence


def _one(owners: Owners, row: Tensor) -> Owners:
    parameters = {name: leaf[row] for name, leaf in owners.parameters.items()}
    return dataclasses.replace(owners, parameters=parameters, rows=owners.rows[row], seeds=owners.seeds[row])


def _merged(operator: MergeOperator, operands: Operands) -> Parameters:
    before, weight = copy.deepcopy(operands), torch.tensor(WEIGHTS)
    merged = operator.merge(operands, weight)
    told = {name: (tuple(leaf.shape), leaf.dtype) for name, leaf in operands.own.items()}
    found = {name: (tuple(leaf.shape), leaf.dtype) for name, leaf in merged.items()}
    _claim(found == told, f"merge must return all tensors of a model as they are, {told}; got {found}")
    _claim(
        all(bool(torch.isfinite(leaf).all()) for leaf in merged.values()),
        "merge must return finite numbers for finite models; it does not",
    )
    parts = ("own", "other", "own_evidence", "other_evidence", "base")
    _claim(
        all(_same(getattr(before, part) or {}, getattr(operands, part) or {}) for part in parts),
        "merge must leave its operands alone; it changed them",
    )
    _claim(_same(merged, operator.merge(operands, weight)), "the same operands must give the same merge")
    return merged


def _check_company(operator: MergeOperator, operands: Operands, merged: Parameters) -> None:
    weight = torch.tensor(WEIGHTS)
    pooled = operator.pooled(operands, weight)
    for pair in range(len(WEIGHTS)):
        row = torch.tensor([pair])
        alone = operator.merge(operands.take(row), weight[row])
        _claim(
            _same(alone, {name: leaf[row] for name, leaf in merged.items()}),
            "a merge must be the same bits in any company; it is not",
        )
        _claim(
            _same(
                operator.pooled(operands.take(row), weight[row]),
                {name: leaf[row] for name, leaf in pooled.items()},
            ),
            "pooled evidence must be the same bits in any company; it is not",
        )


def _check_block(operator: MergeOperator, architecture: Architecture, operands: Operands) -> None:
    """Let every second pair trade the last position alone, and the seller's other tensors hold NaN."""
    *_, last = architecture.positions
    held = {name: name in architecture.positions[last] for name in operands.own}
    every = torch.arange(len(WEIGHTS)) % 2 == 0
    masks = {name: every | torch.full_like(every, held[name]) for name in operands.own}
    broken = {
        name: torch.where(masks[name].view(-1, *[1] * (leaf.ndim - 1)), leaf, torch.nan)
        for name, leaf in operands.other.items()
    }
    merged = operator.merge(dataclasses.replace(operands, other=broken, masks=masks), torch.tensor(WEIGHTS))
    for pair, weight in enumerate(WEIGHTS):
        inside = [name for name in operands.own if weight > 0 and masks[name][pair]]
        stays = [name for name, leaf in operands.own.items() if torch.equal(merged[name][pair], leaf[pair])]
        changed = sorted(set(operands.own) - set(inside) - set(stays))
        _claim(
            not changed,
            f"at weight 0, and outside the block, all must be the buyer's own to the last bit; at weight "
            f"{weight} {', '.join(changed)} is not",
        )
        _claim(
            not inside or not set(inside) <= set(stays),
            f"a merge must change something within the block; at weight {weight} it does not",
        )


def _check_itself(operator: MergeOperator, operands: Operands) -> None:
    twin = dataclasses.replace(operands, other=operands.own, other_evidence=operands.own_evidence, base=None)
    merged = operator.merge(twin, torch.tensor(WEIGHTS))
    exact = isinstance(operator, StraightOperator)
    for name, leaf in operands.own.items():
        close = torch.allclose(merged[name], leaf, RTOL, ATOL)
        _claim(
            torch.equal(merged[name], leaf) if exact else close,
            f"a model merged with itself must stay itself{' to the last bit' * exact}; {name} does not",
        )


def _check_seller(operator: MergeOperator, operands: Operands) -> None:
    merged = operator.merge(operands, torch.ones(len(WEIGHTS)))
    close = all(torch.allclose(merged[name], leaf, RTOL, ATOL) for name, leaf in operands.other.items())
    _claim(
        close == operator.replaces,
        f"weight 1 must {'' if operator.replaces else 'not '}be the seller's model where replaces is "
        f"{operator.replaces}; it is{' not' * (not close)}",
    )


def _is_random(operator: MergeOperator, owners: Owners) -> bool:
    """Return whether an operator's evidence depends on the random number of each organisation."""
    other = dataclasses.replace(owners, seeds=owners.seeds ^ 1)
    return not _same(operator.evidence(owners), operator.evidence(other))


def _check_order(
    operator: MergeOperator, architecture: Architecture, operands: Operands, merged: Parameters, seed: int
) -> None:
    rng = np.random.default_rng([seed, 3])
    orders = {
        name: torch.from_numpy(np.stack([rng.permutation(one.width) for _ in WEIGHTS]))
        for name, one in architecture.permutations.items()
    }

    def moved(models: Parameters) -> Parameters:
        return permute(architecture, models, orders)

    def told(evidence: Parameters) -> Parameters:
        return operator.permute_evidence(architecture, evidence, orders)

    found = operator.merge(
        Operands(
            moved(operands.own),
            moved(operands.other),
            None,
            told(operands.own_evidence),
            told(operands.other_evidence),
            None if operands.base is None else moved(operands.base),
        ),
        torch.tensor(WEIGHTS),
    )
    _claim(
        all(torch.allclose(found[name], leaf, RTOL, 10 * ATOL) for name, leaf in moved(merged).items()),
        "units in another order must give the same merge in that order; they do not (permute_evidence moves "
        "the evidence)",
    )


def _same(one: Parameters, other: Parameters) -> bool:
    """Return whether leaves are equal to the last bit; NaN is NaN."""
    return one.keys() == other.keys() and all(
        leaf.dtype == other[name].dtype and torch.equal(leaf.nan_to_num(), other[name].nan_to_num())
        for name, leaf in one.items()
    )
