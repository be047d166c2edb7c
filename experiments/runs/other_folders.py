"""Folders that hold neither a run nor a sweep, and what draws the results of other commands again."""

from pathlib import Path

from experiments.command_line.sentences import UserError
from experiments.reports.sweep_conclusion import MULTIRUN
from sim.records import signed_list
from sim.records.run_folder import CONFIG

HEADING = "# parabourse reproduce "
"""With which ``config.yaml`` of an experiment begins; the preset's name follows."""


def refuse_other_folders(folder: Path) -> None:
    """Raise `UserError` for a folder without a run or sweep.

    For another command's, it names what makes its figures. Reads no more than the beginning of one file, and
    writes nothing, no lock either.
    """
    output = f"--output {folder}"
    preset = _preset(folder / "config.yaml")
    if preset is not None:
        what = f"the experiment {preset}"
        how = f"parabourse reproduce {preset} {output}, with the keys that it was played with"
    elif (folder / "claims.csv").is_file():
        what, how = "the experiments of `parabourse reproduce all`", f"parabourse reproduce all {output}"
    elif (folder / "cross.csv").is_file():
        what = "a cross table"
        how = f"parabourse cross {output}, with the keys that it was played with"
    elif (folder / "results.parquet").is_file():
        what, how = "a textbook run", f"parabourse report {folder}"
    elif any((folder / name).exists() for name in (CONFIG, MULTIRUN, signed_list.NAME)):
        return
    else:
        raise UserError(
            f"{folder} must be the folder of a run or sweep, with {CONFIG} or {MULTIRUN} in it; "
            "there is neither"
        )
    raise UserError(f"{folder} must be the folder of a run or sweep; it holds {what}: for its figures, {how}")


def _preset(config: Path) -> str | None:
    """Return the preset of the experiment in whose folder a configuration lies; None if it is of no such."""
    if not config.is_file():
        return None
    with config.open(encoding="utf-8", errors="replace") as file:
        first = file.readline(200)
    preset = first.removeprefix(HEADING).strip()
    return preset if first.startswith(HEADING) and preset.isidentifier() else None
