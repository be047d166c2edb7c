"""What the presets on continuous double auctions share: who plays, and prices in the order of the trades.

Core Objects: hold_session, trade_prices, price_paths
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from agents.strategies import STRATEGIES
from markets.columns import Floats
from markets.theory.schedules import Schedules
from sim.streams import Streams
from sim.textbook.session_record import SessionRecord
from sim.textbook.trading_session import SessionConfig, TradingSession


def hold_session(
    schedules: Schedules, strategy: Mapping[str, Any], config: SessionConfig, streams: Streams
) -> SessionRecord:
    """Let traders who all follow one strategy (its name and fields) trade on some schedules."""
    follower = STRATEGIES.build(strategy)
    return TradingSession(schedules, [follower] * schedules.traders, config, streams).run()


def trade_prices(record: SessionRecord) -> Floats:
    """Return the price of the k-th trade of each market and period, float64 [P, R, K]; NaN after the last."""
    price = record.shouts.price.swapaxes(1, 2)
    traded = ~np.isnan(price)
    order = np.argsort(~traded, axis=2, kind="stable")
    most = int(traded.sum(axis=2).max(initial=0))
    return np.take_along_axis(price, order, axis=2)[:, :, :most]


def price_paths(record: SessionRecord, **labels: str) -> pd.DataFrame:
    """Return the prices of the k-th trades over markets: one row a period and trade.

    Columns: the labels, `period` and `trade` from 1, `first` (the price in the first market), `mean`, the
    `low` and `high` tenth and nine tenths of the markets, and `deviation`, the root mean square distance from
    the equilibrium price, all in credits.
    """
    prices, centre = trade_prices(record), record.equilibrium.price
    rows = []
    for period, of_period in enumerate(prices, start=1):
        for trade, column in enumerate(of_period.T, start=1):
            known = ~np.isnan(column)
            if known.sum() < 2:
                continue
            distance = column[known] - centre[known]
            low, high = np.quantile(column[known], [0.1, 0.9])
            rows.append(
                {
                    **labels,
                    "period": period,
                    "trade": trade,
                    "first": column[0],
                    "mean": column[known].mean(),
                    "low": low,
                    "high": high,
                    "deviation": np.sqrt(np.mean(distance**2)),
                }
            )
    return pd.DataFrame(rows)
