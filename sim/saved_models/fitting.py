"""Tensors of a file as the tensors of an architecture, whatever wrapper their names come from.

Core Objects: fitted, SavedModel, read_model
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from markets.refusals import InputError
from sim.saved_models.model_card import ModelCard
from sim.saved_models.model_file import content_of, is_float, read_file

COMPILED = "_orig_mod"
"""The part of a name that `torch.compile` adds, wherever a module was compiled."""
SHOWN = 4
"""Names that a sentence tells."""


@dataclass(frozen=True)
class SavedModel:
    """A model as its file has it: where, its tensors, and what the file tells, if it is one of ours."""

    path: Path
    tensors: Mapping[str, Tensor]
    card: ModelCard | None

    @property
    def content(self) -> str:
        """The content hash of the tensors."""
        return self.card.content if self.card else content_of(self.tensors)


def read_model(path: Path) -> SavedModel:
    """Return the model of a file.

    Raises
    ------
    InputError
        If it is no file of tensors, or one of ours whose tensors or metadata are not what was written.
    """
    tensors, metadata = read_file(path)
    card = ModelCard.read(metadata, path)
    if card is not None and card.content != (found := content_of(tensors)):
        raise InputError(
            f"{path} must hold the tensors that were written, of content {card.content[:12]}...; got "
            f"{found[:12]}..."
        )
    return SavedModel(path, tensors, card)


def fitted(saved: SavedModel, architecture: Architecture) -> dict[str, Tensor]:
    """Return a file's tensors as parameters and running statistics of an architecture, float32, by name.

    Names may have prefixes that a wrapper put before all of them, as ``module.`` and ``_orig_mod.``. Tensors
    that the plain module has besides, which are not trained, may be there or not.

    Raises
    ------
    InputError
        If a tensor is missing, is there besides, has another shape or no finite numbers, or is not trained
        and other than the network's own.
    """
    if saved.card is not None and not _alike(saved.card.architecture, architecture.signature):
        raise InputError(
            f"{saved.path} must be of architecture {architecture.signature}; it is of "
            f"{saved.card.architecture}"
        )
    wanted = {**architecture.shapes, **architecture.statistics}
    shared = architecture.outline().state_dict().keys() - wanted.keys()
    found = _without_prefixes(saved.tensors, wanted.keys() | shared)
    missing = [name for name in wanted if name not in found]
    besides = [name for name in found if name not in wanted and name not in shared]
    if missing or besides:
        told = [f"it lacks {_shown(missing)}"] * bool(missing) + [f"it has {_shown(besides)}"] * bool(besides)
        raise InputError(
            f"{saved.path} must hold the tensors of {architecture.signature} and no others; "
            f"{' and '.join(told)}"
        )
    for name, shape in wanted.items():
        leaf = found[name]
        if tuple(leaf.shape) != tuple(shape) or not is_float(leaf):
            raise InputError(
                f"{name} of {saved.path} must be real numbers {tuple(shape)} in {architecture.signature}; "
                f"got {str(leaf.dtype).removeprefix('torch.')} {tuple(leaf.shape)}"
            )
        if not torch.isfinite(leaf).all():
            raise InputError(f"{name} of {saved.path} must hold finite numbers; it holds others")
    leaves = {name: found[name].to(torch.float32) for name in wanted}
    _check_shared({name: leaf for name, leaf in found.items() if name in shared}, leaves, saved, architecture)
    return leaves


def _check_shared(
    given: Mapping[str, Tensor], leaves: Mapping[str, Tensor], saved: SavedModel, architecture: Architecture
) -> None:
    """Raise ``InputError`` where tensors that nobody trains are other than the network has; counters may."""
    if not any(map(is_float, given.values())):
        return
    own = architecture.module({name: leaf.unsqueeze(0) for name, leaf in leaves.items()}, 0).state_dict()
    for name, leaf in given.items():
        if is_float(leaf) and not torch.equal(leaf.to(own[name].dtype), own[name]):
            raise InputError(
                f"{name} of {saved.path} must be as in {architecture.signature}, which does not train it; it "
                f"is another"
            )


def _alike(one: str, other: str) -> bool:
    """Return whether two signatures mean the same, wherever the code lies that makes a module."""
    names = [text.split(":")[0] for text in (one, other)]
    if names == ["module", "module"]:
        return one.rsplit(":", 2)[1:] == other.rsplit(":", 2)[1:]
    return one == other


def _without_prefixes(tensors: Mapping[str, Tensor], known: set[str]) -> Mapping[str, Tensor]:
    """Return tensors by the names that most of an architecture's are among."""
    names = {name: [part for part in name.split(".") if part != COMPILED] for name in tensors}
    best, most = dict(tensors), len(known & tensors.keys())
    while True:
        plain = {".".join(parts): tensors[name] for name, parts in names.items()}
        if len(plain) == len(tensors) and len(known & plain.keys()) > most:
            best, most = plain, len(known & plain.keys())
        if len({parts[0] for parts in names.values()}) != 1 or min(map(len, names.values())) < 2:
            return best
        names = {name: parts[1:] for name, parts in names.items()}


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
    return ", ".join(names[:SHOWN]) + more
