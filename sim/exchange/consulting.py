"""Consulting: where people decide in a round."""

from dataclasses import dataclass

from sim.exchange.tables import Offers, Prospects


@dataclass(frozen=True)
class Consult:
    """Let people see the offers that strategies make in their places, and answer with the offers to bring.

    Only a world that `consults` asks this, and whoever plays its rounds answers; a laboratory cannot.

    Attributes
    ----------
    prospects : Prospects
        What there is to trade.
    offers : Offers
        What the strategies bid and ask. The answer is another, with the same number of rows.
    """

    prospects: Prospects
    offers: Offers
