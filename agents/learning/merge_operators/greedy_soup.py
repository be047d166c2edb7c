"""Greedy soup: an average into which a model enters only if it does not raise the validation loss."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic.dataclasses import dataclass

from agents.learning.merge_operators.base import MERGE_OPERATORS
from agents.learning.merge_operators.uniform_soup import UniformSoup
from agents.learning.parameters import Parameters, spread


def greedy_soup(
    models: Parameters, loss_of: Callable[[Parameters], npt.NDArray[np.float64]]
) -> tuple[Parameters, npt.NDArray[np.bool_]]:
    """Return for each of P merges the average of those of its S models that do not raise the loss.

    Models are added in the order of their own losses; the soup begins with the best one, so it is never
    worse than that. Source: Wortsman et al. (2022), "Model Soups", recipe 1, with the loss in place of the
    accuracy. Cost: ``2 S - 1`` evaluations of P models, and O(P S D) for D parameters.

    Parameters
    ----------
    models : Parameters
        Leaves ``[P, S, ...]``, S >= 1.
    loss_of : callable
        From models, leaves ``[P, ...]``, to their loss on held-out data ``[P]``; what is not finite is worse
        than anything.

    Returns
    -------
    soup : Parameters
        Leaves ``[P, ...]``.
    kept : bool array, shape (P, S)
        The models in it.
    """
    pairs, size = next(iter(models.values())).shape[:2]
    alone = [loss_of({name: leaf[:, s] for name, leaf in models.items()}) for s in range(size)]
    loss = np.where(np.isfinite(alone), alone, np.inf).T
    order = np.argsort(loss, axis=1, kind="stable")
    kept = np.zeros((pairs, size), dtype=bool)
    everyone, rank = np.arange(pairs), torch.from_numpy(order)
    kept[everyone, order[:, 0]] = True
    best, count = loss[everyone, order[:, 0]], torch.ones(pairs, dtype=torch.float64)
    soup = _ingredient(models, rank[:, 0])
    for turn in range(1, size):
        added = _ingredient(models, rank[:, turn])
        candidate = {
            name: leaf + (added[name] - leaf) / spread(count + 1, leaf).to(leaf.device)
            for name, leaf in soup.items()
        }
        found = loss_of(candidate)
        better = found <= best
        best = np.where(better, found, best)
        kept[everyone, order[:, turn]] = better
        enters = torch.from_numpy(better)
        count = count + enters
        soup = {
            name: torch.where(spread(enters, leaf).to(leaf.device) > 0, candidate[name], leaf)
            for name, leaf in soup.items()
        }
    return soup, kept


def _ingredient(models: Parameters, number: torch.Tensor) -> Parameters:
    """Return model ``number[p]`` of each merge."""
    return {
        name: leaf[torch.arange(len(leaf), device=leaf.device), number.to(leaf.device)]
        for name, leaf in models.items()
    }


@MERGE_OPERATORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class GreedySoup(UniformSoup):
    """Uniform soup without what would raise the loss on the broker's data (Wortsman et al. 2022).

    It begins with the buyer's own model; what the buyer bought enters in the order of the sellers' losses.
    """

    name: str = "greedy_soup"
    greedy: ClassVar[bool] = True
