"""Readings: a number with its interval, and whether it says what a claim expects of it.

Core Objects: Reading, difference, differences_by_cell, gain_of_each, trend, between_cells, saved, rates,
price_readings
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from experiments.findings.statistics import Interval, interval, paired_interval
from experiments.studies.pricing.prices import READINGS
from experiments.studies.reproduction.arms import SILO
from experiments.studies.reproduction.convergence import COSTS, convergence_table
from experiments.studies.reproduction.rate import rate_table
from experiments.studies.reproduction.summary import MEASURES, samples
from markets.columns import Floats
from markets.refusals import InputError

ACCURACY = "test_accuracy"


@dataclass(frozen=True)
class Reading:
    """One measured number of a claim.

    Attributes
    ----------
    label : str
        What it is, with its unit.
    found : Interval
        Mean and 95% interval over replicates.
    claimed : bool
        Whether the claim says that the number is positive; if not, it stands beside it.
    bound : bool
        Whether the claim says only that the number is not negative, as a theorem's bound does: it then holds
        unless the whole interval is below 0.
    remark : str
        What a reader must know of it.
    """

    label: str
    found: Interval
    claimed: bool = True
    bound: bool = False
    remark: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the whole interval is above 0 (a bound: not below it); None where nothing is claimed."""
        if not self.claimed:
            return None
        return bool(math.isfinite(self.found.low) and (self.found.high if self.bound else self.found.low) > 0)

    @property
    def contradicts(self) -> bool:
        """Whether the whole interval is below 0, which is more than not holding."""
        return self.claimed and self.found.high < 0

    def beside(self, remark: str) -> "Reading":
        """Return the same number as one of which the claim says nothing."""
        return replace(self, claimed=False, remark=remark)


def difference(records: pd.DataFrame, arm: str, against: str, measure: str = ACCURACY) -> Reading:
    """Return the paired difference of a measure between two arms of a preset that does not vary.

    Parameters
    ----------
    records : DataFrame
        As `experiments.studies.reproduction.play.play_preset` returns them.
    arm, against : str
        Arms that were played on the same replicates.
    measure : str
        A name in `experiments.studies.reproduction.summary.MEASURES`.
    """
    table = samples(records, [])
    return Reading(_label(arm, against, measure), _paired(table, arm, against, measure))


def differences_by_cell(records: pd.DataFrame, key: str, arm: str, against: str) -> list[Reading]:
    """Return the same in test accuracy for every value of a key that varies, in the order of the preset."""
    table = samples(records, [key])
    return [
        Reading(f"{key}={value}: {_label(arm, against, ACCURACY)}", _paired(own, arm, against, ACCURACY))
        for value, own in table.groupby(key, sort=False)
    ]


def gain_of_each(
    records: pd.DataFrame, arm: str, against: str, measure: str = ACCURACY, key: str = ""
) -> list[Reading]:
    """Return the paired difference of each organisation, for each value of a key that varies."""
    by = [key] * bool(key) + ["organisation"]
    readings = []
    for labels, own in records.groupby(by, sort=False):
        which = f"organisation {int(str(labels[-1])) + 1}: {_label(arm, against, measure)}"
        label = f"{key}={labels[0]}, {which}" if key else which
        readings.append(Reading(label, _paired(samples(own, []), arm, against, measure)))
    return readings


def trend(records: pd.DataFrame, key: str, arm: str, against: str, first: str, last: str) -> Reading:
    """Return by how much more `arm` is above `against` at the value `first` of a key than at `last`."""
    table = samples(records, [key])
    gains = {
        value: _column(own, arm, ACCURACY) - _column(own, against, ACCURACY)
        for value, own in table.groupby(key, sort=False)
    }
    label = f"{arm} less {against}, at {key}={first} less at {key}={last}: test accuracy, share"
    return Reading(label, interval(gains[first] - gains[last]))


def between_cells(records: pd.DataFrame, key: str, first: str, last: str, arm: str) -> Reading:
    """Return the paired difference of an arm's test accuracy between two values of a key that varies."""
    table = samples(records, [key])
    one, other = (_column(table[table[key] == value], arm, ACCURACY) for value in (first, last))
    label = f"{arm}, {key}={first} less {last}: {MEASURES[ACCURACY].meaning}"
    return Reading(label, paired_interval(one, other))


def saved(records: pd.DataFrame, key: str, arm: str, cost: str) -> list[Reading]:
    """Return which part of a cost an arm saves on the way to the least loss that silo reaches.

    One reading a value of the key that varies, 1 less the ratio to what silo needed itself, over the
    replicates in which both reached it. `cost` is a name in
    `experiments.studies.reproduction.convergence.COSTS`.
    """
    table = convergence_table(records, [key], [])
    own = table[(table["target"] == SILO) & (table["arm"] == arm) & (table["cost"] == cost)]
    readings = []
    for row in own.to_dict("records"):
        found = Interval(1 - row["ratio"], 1 - row["ratio_high"], 1 - row["ratio_low"], int(row["n"]))
        remark = f"silo's least loss was reached by {row['reached']:.0%}"
        label = f"{key}={row[key]}: part of {COSTS[cost]} that {arm} saves"
        readings.append(Reading(label, found, remark=remark))
    return readings


def rates(records: pd.DataFrame) -> list[Reading]:
    """Return by how much the slope of squared gradients against the horizon is below -1/2, for each arm."""
    readings = []
    for row in rate_table(records).to_dict("records"):
        bound = row["bound"]
        found = Interval(bound - row["slope"], bound - row["high"], bound - row["low"], int(row["n"]))
        label = f"{row['arm']}: -1/2 less the slope of log squared gradient on log rounds"
        readings.append(Reading(label, found, bound=True))
    return readings


def price_readings(prices: pd.DataFrame) -> list[Reading]:
    """Return how much nearer prices come to those of full information, the more the broker tells.

    `prices` are those of `experiments.studies.pricing.command.play_pricing`: distances relative to the price
    of full information, the slope of the loss told truly.
    """
    readings = []
    for setting, own in prices[prices["rule"] == READINGS].groupby("setting", sort=False):
        told = own[own["told"] == "steepest slope"].pivot_table(
            index="replicate", columns="probes", values="distance"
        )
        prior = own[own["told"] == "prior"].set_index("replicate")["distance"]
        pairs = [("no losses told", told[0]), ("4 losses", told[4]), ("16 losses", told[16])]
        before, less = "the prior", prior
        for name, now in pairs:
            label = f"{setting}: distance of prices under {before} less that under bounds, {name}"
            readings.append(Reading(label, paired_interval(less.sort_index(), now.sort_index())))
            before, less = name, now
    return readings


def _label(arm: str, against: str, measure: str) -> str:
    return f"{arm} less {against}: {MEASURES[measure].meaning}"


def _paired(table: pd.DataFrame, arm: str, against: str, measure: str) -> Interval:
    return paired_interval(_column(table, arm, measure), _column(table, against, measure))


def _column(table: pd.DataFrame, arm: str, measure: str) -> Floats:
    own = table[table["arm"] == arm].sort_values("replicate")
    if own.empty:
        raise InputError(f"records must hold the arm {arm!r}; got {', '.join(dict.fromkeys(table['arm']))}")
    return own[measure].to_numpy(dtype=np.float64)
