"""``parabourse cross``: play, print and draw the cross table."""

from collections.abc import Sequence
from pathlib import Path

from experiments.command_line.sentences import USER_ERRORS, UserError, one_sentence
from experiments.studies.cross.composition import compose_cross
from experiments.studies.cross.heat_map import draw_heat_maps
from experiments.studies.cross.table import play_table, print_table


def run_cross(overrides: Sequence[str], folder: Path | None) -> int:
    """Make the cross table that the overrides ask for, or go on with it, and return the exit code.

    With ``--cfg job`` it prints the configuration instead.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        If the configuration is not allowed; nothing has been written then.
    """
    asked = [override for override in overrides if override not in ("--cfg", "-c", "job", "--cfg=job")]
    try:
        config, text = compose_cross(asked)
    except USER_ERRORS as error:
        raise UserError(one_sentence(error, "parabourse cross")) from error
    if len(asked) < len(overrides):
        print(text)
        return 0
    folder, table = play_table(config, folder)
    print_table(config, table, folder)
    draw_heat_maps(folder, table)
    return 0
