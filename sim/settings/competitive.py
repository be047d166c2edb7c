"""Rivals who decide for themselves."""

from pydantic.dataclasses import dataclass

from markets.columns import Floats
from sim.consumers.payoffs import Change
from sim.settings import SETTINGS
from sim.settings.base import Setting


@SETTINGS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Competitive(Setting):
    """Organisations share regions; each maximises its own profit and counts what a rival's gain costs it."""

    name: str = "competitive"

    def value(self, change: Change) -> Floats:
        """Return the buyer's change of profit."""
        return change.buyer

    def cost(self, change: Change) -> Floats:
        """Return the profit that the seller loses, and delivery."""
        return (-change.seller).clip(min=0) + self.delivery
