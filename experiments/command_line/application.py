"""The Hydra application behind ``parabourse run``, and its companions.

Core Objects: run_application, resume_run, report_on
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from experiments.command_line.sentences import USER_ERRORS, UserError, tell
from experiments.configuration.composition import check_run, set_up_hydra
from experiments.configuration.keys import parse
from experiments.configuration.overrides import check_grammar
from experiments.configuration.plugins import typed
from experiments.reports.latex import write_run_table, write_sweep_tables
from experiments.reports.sweep_conclusion import (
    OUTCOMES,
    check_cells,
    conclude_sweep,
    is_sweep,
    run_folders,
)
from experiments.runs.conclusion import conclude, print_conclusion
from experiments.runs.jobs import answers_flags, run_job
from experiments.runs.other_folders import refuse_other_folders
from experiments.runs.plugin_records import stood_in
from experiments.runs.runner import resume, start
from experiments.sweeping.command import run_sweep
from sim.records.run_folder import RunFolder

SWEEP_FLAGS = {"-m", "--multirun"}


def run_application(arguments: Sequence[str]) -> int:
    """Check what was typed, then let Hydra run it; return the exit code.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        If any configuration that the arguments stand for is not allowed; nothing has been written then.
    """
    set_up_hydra()
    if answers_flags(_play, "config", "parabourse run", arguments):
        return 0
    flags = {argument for argument in arguments if argument.startswith("-")}
    overrides = [argument for argument in arguments if argument not in flags]
    if strange := flags - SWEEP_FLAGS:
        raise UserError(f"a run takes no flag but -m, --help and --cfg job; got {' '.join(sorted(strange))}")
    if flags:
        return run_sweep(overrides)
    run_job(_play, "config", check_run(overrides))
    return 0


def resume_run(folder: Path, overrides: Sequence[str] = ()) -> int:
    """Go on with a stopped run, or with a finished one that gets more rounds, and conclude it.

    Returns the exit code.
    """
    refuse_other_folders(folder)
    if is_sweep(folder):
        raise UserError(f"{folder} holds a sweep, which goes on when its command is repeated; got it for RUN")
    set_up_hydra()
    changed = {}
    for override in map(check_grammar, overrides):
        if override.is_sweep_override():
            raise UserError(f"{override.key_or_group} must have one value; got {override.input_line}")
        changed[override.key_or_group] = override.value()
    with RunFolder(folder).held():
        config = resume(folder, changed)
        print_conclusion(conclude(folder, config.run.figures))
    return 0


def report_on(
    folder: Path,
    outcomes: Sequence[str] = (),
    half_widths: Mapping[str, float] | None = None,
    latex: bool = False,
    checked: bool = True,
) -> int:
    """Make the report of a finished run or sweep again; return the exit code.

    Parameters
    ----------
    folder : Path
        Of the run or sweep.
    outcomes, half_widths : sequence of str, mapping
        Of a sweep: as for `conclude_sweep`.
    latex : bool
        Whether to write the tables as LaTeX too.
    checked : bool
        Whether damaged files are refused.

    Raises
    ------
    UserError
        If outcomes or half-widths are given for a run, whose report has all metrics.
    """
    if not folder.is_dir():
        raise UserError(f"RUN_OR_SWEEP must be the folder of a run or sweep; there is no folder {folder}")
    refuse_other_folders(folder)
    run = RunFolder(folder, checked)
    with run.held(), stood_in(run_folders(folder), checked):
        if is_sweep(folder):
            check_cells(folder, checked)
            outcomes = outcomes or OUTCOMES
            comparison = conclude_sweep(folder, True, outcomes, half_widths, checked)
            written = write_sweep_tables(folder, comparison, outcomes[0]) if latex else []
        elif outcomes or half_widths:
            raise UserError(
                f"--outcome and --half-width are for sweeps; {folder} is not the folder of a sweep"
            )
        else:
            conclusion = conclude(folder, figures=True, checked=checked)
            print_conclusion(conclusion)
            written = write_run_table(folder, conclusion.findings) if latex else []
        run.change({}, signed=[path.name for path in written])
    for path in written:
        print(f"LaTeX:   {path}")
    return 0


def _play(composed: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    config = parse(composed)
    going_on = f"go on with: {shlex.join(['parabourse', 'resume', str(folder), *typed()])}"
    try:
        start(config, OmegaConf.to_yaml(composed, resolve=True), folder)
        conclusion = conclude(folder, config.run.figures)
    except OSError as error:
        sys.exit(tell(error, going_on))
    except USER_ERRORS as error:
        sys.exit(tell(error))
    except KeyboardInterrupt:
        print(f"parabourse: stopped; {going_on}", file=sys.stderr)
        sys.exit(130)
    print_conclusion(conclusion)
