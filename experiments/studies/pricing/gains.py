"""What organisations earn in a market above what they earn without one.

Core Objects: measure_gains, gains_table
"""

import numpy as np
import pandas as pd

from experiments.findings.statistics import interval
from experiments.studies.pricing.markets import SETTINGS_PLAYED
from sim.config.market import MarketConfig

GAIN_KEYS = ["organisations", "setting", "rule"]
GAINS = ("organisation", "least", "better_off", "consumers", "as_buyer", "as_seller", "trades")


def measure_gains(
    config: MarketConfig, rule: str, tables: dict[str, pd.DataFrame], alone: pd.DataFrame
) -> pd.DataFrame:
    """Return what organisations gained over all rounds, a row for each setting and replicate.

    Columns: those of `GAIN_KEYS`, `replicate`, and `GAINS`: what an `organisation` earned on average, profits
    and payments, above the same data and training without a market; the same of the one that gained `least`;
    the share that is `better_off`; what the deals brought an organisation on average `as_buyer`, value less
    price, and `as_seller`, price less cost, by the values and costs of the round of the deal, all else equal;
    and `trades` a round. Credits, but for the shares and trades.

    Parameters
    ----------
    config : MarketConfig
        The market.
    rule : str
        By which it traded, as the table will call it.
    tables : dict
        What all rounds recorded, by table.
    alone : DataFrame
        The table ``organisations`` of the same rounds without a market.
    """
    rows = []
    for setting in SETTINGS_PLAYED:
        own = {name: table[table["arm"] == setting] for name, table in tables.items()}
        organisations, rounds, trades = own["organisations"], own["rounds"], own["trades"]
        profit, surplus = _without_market(config.in_setting(setting), alone)
        earned = organisations.pivot_table("net", "replicate", "organisation", aggfunc="sum") - profit
        consumers = rounds.groupby("replicate")["consumer_surplus"].sum() - surplus
        for replicate in consumers.index.tolist():
            above = earned.loc[replicate]
            deals = trades[(trades["replicate"] == replicate) & trades["settled"]]
            rows.append(
                {
                    "replicate": replicate,
                    "organisations": config.organisations,
                    "setting": setting,
                    "rule": rule,
                    "organisation": above.mean(),
                    "least": above.min(),
                    "better_off": (above > 0).mean(),
                    "consumers": consumers.loc[replicate] / config.organisations,
                    "as_buyer": (deals["measured_value"] - deals["paid"]).sum() / config.organisations,
                    "as_seller": (deals["received"] - deals["delivery"] - deals["measured_cost"]).sum()
                    / config.organisations,
                    "trades": len(deals) / organisations["round"].nunique(),
                }
            )
    return pd.DataFrame(rows)


def gains_table(gains: pd.DataFrame) -> pd.DataFrame:
    """Return `mean`, `low` and `high` of each gain (`measure`) over replicates, 95% intervals, by keys."""
    rows = []
    for key, own in gains.groupby(GAIN_KEYS, sort=False):
        for measure in GAINS:
            found = interval(own[measure])
            named = dict(zip(GAIN_KEYS, key, strict=True))
            rows.append(
                {**named, "measure": measure, "mean": found.mean, "low": found.low, "high": found.high}
            )
    return pd.DataFrame(rows)


def _without_market(config: MarketConfig, alone: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return profits (replicates by organisations) and consumer surplus of all rounds without a market.

    Without a market qualities do not depend on the setting, but what they earn does.
    """
    downstream = config.downstream()
    quality = alone.pivot_table(index=["replicate", "round"], columns="organisation", values="quality")
    profit, surplus = downstream.outcomes(quality.to_numpy(dtype=np.float64))
    return (
        pd.DataFrame(profit, quality.index, quality.columns).groupby("replicate").sum(),
        pd.Series(surplus, quality.index).groupby("replicate").sum(),
    )
