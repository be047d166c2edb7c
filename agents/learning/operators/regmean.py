"""RegMean: regress the outputs of both models' linear maps on their inputs."""

from collections.abc import Mapping
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.networks.products import LINE, product
from agents.learning.operators.base import (
    MERGE_OPERATORS,
    MergeOperator,
    Operands,
    Owners,
    inside,
    interpolate,
)
from agents.learning.operators.fisher import EXAMPLES_AT_ONCE
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import Parameters, spread
from agents.learning.symmetries.members import reordered


def regmean(operands: Operands, weight: Tensor, *, shrinkage: float = 0.9, ridge: float = 1e-3) -> Parameters:
    """Return the linear maps that least change what both models' layers answer to their own inputs.

    For a layer with weights W (bias included, as the weight of a constant input) and inner products of inputs
    G, the merge is ``((1 - w) G + w H)^-1 ((1 - w) G own + w H other)``: the least squares fit, with weights
    1 - w and w, of one map to both models' answers. Source: Jin, Ren, Preotiuc-Pietro and Cheng (2023),
    "Dataless Pairs Fusion by Merging Weights of Language Models", equation 2 and section 3.3. The paper
    averages biases; here they enter the regression. Parameters that are no linear map are interpolated.
    Cost: for each pair and layer of F inputs O(F^3), and O(F^2) memory.

    Parameters
    ----------
    operands : Operands
        The models, and as their evidence means over examples of the products of each linear map's inputs, by
        the name of its weight, ``[P, F + 1, F + 1]``, the constant last.
    weight
        As in `interpolate`.
    shrinkage : float
        The paper's alpha: products of two different inputs are multiplied with it, in [0, 1].
    ridge : float
        Added to the diagonal, in units of its mean, so that where the inputs of neither model say anything,
        the merge is the interpolation, > 0.
    """
    own, other = operands.own, operands.other
    merged = interpolate(own, other, weight)
    share = weight.to(precise_dtype(weight.device)).view(-1, 1, 1)
    for name, products in operands.own_evidence.items():
        ours = (1 - share) * _regular(products, shrinkage, ridge)
        theirs = share * _regular(operands.other_evidence[name], shrinkage, ridge)
        bias = name.removesuffix("weight") + "bias"
        before, after = (_joined(side, name, bias).to(theirs.dtype) for side in (own, other))
        step = _solve(ours + theirs, product(theirs, (after - before).transpose(1, 2)))
        map_ = (before + step.transpose(1, 2)).to(own[name].dtype)
        merged[name] = map_[:, :, : own[name][0].numel() // own[name].shape[1]].reshape(own[name].shape)
        if bias in own:
            merged[bias] = map_[:, :, -1]
    return inside(own, merged, weight, operands.masks)


def input_products(
    architecture: Architecture, parameters: Parameters, inputs: Tensor, rows: Tensor
) -> Parameters:
    """Return the inner products of the inputs of every linear map of N models, each on its own examples.

    Means over examples (and summed over the pixels of a convolution, or the tokens of a sequence), with a
    constant 1 as the last input: float64 ``[N, F + 1, F + 1]`` by the name of the weight. Cost: a forward
    pass and F^2 operations an example, place and layer.

    Parameters
    ----------
    parameters : Parameters
        Leaves ``[N, ...]``.
    inputs : Tensor
        All examples ``[E, *S]``.
    rows : Tensor
        Examples of each model, int64 ``[N, L]``, padded with -1; one with none has products 0.
    """
    total: Parameters = {}
    for first in range(0, rows.shape[1], EXAMPLES_AT_ONCE):
        batch = F.pad(rows, (0, EXAMPLES_AT_ONCE), value=-1)[:, first : first + EXAMPLES_AT_ONCE]
        found = architecture.layer_inputs(parameters, inputs[batch.clamp(min=0)])
        for name, values in found.items():
            held = (batch >= 0).to(values.dtype)[:, :, None, None]
            columns = (F.pad(values, (0, 1), value=1) * held).flatten(1, 2).to(precise_dtype(values.device))
            total[name] = total.get(name, 0) + product(columns.transpose(1, 2), columns)
    count = (rows >= 0).sum(1).clamp(min=1)
    return {name: leaf / spread(count, leaf) for name, leaf in total.items()}


def _regular(products: Tensor, shrinkage: float, ridge: float) -> Tensor:
    diagonal = products.diagonal(dim1=1, dim2=2)
    level = ridge * diagonal.mean(1, keepdim=True)
    return shrinkage * products + torch.diag_embed((1 - shrinkage) * diagonal + level)


def _joined(side: Parameters, name: str, bias: str) -> Tensor:
    """Return linear maps ``[P, out, F + 1]``; without a bias the last column is 0."""
    weight = side[name].flatten(2)
    last = side[bias].unsqueeze(2) if bias in side else torch.zeros_like(weight[:, :, :1])
    return torch.cat([weight, last], 2)


def _solve(matrices: Tensor, right: Tensor) -> Tensor:
    """Return the solutions of symmetric positive systems ``[P, n, n]``, each as if it were alone.

    Systems are padded to whole cache lines, for the library adds up in an order that depends on where a
    matrix lies. One that is not positive, as where an input is not finite, is answered with NaN.
    """
    size, columns = right.shape[1:]
    missing = -size % LINE
    padded = F.pad(matrices, (0, missing, 0, missing))
    padded.diagonal(dim1=1, dim2=2)[:, size:] = 1
    root, failed = torch.linalg.cholesky_ex(padded)
    solution = torch.cholesky_solve(F.pad(right, (0, -columns % LINE, 0, missing)), root)
    return torch.where(failed[:, None, None] > 0, torch.nan, solution)[:, :size, :columns]


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class RegMean(MergeOperator):
    """Least-squares fit to the answers of both models' linear maps, without their data (Jin et al. 2023).

    Organisations tell the broker the inner products of each layer's inputs on examples of their own.

    Parameters
    ----------
    examples : int
        How many, drawn each round.
    shrinkage : float
        Factor of the products of two different inputs, in [0, 1].
    ridge : float
        Added to the diagonal, in units of its mean, > 0.
    """

    name: str = "regmean"
    examples: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    shrinkage: Annotated[float, Field(ge=0, le=1)] = 0.9
    ridge: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1e-3

    def evidence(self, owners: Owners) -> Parameters:
        """Return the inner products of layer inputs (see `input_products`)."""
        return input_products(owners.architecture, owners.parameters, owners.inputs, owners.rows)

    def permute_evidence(
        self, architecture: Architecture, evidence: Parameters, permutations: Mapping[str, Tensor]
    ) -> Parameters:
        """Return products of inputs in the order of the permuted layers below."""
        moved = {}
        for name, leaf in evidence.items():
            inputs = torch.arange(leaf.shape[1] - 1, device=leaf.device)
            inputs = inputs.expand(len(leaf), 1, -1).unflatten(2, architecture.shapes[name][1:])
            for member, permutation in architecture.moving_axes[name]:
                if member.axis:
                    inputs = reordered(inputs, member, permutations[permutation])
            moved[name] = _reordered(leaf, inputs.flatten(1))
        return moved

    def pooled(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return the products of merged models, (1 - w) G + w H: several merges are one of all models."""
        return interpolate(operands.own_evidence, operands.other_evidence, weight, operands.masks)

    def merge(self, operands: Operands, weight: Tensor) -> Parameters:
        """Return P merged models (see `regmean`); needs inner products as evidence."""
        return regmean(operands, weight, shrinkage=self.shrinkage, ridge=self.ridge)


def _reordered(products: Tensor, order: Tensor) -> Tensor:
    """Return products ``[P, F + 1, F + 1]`` with the inputs of both axes in another order ``[P, F]``."""
    inputs = F.pad(order, (0, 1), value=products.shape[1] - 1)
    rows = torch.take_along_dim(products, inputs.unsqueeze(2), 1)
    return torch.take_along_dim(rows, inputs.unsqueeze(1), 2)
