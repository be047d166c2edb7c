"""The summary of a run: what came out by arm, with confidence intervals over replicates, from records alone.

Every comparison is paired: an organisation is compared with itself, in the same replicate, without a market.
The baseline of an arm is what autarky's models would earn in that arm's regions, so that a monopolist is
compared with a monopolist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from experiments.configuration.keys import Config
from experiments.findings.statistics import Interval, interval
from experiments.findings.without_market import Alone, earned_alone
from sim.consumers.welfare import atkinson, gini, nash_welfare, price_of_anarchy, share_better_off

METRICS: dict[str, str] = {
    "welfare": "total welfare, credits",
    "welfare_gain": "welfare above autarky in the same regions, credits",
    "consumer_surplus": "consumer surplus, credits",
    "profits": "organisations' profits, net of payments, credits",
    "broker_surplus": "broker's surplus, credits",
    "test_accuracy": "mean test accuracy after the last round",
    "accuracy_gain": "mean test accuracy above autarky",
    "test_loss": "mean test loss after the last round, nats",
    "better_off": "share of organisations better off than in autarky",
    "gini": "Gini index of net profits",
    "atkinson": "Atkinson index (1/2) of net profits",
    "nash_welfare": "geometric mean of net profits, credits",
    "minimum": "least net profit, credits",
    "allocative_efficiency": "realised over first-best gains from trade",
    "price_of_anarchy": "cooperative over competitive welfare",
    "trial_gain": "mean gain that a trial found, nats an example",
    "trades": "trades",
    "volume": "payments for blocks, credits",
    "welfare_improving": "trials that would raise welfare",
    "withheld": "welfare-improving trials withheld by sellers, who would lose more than the buyer gains",
    "withheld_welfare": "welfare that withheld blocks would have added, credits",
    "refused": "orders and trades refused",
    "training_flops": "floating-point operations of training",
    "trial_flops": "floating-point operations of trials",
    "rounds_to_autarky": "first round whose mean accuracy is at least autarky's last",
    "flops_to_autarky": "training operations until then",
}


@dataclass(frozen=True)
class Findings:
    """What a run found.

    Attributes
    ----------
    replicates : DataFrame
        One row an arm and replicate, one column a metric of `METRICS` (NaN where a metric does not apply).
    gains : DataFrame
        One row an arm, replicate and organisation: `net` profit, its `baseline` in autarky, and `gain`.
    table : DataFrame
        One row an arm and metric: `mean`, `low` and `high` of the 95% interval, and the number `n` of
        replicates behind it.
    """

    replicates: pd.DataFrame
    gains: pd.DataFrame
    table: pd.DataFrame

    def value(self, arm: str, metric: str) -> Interval | None:
        """Return the mean and interval of a metric in an arm; None where it does not apply."""
        return self._intervals.get((arm, metric))

    @cached_property
    def _intervals(self) -> dict[tuple[str, str], Interval]:
        columns = (self.table[name].tolist() for name in ("arm", "metric", "mean", "low", "high", "n"))
        return {(arm, metric): Interval(*numbers) for arm, metric, *numbers in zip(*columns, strict=True)}


def summarise(config: Config, tables: dict[str, pd.DataFrame]) -> Findings:
    """Return the findings of a run from its tables `rounds` and `organisations`."""
    gains = organisation_gains(config, tables)
    replicates = per_replicate(config, tables["rounds"], gains)
    if "autarky" in config.arms:
        autarky = welfare_of_autarky(config, tables)
        at = pd.MultiIndex.from_frame(replicates[["arm", "replicate"]])
        gain = replicates["welfare"] - autarky.reindex(at).to_numpy()
        replicates["welfare_gain"] = gain.where(replicates["arm"] != "autarky")
    rows = [
        {"arm": arm, "metric": metric, "meaning": METRICS[metric]} | vars(interval(group[metric].dropna()))
        for arm, group in replicates.groupby("arm", sort=False)
        for metric in METRICS
        if metric in group and group[metric].notna().any()
    ]
    return Findings(replicates, gains, pd.DataFrame(rows))


def organisation_gains(config: Config, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each organisation's net profit over the run, by arm and replicate, with its autarky baseline."""
    organisations = tables["organisations"]
    keys = ["arm", "replicate", "organisation"]
    net = organisations.groupby(keys, sort=False)["net"].sum().reset_index()
    if "autarky" not in config.arms:
        return net.assign(baseline=np.nan, gain=np.nan)
    alone = organisations[organisations["arm"] == "autarky"]
    baselines = [
        alone.assign(arm=arm, baseline=_alone(config, arm, tables).net.ravel())
        .groupby(keys, sort=False)["baseline"]
        .sum()
        for arm in config.arms
    ]
    net = net.merge(pd.concat(baselines).reset_index(), on=keys, validate="one_to_one")
    return net.assign(gain=net["net"] - net["baseline"])


