"""What a world did, round by round: played just now, or read from the records of a run.

Core Objects: Chronicle, beside_autarky
"""

from dataclasses import dataclass, field

import pandas as pd

from experiments.findings.without_market import earned_alone
from markets.columns import Ints
from sim.config.market import MarketConfig

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Chronicle:
    """The story of one world.

    Attributes
    ----------
    market : MarketConfig
        The world.
    rounds : list of Tables
        The tables of each round, as in the records of a run. Where there is a world without a market beside
        it, `organisations` has what each would have had in the columns `net_alone` and `accuracy_alone`, and
        `rounds` has `welfare_alone`. A world that is played has one table more: `classes`, with each
        organisation's accuracy on the test examples of each class.
    endowments : int64 [N, K] or None
        Examples that each organisation owns of each class; None where they are not known.
    """

    market: MarketConfig
    rounds: list[Tables] = field(default_factory=list)
    endowments: Ints | None = None

    def __len__(self) -> int:
        return len(self.rounds)

    def at(self, number: int) -> Tables:
        """Return the tables of a round, counted from 1."""
        return self.rounds[number - 1]

    def until(self, number: int, name: str) -> pd.DataFrame:
        """Return a table of all rounds up to one, with the column `round`."""
        parts = [tables[name].assign(round=n) for n, tables in enumerate(self.rounds[:number], start=1)]
        return pd.concat(parts, ignore_index=True)


def beside_autarky(market: MarketConfig, tables: Tables, alone: Tables) -> Tables:
    """Return the tables of a round with what the organisations would have had without a market.

    Parameters
    ----------
    market : MarketConfig
        The world whose tables they are. The models of the other world are put into the regions of this one,
        so that a monopolist is compared with a monopolist.
    tables : Tables
        Tables of one round.
    alone : Tables
        Those of the same round in the world without a market.
    """
    earned = earned_alone(market, alone)
    accuracy = alone["organisations"]["test_accuracy"].to_numpy()
    organisations = tables["organisations"].assign(net_alone=earned.net[0], accuracy_alone=accuracy)
    rounds = tables["rounds"].assign(welfare_alone=earned.welfare[0])
    return {**tables, "organisations": organisations, "rounds": rounds}
