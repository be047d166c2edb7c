"""``parabourse reproduce``: play, summarise, print and draw a published experiment."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.command_line.listing import print_reproduction
from experiments.command_line.sentences import USER_ERRORS, UserError, one_sentence
from experiments.findings.statistics import Interval
from experiments.reports.printed import cell, wide_console
from experiments.studies.reproduction.arms import RIVALS
from experiments.studies.reproduction.composition import Experiment, compose_experiment
from experiments.studies.reproduction.convergence import convergence_table
from experiments.studies.reproduction.figure import draw_experiment
from experiments.studies.reproduction.play import play_experiment
from experiments.studies.reproduction.rate import HORIZON, rate_table
from experiments.studies.reproduction.summary import compare_arms, gains, summarise
from sim.records.tables import write_atomically

SHOWN = {
    "test_accuracy": "accuracy",
    "test_loss": "loss, nats",
    "bought": "merges",
    "gain": "gain, nats",
    "net": "net profit",
}
"""Headlines: test accuracy and loss at the end, merges, what a purchase gained in its trial, credits."""

BRIEF = "bought"
"""Shown without its interval."""


def run_reproduction(preset: str, overrides: Sequence[str], folder: Path | None) -> int:
    """Play the experiment that a preset and overrides ask for, or go on with it, and return the exit code.

    With ``--cfg job`` it prints the configuration instead, and without a preset the list of presets.

    Raises
    ------
    UserError
        If the configuration is not allowed; nothing has been written then.
    """
    if not preset:
        print_reproduction()
        return 0
    asked = [override for override in overrides if override not in ("--cfg", "-c", "job", "--cfg=job")]
    wrong = [override for override in asked if override.startswith("-")]
    if wrong:
        raise UserError(f"parabourse reproduce takes KEY=VALUE and --output FOLDER; got {wrong[0]!r}")
    try:
        experiment = compose_experiment(preset, asked)
    except USER_ERRORS as error:
        raise UserError(one_sentence(error, f"parabourse reproduce {preset}")) from error
    if len(asked) < len(overrides):
        print(experiment.text)
        return 0
    folder, records = play_experiment(experiment, folder)
    conclude(experiment, folder, records)
    return 0


def conclude(experiment: Experiment, folder: Path, records: pd.DataFrame) -> None:
    """Write the tables and the figure of an experiment from its records, and print the headlines."""
    keys, targets = experiment.keys, experiment.config.targets
    tables = {"summary": summarise(records, keys), "differences": compare_arms(records, keys)}
    tables["gains"] = gains(records, keys)
    if HORIZON in keys and experiment.config.gradients:
        tables["rate"] = rate_table(records)
    if targets:
        tables["convergence"] = convergence_table(records, keys, targets)
    for name, table in tables.items():
        write_atomically(folder / f"{name}.csv", partial(table.to_csv, index=False))
    _print(experiment, tables["summary"], tables["differences"])
    figure = draw_experiment(folder, experiment, records, tables)
    console = wide_console()
    console.print(f"records: {folder}", soft_wrap=True, highlight=False)
    console.print(f"figure:  {figure}", soft_wrap=True, highlight=False)


def _print(experiment: Experiment, summary: pd.DataFrame, differences: pd.DataFrame) -> None:
    """Print the headlines of every cell and arm, and its accuracy less silo's and the aligned market's."""
    keys = experiment.keys
    shown = Table(
        title=f"{experiment.preset}: means on test data ± half of the 95% interval over replicates",
        caption="less silo's, less aligned's: paired differences of the accuracy",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    against = list(dict.fromkeys(differences["against"])) if len(differences) else []
    shown_here = set(summary["measure"]) - (set() if RIVALS in experiment.config.markets else {"net"})
    measures = {name: text for name, text in SHOWN.items() if name in shown_here}
    for heading in [*(key.rpartition(".")[2] for key in keys), "arm"]:
        shown.add_column(heading, no_wrap=True)
    for heading in [*measures.values(), *(f"less {arm}'s" for arm in against)]:
        shown.add_column(heading, justify="right", overflow="fold")
    of_arm = dict(iter(differences.groupby([*keys, "arm"], sort=False)))
    for labels, group in summary.groupby([*keys, "arm"], sort=False):
        numbers = [_cell(group, measure) for measure in measures]
        same = of_arm.get(labels, differences.head(0))
        numbers += [_cell(same[same["against"] == arm], "test_accuracy") for arm in against]
        shown.add_row(*(str(label) for label in labels), *numbers)
    wide_console().print(shown)


def _cell(table: pd.DataFrame, measure: str) -> str:
    rows = table[table["measure"] == measure]
    if rows.empty:
        return "-"
    found = Interval(*rows[["mean", "low", "high", "n"]].iloc[0])
    return f"{found.mean:.1f}" if measure == BRIEF else cell(found)
