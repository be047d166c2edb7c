"""The benchmark's tasks for pairs of organisations: trials, merging, alignment and assignment."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from agents.learning import Data, Fleet, Offered, Pairs, Prepared, match_weights, merge, try_blocks
from agents.learning.alignment.assignment import auction_assignments
from agents.learning.alignment.base import Unaligned
from agents.learning.networks.products import product
from agents.learning.operators.interpolation import Interpolation
from agents.learning.stack.device import precise_dtype
from agents.learning.stack.parameters import Parameters, take
from agents.learning.training.flops import trial_flops
from experiments.benchmarks.plain_learning import (
    align_one_by_one,
    assign_one_by_one,
    merge_one_by_one,
    try_one_by_one,
)
from experiments.benchmarks.task import PAIRS, Task
from markets.columns import Floats, Ints

MERGE_WEIGHTS, BUYERS, SELLERS, HALF = 11, 16, 4, 0.5


def pair_tasks(fleet: Fleet, modules: list[nn.Module], data: Data) -> Iterator[Task]:
    """Yield the tasks of whole models for ``min(N, 16)`` buyers times ``min(N - 1, 4)`` sellers.

    Pairs are tried on the examples of the first group of the data.

    In trials and merging the units count as matched already, so no permutation is looked for: the fleet
    applies one that moves nothing, the plain loop none.
    """
    buyers = np.arange(min(fleet.slots, BUYERS))
    sellers = (buyers[:, None] + 1 + np.arange(min(fleet.slots - 1, SELLERS))) % fleet.slots
    buyer, seller = np.repeat(buyers, sellers.shape[1]), sellers.ravel()
    offered = fleet.copy_of(np.arange(fleet.slots))
    yield _trials(fleet, Offered(leaves=offered), modules, buyers, sellers, data)
    own, other = fleet.rows(buyer), fleet.rows(seller)
    mine, theirs = take(offered, own), take(offered, other)
    yield Task(
        PAIRS[1],
        "pair",
        len(buyer),
        lambda: align_one_by_one(fleet.architecture, modules, buyers.tolist(), sellers),
        lambda: match_weights(fleet.architecture, take(offered, own), take(offered, other)).objective[-1],
        scale=np.sqrt(_squares(mine) * _squares(theirs)),
    )
    yield _merging(fleet, offered, modules, buyers, sellers)
    tables = _unit_tables(fleet, mine, theirs)
    if tables is not None:
        yield Task(
            PAIRS[3],
            "pair",
            len(buyer),
            lambda: assign_one_by_one(tables),
            lambda: _totals(tables, auction_assignments(tables)),
            scale=np.abs(assign_one_by_one(tables)),
        )


def _trials(
    fleet: Fleet, offered: Offered, modules: list[nn.Module], buyers: Ints, sellers: Ints, data: Data
) -> Task:
    pairs = Pairs.of(np.repeat(buyers, sellers.shape[1]), sellers.ravel())
    group, grid = np.zeros(len(pairs), dtype=np.int64), np.linspace(0, 1, MERGE_WEIGHTS)
    data, held = replace(data, group=group), data.index[0]
    rows = torch.as_tensor(held, device=fleet.device)
    x, y = data.inputs[rows], data.targets[rows]
    flops = trial_flops(fleet.architecture, Interpolation(), MERGE_WEIGHTS, pairs, group, examples=len(held))
    return Task(
        PAIRS[0],
        "pair",
        len(pairs),
        lambda: try_one_by_one(modules, buyers.tolist(), sellers, grid, x, y),
        lambda: try_blocks(fleet, offered, pairs, data, grid, alignment=Unaligned()).losses,
        flops=float(flops),
    )


def _merging(
    fleet: Fleet, offered: Parameters, modules: list[nn.Module], buyers: Ints, sellers: Ints
) -> Task:
    """Every buyer merges with its first seller, half and half, from the same start every time."""
    pairs, prepared = Pairs.of(buyers, sellers[:, 0]), Prepared(offered=Offered(leaves=offered))
    start = [{name: leaf.clone() for name, leaf in module.state_dict().items()} for module in modules]

    def reset() -> None:
        fleet.write(np.arange(fleet.slots), offered)
        for module, state in zip(modules, start, strict=True):
            module.load_state_dict(state)

    def by_fleet() -> Floats:
        merge(fleet, prepared, pairs, np.full(len(buyers), HALF))
        return _squares(fleet.copy_of(buyers))

    def one_by_one() -> Floats:
        merge_one_by_one(modules, buyers.tolist(), pairs.seller.tolist(), HALF)
        merged = [modules[buyer].state_dict() for buyer in buyers]
        return _squares({name: torch.stack([state[name] for state in merged]) for name in offered})

    scale = _squares(take(offered, fleet.rows(buyers)))
    return Task(PAIRS[2], "pair", len(buyers), one_by_one, by_fleet, reset, scale)


def _unit_tables(fleet: Fleet, own: Parameters, other: Parameters) -> Tensor | None:
    """Return the inner products of the units of the widest hidden layer, ``[P, h, h]``; None without one."""
    permutations = fleet.architecture.permutations
    if not permutations:
        return None
    tensors = [one.members[0].tensor for one in permutations.values()]
    widest = max(tensors, key=lambda name: fleet.architecture.shapes[name][0])
    kind = precise_dtype(fleet.device)
    left, right = (side[widest].flatten(2).to(kind) for side in (own, other))
    return product(left, right.transpose(1, 2))


def _totals(tables: Tensor, found: Tensor) -> Floats:
    return np.asarray(tables.gather(2, found.unsqueeze(2)).squeeze(2).sum(1).cpu().numpy())


def _squares(parameters: Parameters) -> Floats:
    leaves = [leaf.cpu().numpy().astype(np.float64) for leaf in parameters.values()]
    return np.asarray(sum(np.square(leaf).reshape(len(leaf), -1).sum(axis=1) for leaf in leaves))
