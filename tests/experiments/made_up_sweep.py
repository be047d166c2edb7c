"""A sweep's folder as the cells leave it, with made-up numbers whose laws are known."""

import itertools
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.findings.summary import METRICS
from experiments.runs.cells import CELLS, ERROR
from experiments.runs.runner import SUMMARY
from experiments.sweeping.plan import Plan, PlannedCell
from sim.records.atomic import filled
from sim.records.run_folder import RunFolder

MECHANISMS = {"first_price": 0.0, "mcafee": -0.5}
"""What each adds to the welfare of a market."""

SETTINGS = {"independent": 1.0, "competitive": 2.0}
"""Welfare of the market of each, that of autarky being 0.5."""

SEEDS = (0, 1)
REPLICATES = 3


@lru_cache
def configuration() -> str:
    """Return the text of a configuration that can be read; what is swept does not show in it."""
    set_up_hydra()
    return OmegaConf.to_yaml(OmegaConf.create(json.loads(json.dumps(asdict(compose_config(["seed=0"]))))))


def write_sweep(folder: Path, organisations: tuple[int, ...] = (4,), lost: str = "") -> Path:
    """Write the cells of mechanism x setting x organisations x seed, without results where `lost` is named.

    Welfare is what mechanism and setting add, times the number of organisations, and noise that all cells of
    a seed share with little of their own. Operations and seconds of trials grow as the square of the number.
    """
    keys = ["mechanism", "setting"] + ["organisations"] * (len(organisations) > 1)
    cells = []
    for mechanism, setting, number, seed in itertools.product(MECHANISMS, SETTINGS, organisations, SEEDS):
        name = f"{mechanism}-{setting}-{number}-{seed}"
        values = {"mechanism": mechanism, "setting": setting, "organisations": str(number)}
        cells.append(PlannedCell(name, [], {key: values[key] for key in keys}, seed, 1))
        cell = folder / CELLS / name
        cell.mkdir(parents=True)
        (cell / "config.yaml").write_text(configuration())
        if name == lost:
            (cell / ERROR).write_text("memory was <full>\n\nTraceback")
            continue
        rows = _replicates(mechanism, setting, number, seed).to_csv(index=False)
        seconds = {"train": 0.1, "try": 0.01 * number**2, "market": 1.0, "record": 0.5}
        manifest = {"versions": {"python": "3.11", "numpy": "2.4.6"}, "platform": "Linux", "device": "cpu"}
        texts = {"replicates.csv": rows, "manifest.json": json.dumps(manifest | {"seconds": seconds})}
        texts |= {SUMMARY: "", "config.yaml": configuration()}
        RunFolder(cell).change({file: filled(text) for file, text in texts.items()})
    Plan(keys, cells).save(
        RunFolder(folder), "hydra: {overrides: {task: ['mechanism=first_price,mcafee']}}\n"
    )
    return folder


def _replicates(mechanism: str, setting: str, number: int, seed: int) -> pd.DataFrame:
    shared = np.random.default_rng(seed).normal(0, 0.1, REPLICATES)
    place = [*MECHANISMS].index(mechanism), [*SETTINGS].index(setting)
    own = np.random.default_rng([seed, number, *place]).normal(0, 0.01, REPLICATES)
    welfare = {
        "autarky": 0.5 * number + shared,
        setting: (SETTINGS[setting] + MECHANISMS[mechanism]) * number + shared + own,
    }
    frames = []
    for arm, values in welfare.items():
        frame = pd.DataFrame({"arm": arm, "replicate": range(REPLICATES), "welfare": values})
        frame["gini"] = 0.4 if arm == "autarky" else 0.1 + 0.1 * SETTINGS[setting]
        frame["test_accuracy"] = 0.9 + shared / 10
        frame["better_off"] = np.nan if arm == "autarky" else 1.0
        frame["training_flops"] = 1e6
        frame["trial_flops"] = 0.0 if arm == "autarky" else 1e5 * number**2
        frames.append(frame)
    return pd.concat(frames).reindex(columns=["arm", "replicate", *METRICS])
