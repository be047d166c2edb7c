"""TIES: trim, elect sign, disjoint merge."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.learning.operators.base import MERGE_OPERATORS, Masks, Operands, StraightOperator
from agents.learning.stack.parameters import Parameters, spread


def trim(vectors: Parameters, density: float, masks: Masks | None = None) -> Parameters:
    """Return task vectors with all but the entries of greatest magnitude set to 0.

    Of the D entries of a pair's block, over all its tensors together, ``ceil(density * D)`` are kept, and
    more where magnitudes tie. Cost: a sort of each pair's D entries.

    Parameters
    ----------
    vectors : Parameters
        Leaves ``[P, ...]``.
    density : float
        Share to keep, in (0, 1].
    masks : mapping of Tensor, optional
        Which tensors each pair's block holds; all by default.
    """
    if density == 1:
        return vectors
    magnitudes, size = [], torch.zeros(len(next(iter(vectors.values()))), dtype=torch.int64)
    for name, leaf in vectors.items():
        magnitude = leaf.abs().flatten(1)
        held = torch.ones_like(magnitude[:, 0], dtype=torch.bool) if masks is None else masks[name]
        magnitudes.append(magnitude.masked_fill(~held.unsqueeze(1), -1))
        size = size.to(leaf.device) + held * magnitude.shape[1]
    ranked = torch.cat(magnitudes, 1).sort(1, descending=True).values
    # a product such as 0.55 * 100, which rounding lifts above 55, must not keep one entry more
    last = (size * density - 1e-9).ceil().long().sub(1).clamp(min=0)
    least = ranked.gather(1, last.unsqueeze(1)).squeeze(1)
    return {name: leaf * (leaf.abs() >= spread(least, leaf)) for name, leaf in vectors.items()}


def ties(
    base: Parameters,
    models: list[Parameters],
    density: float,
    scale: float = 1.0,
    masks: Masks | None = None,
) -> Parameters:
    """Return ``base + scale * m``, where m merges the models' task vectors without their interference.

    Source: Yadav, Tam, Choshen, Raffel and Bansal (2023), "TIES-Merging: Resolving Interference When Merging
    Models", algorithm 1. Task vectors are the differences to the base. They are trimmed (`trim`), each entry
    elects the sign of its sum over the models, and m is the mean of the trimmed entries that have that sign.
    Cost: a sort of D entries for each of P x S task vectors.

    Parameters
    ----------
    base : Parameters
        Common ancestors, leaves ``[P, ...]``.
    models : list of Parameters
        The S models to merge, leaves ``[P, ...]`` each.
    density : float
        Share of each task vector to keep, in (0, 1].
    scale : float
        The paper's lambda.
    masks : mapping of Tensor, optional
        Which tensors each pair's block holds; all by default. The others hold anything.
    """
    vectors = [
        trim({name: model[name] - leaf for name, leaf in base.items()}, density, masks) for model in models
    ]
    merged = {}
    for name, leaf in base.items():
        entries = torch.stack([vector[name] for vector in vectors])
        agree = (entries.sign() == entries.sum(0).sign()) & (entries != 0)
        mean = (entries * agree).sum(0) / agree.sum(0).clamp(min=1)
        merged[name] = leaf + scale * mean
    return merged


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Ties(StraightOperator):
    """Trimmed task vectors, merged where their signs agree (Yadav et al. 2023).

    The ancestor is the common initial model if all organisations start from one (``learning.same_start``).
    Otherwise there is none: the buyer's own model stands in, the seller's difference to it is the only task
    vector, and what is left of the rule is the trimming. The merge weight goes from the buyer's own model to
    the rule's.

    Parameters
    ----------
    density : float
        Share of a task vector's entries to keep, in (0, 1]; the paper's is 0.2.
    scale : float
        Multiple of the merged task vector that is added to the ancestor, > 0.
    """

    name: str = "ties"
    density: Annotated[float, Field(gt=0, le=1)] = 0.2
    scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    ancestral: ClassVar[bool] = True
    replaces: ClassVar[bool] = False

    def partner(self, operands: Operands) -> Parameters:
        """Return the rule's merge of the buyers' and the sellers' models (see `ties`)."""
        models = [operands.other] if operands.base is None else [operands.own, operands.other]
        return ties(operands.base or operands.own, models, self.density, self.scale, operands.masks)
