"""Hold a network to what the machinery takes for granted: one function, whoever computes it and beside whom.

Core Objects: check_architecture
"""

import numpy as np
import torch
from torch import Tensor

from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.base import Architecture
from agents.learning.stack.parameters import Parameters
from agents.learning.symmetries.tracing import derive_symmetries

SLOTS, ROWS = 3, 5
RTOL, ATOL = 1e-4, 1e-5
"""How far float32 may carry the same function in another order of its sums."""


def check_architecture(architecture: Architecture, seed: int = 0) -> None:
    """Carry a network out on random models and examples and check what it declares.

    Logits are those of its plain module; they do not depend on company, to the last bit; the stem is linear
    in its parameters and the trunk reads none of them; permutations that it declares leave its answers as
    they are, and it declares all that follow from its plain module (`derive_symmetries`).

    Parameters
    ----------
    architecture : Architecture
        The network under test, bound to a shape of examples.
    seed : int
        Of models and examples.

    Raises
    ------
    AssertionError
        With a sentence that says what is broken.
    """
    rng = np.random.default_rng(seed)
    models, x = _models(architecture, rng), _examples(architecture, rng)
    with torch.no_grad():
        logits = architecture.forward(models, x)
        _check_shape(architecture, logits)
        _check_plain(architecture, models, x, logits)
        _check_company(architecture, models, x, logits)
        _check_stem(architecture, models, x)
        _check_symmetries(architecture, models, x, logits, rng)


def _claim(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _models(architecture: Architecture, rng: np.random.Generator) -> Parameters:
    """Return models no two numbers of which are alike, statistics included, ``[SLOTS, ...]``."""
    shapes = architecture.shapes | architecture.statistics
    drawn = {name: rng.uniform(0.5, 1.5, (SLOTS, *shape)) for name, shape in shapes.items()}
    signs = {name: rng.choice([-1, 1], array.shape) for name, array in drawn.items() if array.ndim > 2}
    scales = {name: np.sqrt(np.prod(array.shape[2:], dtype=float)) for name, array in drawn.items()}
    return {
        name: torch.from_numpy((array * signs.get(name, 1) / scales[name]).astype(np.float32))
        for name, array in drawn.items()
    }


def _examples(architecture: Architecture, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.normal(size=(SLOTS, ROWS, *architecture.input_shape)).astype(np.float32))


def _check_shape(architecture: Architecture, logits: Tensor) -> None:
    wanted = (SLOTS, architecture.classes, ROWS)
    _claim(
        tuple(logits.shape) == wanted,
        f"forward must return logits [N, K, B], here {wanted}; got {tuple(logits.shape)}",
    )


def _check_plain(architecture: Architecture, models: Parameters, x: Tensor, logits: Tensor) -> None:
    for slot in range(SLOTS):
        plain = architecture.module(models, slot).eval()(x[slot])
        _claim(
            torch.allclose(logits[slot].T, plain, RTOL, ATOL),
            "forward must give the logits of the plain module; it does not",
        )


def _check_company(architecture: Architecture, models: Parameters, x: Tensor, logits: Tensor) -> None:
    for slots in ([1], [2, 1]):
        some = {name: leaf[slots].contiguous() for name, leaf in models.items()}
        alone = architecture.forward(some, x[slots].contiguous())
        _claim(
            torch.equal(alone, logits[slots]),
            "the logits of a slot must be the same bits in any company; they are not",
        )
    shared = architecture.forward(models, x[0])
    _claim(
        torch.equal(shared, architecture.forward(models, x[:1].expand_as(x).contiguous())),
        "one batch for all slots must give what a batch for each gives; it does not",
    )


def _check_stem(architecture: Architecture, models: Parameters, x: Tensor) -> None:
    if not architecture.stem_tensors:
        return
    own = {name: leaf for name, leaf in models.items() if name in architecture.stem_tensors}
    _claim(
        set(own) == set(architecture.stem_tensors),
        f"stem_tensors must be tensors of the network; got {', '.join(architecture.stem_tensors)}",
    )
    beside = {name: leaf.roll(1, 0) for name, leaf in own.items()}
    single, other, both = (
        architecture.stem(models | given, x)
        for given in (own, beside, {name: own[name] + beside[name] for name in own})
    )
    _claim(
        torch.allclose(both, single + other, RTOL, ATOL),
        "the stem must be linear in its parameters; it is not",
    )
    broken = models | {name: torch.full_like(leaf, torch.nan) for name, leaf in own.items()}
    _claim(
        bool(architecture.trunk(broken, single.clone()).isfinite().all()),
        "the trunk must read no tensor of the stem; it does",
    )


def _check_symmetries(
    architecture: Architecture, models: Parameters, x: Tensor, logits: Tensor, rng: np.random.Generator
) -> None:
    everything = architecture.shapes | architecture.statistics
    for name, permutation in architecture.permutations.items():
        for one in permutation.members:
            _claim(
                one.tensor in everything and one.axis < len(everything[one.tensor]),
                f"a permutation must move axes of tensors; {name!r} moves axis {one.axis} of {one.tensor!r}",
            )
    moved = permute(architecture, models, _orders(architecture, rng))
    _claim(
        torch.allclose(architecture.forward(moved, x), logits, RTOL, 10 * ATOL),
        "permuted units must give the same answers; they do not",
    )
    module = architecture.outline().eval()
    own = torch.zeros(ROWS, *architecture.input_shape, device="meta")
    declared = {frozenset(one.members) for one in architecture.permutations.values()}
    for derived in derive_symmetries(module, own).permutations:
        moved_tensors = {member.tensor for member in derived.members}
        # what all models share cannot move
        _claim(
            frozenset(derived.members) in declared or not moved_tensors <= everything.keys(),
            f"symmetries must hold all permutations of units; {derived.width} units move with "
            f"{', '.join(sorted(moved_tensors))}",
        )


def _orders(architecture: Architecture, rng: np.random.Generator) -> dict[str, Tensor]:
    """Return an order of the units of every permutation for each slot, int64 ``[SLOTS, h]``."""
    return {
        name: torch.from_numpy(np.stack([rng.permutation(one.width) for _ in range(SLOTS)]))
        for name, one in architecture.permutations.items()
    }
