"""``parabourse appraise``: tell what one model is worth to another, and save the merged one."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from agents.learning.operators import MERGE_OPERATORS
from experiments.appraisal.appraisal import Appraisal, appraise, told_of
from experiments.appraisal.composition import Setup, compose_setup
from experiments.appraisal.figure import draw_appraisal
from experiments.benchmarks.tables import TABLE_WIDTH, number
from experiments.command_line.sentences import UserError
from experiments.configuration.overrides import check_grammar
from experiments.figures import save_figure
from sim.records.atomic import write_atomically
from sim.saved_models.fitting import SavedModel, read_model
from sim.saved_models.model_file import encoded

TABLES = ("operators", "curves", "classes")
"""The tables that are written, each as CSV."""


def run_appraise(
    buyer: Path, seller: Path, overrides: Sequence[str], save: Path | None = None, output: Path | None = None
) -> int:
    """Appraise the seller's model for the buyer and return the exit code.

    Parameters
    ----------
    buyer, seller : Path
        Files of models.
    overrides : sequence of str
        Keys of a run that say otherwise than the files.
    save : Path or None
        A new file for the best merged model.
    output : Path or None
        Folder for tables and figure; by default ``runs/appraise-BUYER-SELLER``, by the contents of the two.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        If something that was given is not allowed; nothing has been written then.
    """
    if save is not None:
        _check_new(save)
    for override in overrides:
        check_grammar(override)
    models = read_model(buyer), read_model(seller)
    setup = compose_setup(*models, overrides)
    found = appraise(*models, setup)
    folder = output or Path("runs") / f"appraise-{models[0].content[:8]}-{models[1].content[:8]}"
    _print(found, setup)
    _write(found, setup, models, folder)
    if save is not None:
        _save(found, save)
    return 0


def _check_new(file: Path) -> None:
    if file.exists() or not file.absolute().parent.is_dir():
        raise UserError(f"--save must be a new file in a folder that exists; got {str(file)!r}")


def _print(found: Appraisal, setup: Setup) -> None:
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    table = Table(
        title="What the seller's model is worth to the buyer",
        caption="losses: nats an example, on validation data, on which the weight is chosen; barrier: rise "
        f"above the chord of the curve's ends; score: {found.score}, on test data",
    )
    for heading in ("operator", "weight", "loss before", "after", "gain", "barrier", "score before", "after"):
        table.add_column(heading, justify="left" if heading == "operator" else "right", no_wrap=True)
    untried = []
    for row in found.operators.to_dict("records"):
        if isinstance(row["note"], str):
            untried.append(f"{row['operator']} is not tried: {row['note']}.")
            continue
        weight = number(row["weight"], ".2f") if _is_weighted(row) else ""
        losses = [number(row[name], ".4f") for name in ("loss_before", "loss_after", "gain", "barrier")]
        scores = [number(row[name], ".1%") for name in ("score_before", "score_after")]
        table.add_row(told_of(row), weight, *losses, *scores)
    console.print(table)
    console.print(_sentence(found), soft_wrap=True)
    for told in untried:
        console.print(told, soft_wrap=True, highlight=False)
    for remark in setup.remarks:
        console.print(f"Note: {remark}.", soft_wrap=True, highlight=False)


def _sentence(found: Appraisal) -> str:
    if found.merged is None:
        return "No merge makes the buyer's model better: the seller's is worth nothing to it."
    row = found.merged.row
    weight = f" at weight {row['weight']:.2f}" if _is_weighted(row) else ""
    aligned = (
        "" if pd.isna(row["moved"]) else f"; alignment puts {row['moved']:.0%} of its hidden units elsewhere"
    )
    return (
        f"Merged by {told_of(row)}{weight}, the seller's model lowers the buyer's validation loss by "
        f"{row['gain']:.4f} nats an example, and takes its score on test data from "
        f"{row['score_before']:.1%} to {row['score_after']:.1%}{aligned}."
    )


def _is_weighted(row: Mapping[Any, Any]) -> bool:
    return MERGE_OPERATORS[row["operator"]].weighted


def _write(found: Appraisal, setup: Setup, models: Sequence[SavedModel], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        table: pd.DataFrame = getattr(found, name)
        write_atomically(folder / f"{name}.csv", partial(table.to_csv, index=False))
    told: dict[str, Any] = {
        "buyer": {"file": str(models[0].path), "content": models[0].content, "organisation": setup.buyer},
        "seller": {"file": str(models[1].path), "content": models[1].content, "organisation": setup.seller},
        "seed": setup.seed,
        "replicate": setup.replicate,
        "round": setup.round,
        "configuration": {
            name: dataclasses.asdict(getattr(setup.config, name))
            for name in ("data", "network", "learning", "broker")
        },
        "notes": list(setup.remarks),
    }
    text = json.dumps(told, indent=1)
    write_atomically(folder / "appraisal.json", lambda path: path.write_text(text, encoding="utf-8"))
    places = save_figure(folder, "appraisal", draw_appraisal(found))
    print(f"tables: {folder}\nfigure: {places[0]}")


def _save(found: Appraisal, file: Path) -> None:
    if found.merged is None:
        print(f"nothing is saved as {file}: no merge is better than the buyer's own model")
        return
    data = encoded(found.merged.tensors, found.merged.card.metadata())
    write_atomically(file, lambda path: path.write_bytes(data))
    print(f"merged: {file}")
