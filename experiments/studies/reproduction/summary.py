"""What an experiment found: means over replicates with intervals, and paired differences between arms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.findings.statistics import interval, paired_interval
from experiments.studies.reproduction.arms import ALIGNED, SILO


@dataclass(frozen=True)
class Measure:
    """A number for every organisation of an arm and replicate.

    Attributes
    ----------
    column : str
        In the records.
    over_rounds : str
        ``last``, ``sum`` or ``mean`` (of the rounds that have one).
    meaning : str
        With its unit.
    """

    column: str
    over_rounds: str
    meaning: str


MEASURES: dict[str, Measure] = {
    "test_accuracy": Measure("test_accuracy", "last", "test accuracy at the end, share"),
    "test_loss": Measure("test_loss", "last", "test loss at the end, nats an example"),
    "validation_loss": Measure("validation_loss", "last", "validation loss at the end, nats an example"),
    "bought": Measure("bought", "last", "merges"),
    "gain": Measure("gain", "mean", "gain of a purchase on validation data, nats"),
    "weight": Measure("weight", "mean", "merge weight of a purchase"),
    "examples": Measure("examples", "last", "examples trained on"),
    "flops": Measure("flops", "last", "floating-point operations of training and trials"),
    "profit": Measure("profit", "sum", "profit from the use of the model over all rounds, credits"),
    "net": Measure("net", "sum", "profit and payments over all rounds, credits"),
}
"""Everything in ``summary.csv``, by name."""

_OVER: dict[str, Callable[[Any], pd.DataFrame]] = {
    "last": lambda groups: groups.last(),
    "sum": lambda groups: groups.sum(min_count=1),
    "mean": lambda groups: groups.mean(),
}


def chosen_records(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the records that count, cells and arms in the order in which they were planned.

    Whichever learning rate was chosen for an arm, it keeps its place.
    """
    labels = [*keys, "arm"]
    planned = records[labels].drop_duplicates()
    place = pd.Series(range(len(planned)), index=pd.MultiIndex.from_frame(planned))
    counted = records[records["chosen"]]
    order = place.loc[pd.MultiIndex.from_frame(counted[labels])].to_numpy().argsort(kind="stable")
    return counted.iloc[order]


def samples(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return one row a cell, arm and replicate: means over organisations, with the columns `MEASURES`.

    Parameters
    ----------
    records : DataFrame
        As `experiments.studies.reproduction.play.play_preset` returns them; those not `chosen` do not count.
    keys : list of str
        What varies from cell to cell.
    """
    of_sample = [*keys, "arm", "replicate"]
    groups = chosen_records(records, keys).groupby([*of_sample, "organisation"], sort=False)
    each = pd.DataFrame(
        {name: _OVER[m.over_rounds](groups[[m.column]])[m.column] for name, m in MEASURES.items()}
    )
    return each.groupby(level=of_sample, sort=False).mean().reset_index()


def summarise(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return what every arm reached, one row a cell, arm and measure.

    The columns are those of `keys`, then `arm`, `measure`, `mean`, `low` and `high` (95% interval over
    replicates, means over organisations first), `n` (replicates that have it), `learning_rate` and `pull` (as
    chosen) and `meaning`. Arguments as for `samples`.
    """
    tuned = chosen_records(records, keys).drop_duplicates([*keys, "arm"])
    labelled = tuned[[*keys, "arm"]].itertuples(index=False, name=None)
    chosen_by = dict(zip(labelled, zip(tuned["learning_rate"], tuned["pull"], strict=True), strict=True))
    rows = []
    for labels, group in samples(records, keys).groupby([*keys, "arm"], sort=False):
        key = dict(zip([*keys, "arm"], labels, strict=True))
        rate, pull = chosen_by[labels]
        for name, measure in MEASURES.items():
            known = group[name].dropna()
            if len(known):
                row = {**key, "measure": name, **vars(interval(known)), "learning_rate": rate}
                rows.append({**row, "pull": pull, "meaning": measure.meaning})
    return pd.DataFrame(rows)


def compare_arms(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the paired differences of every arm to silo and to the aligned market, where they were played.

    One row a cell, arm, `against` and measure, with the columns of `summarise`: the mean over replicates of
    the arm's number less that of `against`. Arms of a replicate share data, initial weights and visiting
    orders.
    """
    every = samples(records, keys).set_index([*keys, "arm", "replicate"])
    arms = list(dict.fromkeys(records["arm"]))
    rows = []
    cells = records[keys].drop_duplicates().itertuples(index=False) if keys else [()]
    for cell in cells:
        own = every.xs(tuple(cell), level=keys) if keys else every
        for against in (name for name in (SILO, ALIGNED) if name in arms):
            for arm in (name for name in arms if name != against):
                first, second = own.loc[arm].align(own.loc[against], join="inner", axis=0)
                for name, measure in MEASURES.items():
                    known = first[name].notna() & second[name].notna()
                    if known.any():
                        found = paired_interval(first.loc[known, name], second.loc[known, name])
                        key = dict(zip(keys, cell, strict=True)) | {"arm": arm, "against": against}
                        rows.append({**key, "measure": name, **vars(found), "meaning": measure.meaning})
    columns = [*keys, "arm", "against", "measure", "mean", "low", "high", "n", "meaning"]
    return pd.DataFrame(rows, columns=columns)


GAINS = {"test_accuracy": 1, "test_loss": -1, "net": 1}
"""What an organisation gains by, with the sign of a gain; profits are compared in the same regions."""


def gains(records: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return what each organisation gains in each market over silo.

    One row a cell, arm, measure and organisation: the columns of `keys`, `arm`, `measure`, `organisation`,
    `mean`, `low`, `high` and `n` of the gain (a fall of the loss is one) over replicates, and `all_gain`: the
    share of replicates in which every organisation gains. Empty without silo.
    """
    chosen = chosen_records(records, keys)
    of_one = [*keys, "arm", "replicate", "organisation"]
    groups = chosen.groupby(of_one, sort=False)
    each = pd.DataFrame(
        {name: _OVER[MEASURES[name].over_rounds](groups[[name]])[name] for name in GAINS}
    ).reset_index()
    alone = each[each["arm"] == SILO].drop(columns="arm")
    paired = each[each["arm"] != SILO].merge(
        alone, on=[n for n in of_one if n != "arm"], suffixes=("", "_silo")
    )
    rows = []
    for labels, group in paired.groupby([*keys, "arm"], sort=False):
        for name, sign in GAINS.items():
            gain = group.assign(gain=sign * (group[name] - group[f"{name}_silo"])).dropna(subset=["gain"])
            if gain.empty:
                continue
            everyone = float((gain.groupby("replicate")["gain"].min() > 0).mean())
            for organisation, own in gain.groupby("organisation"):
                key = dict(zip([*keys, "arm"], labels, strict=True)) | {"measure": name}
                found = vars(interval(own["gain"]))
                rows.append({**key, "organisation": organisation, **found, "all_gain": everyone})
    return pd.DataFrame(rows)
