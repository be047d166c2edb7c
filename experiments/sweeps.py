"""Sweeps: all cells side by side, and what each differs from the first by, in pairs.

Cells that differ in nothing but the seed are one choice with more replicates. Replicates of the same seed
share data, initial weights and random streams in every cell, so that differences between choices are paired.

Core Objects: ComparisonTable, compare, print_comparison
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from experiments.conclusion import SHOWN, cell, wide_console
from experiments.statistics import Interval, interval
from experiments.summary import METRICS
from sim.records import RecordError, write_atomically

HEADLINES = SHOWN | {"trial_gain": "gain a trial, nats"}


@dataclass(frozen=True)
class Comparison:
    """The choices of a sweep compared.

    Attributes
    ----------
    keys : list of str
        The keys that were swept, the seed apart.
    levels : DataFrame
        One row a choice, arm and metric: mean, low, high, n.
    differences : DataFrame
        The same of the paired differences to the first choice; empty where there is one choice.
    unfinished : list of str
        Folders of cells that were started and have no result.
    """

    keys: list[str]
    levels: pd.DataFrame
    differences: pd.DataFrame
    unfinished: list[str]


class ComparisonTable(Callback):
    """Hydra callback that compares the cells of a sweep when it ends."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Write and print the comparison."""
        print_comparison(compare(Path(config.hydra.sweep.dir)))


def compare(folder: Path) -> Comparison:
    """Compare the finished cells of a sweep; write `comparison.csv` and `differences.csv` into its folder.

    Raises
    ------
    RecordError
        If no cell of the sweep has finished.
    """
    samples, keys = _samples(folder)
    levels = _intervals(samples, [*keys, "arm"])
    first = samples[samples["choice"] == samples["choice"].iloc[0]]
    pair = ["arm", "seed", "replicate"]
    joined = samples.merge(first, on=pair, suffixes=("", "_first"))
    joined = joined[joined["choice"] != joined["choice_first"]]
    for metric in METRICS:
        if metric in samples:
            joined[metric] = joined[metric] - joined[f"{metric}_first"]
    differences = _intervals(joined, [*keys, "arm"])
    write_atomically(folder / "comparison.csv", partial(levels.to_csv, index=False))
    write_atomically(folder / "differences.csv", partial(differences.to_csv, index=False))
    started = {path.parent.parent for path in folder.glob("*/.hydra/config.yaml")}
    unfinished = sorted(str(run) for run in started if not (run / "replicates.csv").is_file())
    return Comparison(keys, levels, differences, unfinished)


def print_comparison(comparison: Comparison) -> None:
    """Print the headline metrics of every choice and arm, and the paired differences to the first choice."""
    if comparison.unfinished:
        print(f"not finished, and left out: {', '.join(comparison.unfinished)}")
    _print("mean over replicates ± half of the 95% confidence interval", comparison.keys, comparison.levels)
    if len(comparison.differences):
        _print("paired difference to the first choice", comparison.keys, comparison.differences)


def _samples(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return all cells' replicates with the values of the swept keys, and these keys without the seed.

    A seed that was given twice counts once.
    """
    runs = sorted((p.parent for p in folder.glob("*/replicates.csv")), key=lambda p: (len(p.name), p.name))
    if not runs:
        raise RecordError(f"{folder} must hold at least one finished run; there is none")
    typed = [_overrides(run) for run in runs]
    names = list(dict.fromkeys(name for cell_typed in typed for name in cell_typed))
    keys = [name for name in names if name != "seed" and len({t.get(name) for t in typed}) > 1]
    frames = []
    for run, own in zip(runs, typed, strict=True):
        values = {key: own.get(key, "") for key in keys}
        frame = pd.read_csv(run / "replicates.csv")
        seed = int(OmegaConf.load(run / "config.yaml").seed)
        frames.append(frame.assign(**values, seed=seed, choice=" ".join(values.values())))
    samples = pd.concat(frames, ignore_index=True)
    return samples.drop_duplicates(["choice", "arm", "seed", "replicate"]), keys


def _overrides(run: Path) -> dict[str, str]:
    return dict(str(typed).split("=", 1) for typed in OmegaConf.load(run / ".hydra" / "overrides.yaml"))


def _intervals(samples: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    rows = []
    for labels, group in samples.groupby(by, sort=False):
        for metric in METRICS:
            if metric in group and group[metric].notna().any():
                found = interval(group[metric].dropna().to_numpy())
                row = dict(zip(by, labels, strict=True)) | {"metric": metric}
                row |= {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n}
                rows.append(row | {"meaning": METRICS[metric]})
    return pd.DataFrame(rows)


def _print(title: str, keys: list[str], table: pd.DataFrame) -> None:
    metrics = {name: text for name, text in HEADLINES.items() if name in set(table["metric"])}
    shown = Table(title=title)
    for heading in [*keys, "arm"]:
        shown.add_column(heading, overflow="fold")
    for heading in metrics.values():
        shown.add_column(heading, justify="right", overflow="fold")
    for labels, group in table.groupby([*keys, "arm"], sort=False):
        numbers = group[["mean", "low", "high", "n"]].to_numpy()
        found = {metric: Interval(*row) for metric, row in zip(group["metric"], numbers, strict=True)}
        shown.add_row(*(str(label) for label in labels), *(cell(found.get(metric)) for metric in metrics))
    wide_console().print(shown)
