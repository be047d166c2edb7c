"""How long it takes to learn: rounds, examples and operations to a validation loss."""

import numpy as np
import pandas as pd

from experiments.findings.statistics import interval
from experiments.studies.reproduction.arms import SILO

COSTS = {
    "round": "rounds",
    "examples": "examples trained on",
    "flops": "floating-point operations of training and trials",
}


def time_to_targets(records: pd.DataFrame, keys: list[str], targets: list[float]) -> pd.DataFrame:
    """Return what every organisation had spent at the end of the first round with a target loss or less.

    One row a cell, arm, replicate, organisation and target, with the columns `round`, `examples` and `flops`,
    NaN where the target was not reached. `target` is a text: a loss or, where silo was played, ``silo``: the
    least loss that the same organisation of the same replicate had alone.
    """
    key = [*keys, "arm", "replicate", "organisation"]
    chosen = records[records["chosen"]].sort_values("round", kind="stable")
    everyone = chosen[key].drop_duplicates()
    found = []
    for name, target in _targets(chosen, [name for name in key if name != "arm"], targets).items():
        first = chosen[chosen["validation_loss"] <= target].groupby(key, sort=False)[list(COSTS)].first()
        found.append(everyone.join(first, on=key).assign(target=name))
    return pd.concat(found, ignore_index=True)


def _targets(chosen: pd.DataFrame, owner: list[str], targets: list[float]) -> dict[str, float | pd.Series]:
    """Return every target by name: a number, or one a record."""
    named: dict[str, float | pd.Series] = {f"{target:g}": target for target in targets}
    alone = chosen[chosen["arm"] == SILO]
    if len(alone):
        least = alone.groupby(owner)["validation_loss"].min().rename("least")
        named[SILO] = chosen.join(least, on=owner)["least"]
    return named


def convergence_table(records: pd.DataFrame, keys: list[str], targets: list[float]) -> pd.DataFrame:
    """Return one row a cell, target, arm and cost.

    Columns: those of `keys`, `target` (see `time_to_targets`), `arm`, `cost` (a name in `COSTS`), `reached`
    (share of organisations and replicates that reached it), `mean`, `low`, `high`, `n` (mean over
    organisations with its 95% interval over the replicates in which all organisations reached it), and
    `ratio`, `ratio_low`, `ratio_high`: the same of what the arm needed over what silo needed, in the
    replicates in which both reached it. A mean of those that reached it alone says little where few did.
    """
    times = time_to_targets(records, keys, targets)
    group = [*keys, "target", "arm", "replicate"]
    grouped = times.groupby(group, sort=False)
    missed = grouped["round"].apply(lambda column: column.isna().any())
    means = grouped[list(COSTS)].mean().mask(missed, np.nan).reset_index()
    reached = times.assign(reached=times["round"].notna()).groupby(group[:-1], sort=False)["reached"].mean()
    share = dict(zip(reached.index.tolist(), reached, strict=True))
    alone = means[means["arm"] == SILO].drop(columns="arm")
    paired = means.merge(alone, on=[*keys, "target", "replicate"], how="left", suffixes=("", "_silo"))
    rows = []
    for labels, own in paired.groupby(group[:-1], sort=False):
        for cost in COSTS:
            row = dict(zip(group[:-1], labels, strict=True)) | {"cost": cost, "reached": share[labels]}
            row |= dict(zip(("mean", "low", "high", "n"), _interval(own[cost]), strict=True))
            ratio = own[cost] / own[f"{cost}_silo"]
            row |= dict(zip(("ratio", "ratio_low", "ratio_high"), _interval(ratio), strict=False))
            rows.append(row | {"meaning": COSTS[cost]})
    return pd.DataFrame(rows)


def _interval(column: pd.Series) -> tuple[float, float, float, int]:
    known = column.dropna()
    if known.empty:
        return (np.nan, np.nan, np.nan, 0)
    found = interval(known)
    return (found.mean, found.low, found.high, found.n)
