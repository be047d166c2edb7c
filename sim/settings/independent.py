"""Monopolists."""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Ints
from sim.consumers.payoffs import DownstreamMarket
from sim.settings import SETTINGS
from sim.settings.competitive import Competitive


@SETTINGS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Independent(Competitive):
    """Every organisation is a monopolist in its own region, facing the outside option: nobody is a rival."""

    name: str = "independent"

    def downstream(self, organisations: int, region: Ints | None = None) -> DownstreamMarket:  # noqa: ARG002
        """Return one region for every organisation."""
        return DownstreamMarket(np.arange(organisations), self.demand)
