"""What organisations would have earned without a market: the yardstick of every comparison.

Without a market qualities do not depend on the setting, but what they earn does: autarky's models are put
into the regions of another world, so that a monopolist is compared with a monopolist.

Core Objects: Alone, earned_alone
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from markets.columns import Floats
from sim.config.market import MarketConfig
from sim.membership import PRESENT


@dataclass(frozen=True)
class Alone:
    """What M rounds of a world without a market yield in the regions of another.

    Attributes
    ----------
    net : float64 [M, N]
        Profits from consumers, less what training cost.
    surplus : float64 [M]
        Consumer surplus.
    """

    net: Floats
    surplus: Floats

    @property
    def welfare(self) -> Floats:
        """Consumer surplus and profits, less what training cost, [M]."""
        welfare: Floats = self.net.sum(axis=1) + self.surplus
        return welfare


def earned_alone(market: MarketConfig, tables: Mapping[str, pd.DataFrame]) -> Alone:
    """Return what organisations without a market would have earned in the regions of a world.

    Parameters
    ----------
    market : MarketConfig
        The world.
    tables : mapping
        ``organisations``, and ``means`` where it was recorded, of rounds without a market: N rows a round.
    """
    alone, shape = tables["organisations"], (-1, market.organisations)
    quality = np.exp(-alone["validation_loss"].to_numpy()).reshape(shape)
    present = alone["status"].isin(PRESENT).to_numpy().reshape(shape)
    cost, spent = None, np.zeros(quality.shape)
    if "means" in tables:
        cost, spent = (tables["means"][name].to_numpy().reshape(shape) for name in ("use_cost", "training"))
    profit, surplus = market.downstream().outcomes(quality, present, cost)
    return Alone(profit - spent, surplus)
