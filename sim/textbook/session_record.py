"""What happened in a trading session, and how near its markets came to equilibrium.

Core Objects: SessionRecord, Shouts
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markets.books.parallel_books import Shouted
from markets.checks.convergence import allocative_efficiency, profit_dispersion, smith_alpha
from markets.columns import Bools, Floats, Ints
from markets.theory.schedules import Equilibrium, Schedules


@dataclass(frozen=True, eq=False)
class Shouts:
    """Who shouted what and what became of it; arrays of shape [periods, steps, R].

    Attributes
    ----------
    trader : int64
        Who had the turn, -1 after the market had closed.
    quote : float64
        In credits; NaN where nothing was said.
    stands : bool
        Whether the quote stood.
    price : float64
        At which it traded at once, in credits; NaN if it did not.
    counterparty : int64
        Whose standing quote it traded with, -1 for none.
    """

    trader: Ints
    quote: Floats
    stands: Bools
    price: Floats
    counterparty: Ints

    @classmethod
    def empty(cls, periods: int, steps: int, markets: int) -> "Shouts":
        """Return room for a session in which nothing has happened."""
        shape = periods, steps, markets
        nobody, nothing = np.full(shape, -1), np.full(shape, np.nan)
        return cls(nobody, nothing, np.zeros(shape, dtype=bool), nothing.copy(), nobody.copy())

    def write(self, at: tuple[int, int], trader: Ints, quote: Floats, shouted: Shouted) -> None:
        """Enter what happened in a (period, step)."""
        self.trader[at] = trader
        self.quote[at] = quote
        self.stands[at] = shouted.stands
        self.price[at] = shouted.price
        self.counterparty[at] = shouted.counterparty


@dataclass(frozen=True, eq=False)
class SessionRecord:
    """A session of P periods in R markets of N traders.

    Attributes
    ----------
    schedules : Schedules
        Values and costs.
    shouts : Shouts
        Everything that was said.
    profit : float64[P, R, N]
        What each trader made, in credits.
    units : int64[P, R, N]
        How many units each traded.
    """

    schedules: Schedules
    shouts: Shouts
    profit: Floats
    units: Ints

    @property
    def equilibrium(self) -> Equilibrium:
        """The competitive equilibrium of each market."""
        return self.schedules.equilibrium()

    @property
    def efficiency(self) -> Floats:
        """Realised over first-best gains, float64[P, R]."""
        return allocative_efficiency(self.profit, self.equilibrium.gains)

    @property
    def alpha(self) -> Floats:
        """Smith's coefficient of convergence, float64[P, R], in percent of the middle equilibrium price."""
        return smith_alpha(self.shouts.price.swapaxes(1, 2), self.equilibrium.price)

    @property
    def dispersion(self) -> Floats:
        """Dispersion of profits around those at the middle equilibrium price, float64[P, R], in credits."""
        return profit_dispersion(self.profit, self.schedules.profits_at(self.equilibrium.price))

    def columns(self) -> dict[str, NDArray]:
        """Return the tape, one row a quote by period, step and market.

        Columns `period`, `step`, `market`, `trader`, `is_bid`, `quote`, `stands`, `price` (NaN if it did not
        trade at once) and `counterparty` (-1 for none).
        """
        said = ~np.isnan(self.shouts.quote)
        period, step, market = np.nonzero(said)
        rows = {name: column[said] for name, column in vars(self.shouts).items()}
        is_bid = self.schedules.is_buyer[rows["trader"]]
        front = {
            "period": period,
            "step": step,
            "market": market,
            "trader": rows.pop("trader"),
            "is_bid": is_bid,
        }
        return front | rows