def welfare_of_autarky(config: Config, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return what autarky's models would yield over the run in each arm's regions, by arm and replicate."""
    organisations = tables["organisations"]
    alone = organisations[organisations["arm"] == "autarky"]
    replicate = alone["replicate"].to_numpy()[:: config.organisations]
    found = {}
    for arm in config.arms:
        found[arm] = pd.Series(_alone(config, arm, tables).welfare).groupby(replicate).sum()
    return pd.concat(found, names=["arm", "replicate"])


def per_replicate(config: Config, rounds: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of every arm and replicate."""
    keys = ["arm", "replicate"]
    by_world = rounds.groupby(keys, sort=False)
    sums = [
        "welfare",
        "consumer_surplus",
        "profits",
        "broker_surplus",
        "trades",
        "volume",
        "welfare_improving",
        "withheld",
        "withheld_welfare",
        "refused",
        "training_flops",
        "trial_flops",
    ]
    found = by_world[sums].sum()
    last = rounds[rounds["round"] == rounds["round"].max()].set_index(keys)
    found = found.join(last[["test_accuracy", "test_loss"]])
    found["trial_gain"] = by_world["trial_gain"].sum() / by_world["trials"].sum().replace(0, np.nan)
    best = by_world["gains_first_best"].sum()
    possible = by_world["allocative_efficiency"].count() > 0
    found["allocative_efficiency"] = by_world["gains_realised"].sum() / best.where(possible)
    found = found.join(_distribution(gains))
    found = found.join(_against_autarky(config, rounds, found))
    if {"competitive", "cooperative"} <= set(config.arms):
        found["price_of_anarchy"] = _price_of_anarchy(found["welfare"].unstack("arm"))  # noqa: PD010
    return found.reset_index()


def _price_of_anarchy(welfare: pd.DataFrame) -> pd.Series:
    """Return cooperative over competitive welfare for each replicate, at the competitive arm."""
    ratio = [price_of_anarchy(*pair) for pair in welfare[["cooperative", "competitive"]].to_numpy()]
    return pd.concat({"competitive": pd.Series(ratio, welfare.index)}, names=["arm"])


def _distribution(gains: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (arm, replicate), group in gains.groupby(["arm", "replicate"], sort=False):
        net = group["net"].to_numpy()
        row = {"arm": arm, "replicate": replicate, "minimum": net.min(), "nash_welfare": nash_welfare(net)}
        row |= {"gini": gini(net), "atkinson": atkinson(net, 0.5)}
        if arm != "autarky" and group["baseline"].notna().all():
            row["better_off"] = share_better_off(net, group["baseline"].to_numpy())
        rows.append(row)
    return pd.DataFrame(rows).set_index(["arm", "replicate"])


def _against_autarky(config: Config, rounds: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return gains over autarky in accuracy, and how soon its last accuracy was reached."""
    if "autarky" not in config.arms:
        return pd.DataFrame(index=found.index)
    accuracy = rounds.pivot_table(
        index=["arm", "replicate"], columns="round", values="test_accuracy", sort=False
    )
    flops = rounds.pivot_table(
        index=["arm", "replicate"], columns="round", values="training_flops", sort=False
    )
    last = accuracy.xs("autarky")[rounds["round"].max()]
    target = last.reindex(accuracy.index.get_level_values("replicate")).to_numpy()
    there = accuracy.to_numpy() >= target[:, None]
    reached, first = there.any(axis=1), there.argmax(axis=1)
    spent = np.take_along_axis(flops.to_numpy().cumsum(axis=1), first[:, None], axis=1)[:, 0]
    result = pd.DataFrame(index=accuracy.index)
    result["accuracy_gain"] = accuracy.iloc[:, -1].to_numpy() - target
    result["rounds_to_autarky"] = np.where(reached, accuracy.columns.to_numpy()[first], np.nan)
    result["flops_to_autarky"] = np.where(reached, spent, np.nan)
    result.loc["autarky", "accuracy_gain"] = np.nan
    return result


def _alone(config: Config, arm: str, tables: Mapping[str, pd.DataFrame]) -> Alone:
    """Return what autarky's models would have earned in an arm's regions, round by round."""
    names = [name for name in ("organisations", "means") if name in tables]
    alone = {name: tables[name][tables[name]["arm"] == "autarky"] for name in names}
    return earned_alone(config.market().in_setting(arm), alone)
