"""How much of a computation fits into the memory budget at once.

The estimates count the float32 buffers that are alive together; they are meant to be right to a factor of
two.
"""

from collections.abc import Iterator

import torch

from agents.learning.networks.base import Architecture
from agents.learning.networks.products import LINE

FLOAT_BYTES = 4
CPU_WORKING_BYTES = 64 * 2**20
"""On a CPU larger buffers only lose: the system maps and clears them anew for every operation."""
CPU_TILE_BYTES, CPU_TILE_LEAST = 4 * 2**20, 4
"""What one pass over small networks may use on a CPU, so that its buffers stay in the caches and the system
need not map them anew; and how many of them it takes at least, for fewer do not repay the calls' own time."""


CPU_TRAINING_BYTES = 8 * 2**20
"""What models that train together may use on a CPU: more leaves the caches, less does not repay the calls."""

PASS_BYTES = 256 * 2**20
"""What the activations of one slot may take before its rows are cut into parts."""
ACCELERATOR_PASS_BYTES = 2**30


def working_bytes(budget_mb: float, device: torch.device) -> int:
    """Return the bytes that one chunk of a batched computation may use under a budget in mebibytes."""
    budget = int(budget_mb * 2**20)
    return min(budget, CPU_WORKING_BYTES) if device.type == "cpu" else budget


def rows_at_once(architecture: Architecture, size: int, device: torch.device) -> int:
    """Return how many rows of one slot to compute at once, when a row takes `size` numbers.

    A function of the architecture and the device alone, for it decides in which order losses and gradients
    are added up: a slot's result must not depend on the budget or on who else is in the batch. Whole cache
    lines, 16 rows or a multiple, except where not even 16 fit.
    """
    limit = PASS_BYTES if device.type == "cpu" else ACCELERATOR_PASS_BYTES
    rows = max(1, limit // (FLOAT_BYTES * (architecture.input_size + size)))
    return rows - rows % LINE if rows >= LINE else rows


def row_parts(architecture: Architecture, rows: int, device: torch.device) -> Iterator[slice]:
    """Yield the parts in which a slot's rows are evaluated."""
    return chunks(rows, rows_at_once(architecture, architecture.evaluation_size, device))


def training_rows(architecture: Architecture, batch: int, device: torch.device) -> int:
    """Return how many rows of a training batch to compute at once; all where they share statistics."""
    if architecture.statistics:
        return batch
    return min(batch, rows_at_once(architecture, 2 * architecture.activation_count, device))


def training_bytes(architecture: Architecture, batch: int, device: torch.device) -> int:
    """Return the bytes a slot needs to train on `batch` rows.

    Activations and their gradients; parameters, gradients and two moments, of which those in work are copies.
    """
    rows = training_rows(architecture, batch, device)
    numbers = rows * (architecture.input_size + 2 * architecture.activation_count)
    return FLOAT_BYTES * (numbers + 6 * architecture.parameter_count)


def evaluation_bytes(architecture: Architecture, rows: int) -> int:
    """Return the bytes a slot needs for a forward pass over `rows` examples."""
    return FLOAT_BYTES * (
        rows * (architecture.input_size + architecture.evaluation_size) + architecture.parameter_count
    )


def trunk_bytes(architecture: Architecture, rows: int) -> int:
    """Return the bytes a slot needs for a forward pass over the stems of `rows` examples."""
    return FLOAT_BYTES * (rows * architecture.evaluation_size + architecture.parameter_count)


def stem_bytes(architecture: Architecture, rows: int) -> int:
    """Return the bytes a pair needs for its two stems, its two sets of parameters, and the steps between."""
    return FLOAT_BYTES * (
        rows * (architecture.input_size + 3 * architecture.stem_size) + 3 * architecture.parameter_count
    )


def alignment_bytes(architecture: Architecture) -> int:
    """Return the bytes a pair needs in weight matching: both models in float64 and the cost matrices."""
    widths = [permutation.width for permutation in architecture.permutations.values()]
    return 2 * FLOAT_BYTES * (6 * architecture.parameter_count + 3 * sum(width**2 for width in widths))


def chunk_size(budget_bytes: int, bytes_each: int) -> int:
    """Return how many fit: at least one, for a single one cannot be cut."""
    return max(1, budget_bytes // max(1, bytes_each))


def training_size(budget_bytes: int, bytes_each: int, device: torch.device) -> int:
    """Return how many models to train at once: what fits, and on a CPU no more than its caches hold."""
    return chunk_size(
        min(budget_bytes, CPU_TRAINING_BYTES) if device.type == "cpu" else budget_bytes, bytes_each
    )


def tile_size(budget_bytes: int, bytes_each: int, device: torch.device) -> int:
    """Return how many computations to do at once: what fits, and on a CPU no more than its caches hold."""
    fit = chunk_size(budget_bytes, bytes_each)
    if device.type != "cpu":
        return fit
    return min(fit, max(CPU_TILE_LEAST, CPU_TILE_BYTES // max(1, bytes_each)))


def chunks(count: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of at most `size` that cover ``range(count)``."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
