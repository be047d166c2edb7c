"""Which files the organisations of a run start from.

A file is for everybody. Of a folder of files, in the order of their names, the first is for organisation 0
and so on, or the only one for everybody; in all arms and replicates alike. In the folder of a run every world
takes the files of its own arm and replicate.

Core Objects: StartFiles, Started
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from markets.columns import Ints
from markets.refusals import InputError
from sim.records.run_folder import MODELS
from sim.saved_models.fitting import fitted, read_model
from sim.saved_models.model_file import SUFFIX, file_name

World = tuple[str, int]
"""An arm and a replicate."""


@dataclass(frozen=True)
class Started:
    """Models that organisations of a world start from: leaves ``[n, ...]``, and their content hashes."""

    models: Mapping[str, Tensor]
    contents: tuple[str, ...]


class StartFiles:
    """The files that `start` names for some worlds.

    Parameters
    ----------
    start : str
        A file, a folder of files, or the folder of a run.
    organisations : int
        How many each world has, N.
    worlds : iterable of (str, int)
        Arms and replicates.

    Attributes
    ----------
    paths : dict
        From a world to its files: one for everybody, or N.

    Raises
    ------
    InputError
        If there are no such files, or others than N.
    """

    def __init__(self, start: str, organisations: int, worlds: Iterable[World]) -> None:
        self.organisations = organisations
        self.paths = {world: self._checked(paths) for world, paths in _paths_of(Path(start), worlds).items()}

    @property
    def shared(self) -> bool:
        """Whether everybody in a world starts from one file."""
        return all(len(paths) == 1 for paths in self.paths.values())

    def read(self, world: World, architecture: Architecture, who: Ints) -> Started:
        """Return the models of some organisations [n] of a world, which have one architecture.

        Raises
        ------
        InputError
            If one does not fit it.
        """
        paths = self.paths[world]
        own = [paths[i] for i in who.tolist()] if len(paths) > 1 else list(paths)
        found = [read_model(path) for path in own]
        copies = len(who) // len(found)
        leaves = [fitted(saved, architecture) for saved in found] * copies
        contents = [saved.content for saved in found] * copies
        return Started(
            {name: torch.stack([own[name] for own in leaves]) for name in leaves[0]}, tuple(contents)
        )

    def copies(self) -> dict[str, Path]:
        """Return what each file would be called in a folder that, given as `start`, means the same files."""
        worlds = {paths: world for world, paths in reversed(self.paths.items())}
        found = {}
        for paths, (arm, replicate) in worlds.items():
            within = f"{arm}/{replicate}/" * (len(worlds) > 1)
            for number, path in enumerate(paths):
                found[f"{within}{file_name(number, len(paths))}"] = path
        return dict(sorted(found.items()))

    def _checked(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        if len(paths) not in (1, self.organisations):
            raise InputError(
                f"start must have one file for all, or one for each of {self.organisations} organisations; "
                f"{paths[0].parent} holds {len(paths)}"
            )
        return paths


def _paths_of(start: Path, worlds: Iterable[World]) -> dict[World, tuple[Path, ...]]:
    if start.is_file():
        return dict.fromkeys(worlds, (start,))
    if not start.is_dir():
        raise InputError(
            f"start must be a file of a model, a folder of such files or the folder of a run; there is no "
            f"{start}"
        )
    base = start / MODELS if (start / MODELS).is_dir() else start
    if base == start and (files := _files_in(base)):
        return dict.fromkeys(worlds, files)
    found = {(arm, replicate): _files_in(base / arm / str(replicate)) for arm, replicate in worlds}
    for (arm, replicate), files in found.items():
        if not files:
            raise InputError(
                f"start must have *{SUFFIX} for everybody or for arm {arm}, replicate {replicate}; "
                f"{_told(base)}"
            )
    return found


def _told(base: Path) -> str:
    """Return what is in a folder in the place of what was looked for."""
    there = sorted({path.parent.relative_to(base).as_posix() for path in base.glob(f"*/*/*{SUFFIX}")})
    if there:
        own = there[0]
        return f"{base} has {', '.join(there[:4])} (start={base}/{own} takes those of {own} in every world)"
    pickled = any(base.glob("*.pt*")) or any(base.glob("*.bin"))
    return f"{base} has none{' (what torch.save writes can hold code and is not read)' * pickled}"


def _files_in(folder: Path) -> tuple[Path, ...]:
    """Return the files of models in a folder by their names, numbers in these by their values."""
    return tuple(sorted(folder.glob(f"*{SUFFIX}"), key=_by_name)) if folder.is_dir() else ()


def _by_name(path: Path) -> list[tuple[int, str]]:
    parts: list[str] = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]
