"""The user's own folder of choices and presets, beside `conf`: Hydra's flag ``--config-dir`` names it.

A file ``GROUP/NAME.yaml`` in it is a choice like those of `conf`, under a name of its own.

Core Objects: use_folder, own_folder, folders, choice_files, check_names
"""

from collections.abc import Iterable
from pathlib import Path

import conf
from markets.refusals import InputError

CONF = Path(conf.__file__).parent
FLAGS = ("--config-dir", "-cd")
_OWN: list[Path] = []
"""The folder that this command names, if it names one."""


def use_folder(folder: Path | None) -> None:
    """Let Hydra look into a folder too, or into none, from now on.

    Raises
    ------
    InputError
        If there is no such folder, or it has a file under the name of one of ours.
    """
    _OWN.clear()
    if folder is None:
        return
    if not folder.is_dir():
        raise InputError(f"--config-dir must be a folder; there is no folder {folder}")
    own = folder.resolve()
    for file in sorted(own.rglob("*.yaml")):
        if (CONF / file.relative_to(own)).is_file():
            raise _taken(file)
    _OWN.append(own)


def own_folder() -> Path | None:
    """Return the user's folder, None if this command names none."""
    return _OWN[0] if _OWN else None


def folders() -> list[Path]:
    """Return all folders with choices, ours first."""
    return [CONF, *_OWN]


def choice_files(group: str) -> list[Path]:
    """Return the files of the choices of a group, by their names."""
    found = [file for folder in folders() for file in (folder / group).glob("*.yaml")]
    return sorted(found, key=lambda file: file.stem)


def check_names(group: str, names: Iterable[str]) -> None:
    """Raise ``InputError`` if a file of the user's has one of the names that stand for classes in a group."""
    for name in names:
        for folder in _OWN:
            if (file := folder / group / f"{name}.yaml").is_file():
                raise _taken(file)


def _taken(file: Path) -> InputError:
    return InputError(
        f"a file of --config-dir must have a name of its own; {file} is called as a choice of Parabourse's"
    )
