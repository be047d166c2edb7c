"""Folders that hold neither a run nor a sweep, and what draws the results of other commands again."""

from pathlib import Path

from experiments.command_line.sentences import UserError
from experiments.reports.sweep_conclusion import MULTIRUN
from experiments.runs.cells import HEADING
from sim.records import signed_list
from sim.records.run_folder import CONFIG


def refuse_other_folders(folder: Path) -> None:
    """Raise `UserError` for a folder without a run or sweep.

    For another command's, it names what makes its figures. Reads no more than the beginning of one file, and
    writes nothing, no lock either.
    """
    if command := _command(folder / CONFIG):
        raise UserError(
            f"{folder} must be the folder of a run or sweep; it holds what another command made: for its "
            f"figures, parabourse {command} --output {folder}, with the keys that it was played with"
        )
    if not any((folder / name).exists() for name in (CONFIG, MULTIRUN, signed_list.NAME)):
        raise UserError(
            f"{folder} must be the folder of a run or sweep, with {CONFIG} or {MULTIRUN} in it; "
            "there is neither"
        )


def _command(config: Path) -> str:
    """Return the command in whose folder a configuration lies; nothing if it is of no other than a run."""
    if not config.is_file():
        return ""
    with config.open(encoding="utf-8", errors="replace") as file:
        first = file.readline(200)
    command = first.removeprefix(HEADING).strip()
    return command if first.startswith(HEADING) and command.replace(" ", "_").isidentifier() else ""
