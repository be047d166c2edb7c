"""Induced values: what every unit is worth to its buyer and costs its seller, and where demand meets supply.

Core Objects: Schedules, Equilibrium, smith_schedules
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from markets.books.margin import Margin
from markets.columns import Bools, Floats, Ints, freeze
from markets.refusals import InputError


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """Where demand meets supply in each of R markets; columns of shape [R].

    Attributes
    ----------
    low, high : float64
        The least and the largest price that clears the market, in credits; infinite where one side is empty.
    quantity : int64
        K, the largest number of units for which the K-th value covers the K-th cost.
    gains : float64
        The largest sum of values less costs, in credits.
    """

    low: Floats
    high: Floats
    quantity: Ints
    gains: Floats

    @property
    def price(self) -> Floats:
        """The middle of the clearing prices, float64[R], in credits."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, eq=False)
class Schedules:
    """Demand and supply of R markets with the same N roles. Make it with `Schedules.of`, which validates.

    Attributes
    ----------
    limit : float64[R, N, U]
        What each unit is worth to its buyer, falling, or costs its seller, rising, in credits; NaN after a
        trader's last unit.
    is_buyer : bool[N]
        The buyers come first.
    """

    limit: Floats
    is_buyer: Bools

    @classmethod
    def of(cls, values: npt.ArrayLike, costs: npt.ArrayLike, markets: int = 1) -> "Schedules":
        """Copy, validate and freeze.

        Parameters
        ----------
        values, costs : array_like [m], [m, U] or [R, m, U]; [n], ...
            Of the units of m buyers and n sellers: one unit each, several, or several that differ between
            markets. NaN after a trader's last unit.
        markets : int
            How many copies of the same schedules to make, where R is not given by the arrays.

        Raises
        ------
        InputError
            If the shapes do not fit, a side is empty, an amount is infinite or negative, a gap comes before a
            unit, or values rise or costs fall from unit to unit.

        Examples
        --------
        >>> Schedules.of([9.0, 8.0], [3.0, 4.0]).equilibrium().gains
        array([10.])
        """
        if markets < 1:
            raise InputError(f"schedules.markets must be at least 1; got {markets}")
        buyers, sellers = _units("values", values, -1), _units("costs", costs, 1)
        count = max(markets, len(buyers), len(sellers))
        for field, side in (("values", buyers), ("costs", sellers)):
            if len(side) not in (1, count):
                raise InputError(f"schedules.{field} must be of {count} markets or of one; got {len(side)}")
        width = max(buyers.shape[2], sellers.shape[2])
        limit = np.concatenate([_widened(side, count, width) for side in (buyers, sellers)], axis=1)
        is_buyer = np.arange(limit.shape[1]) < buyers.shape[1]
        freeze(limit)
        freeze(is_buyer)
        return cls(limit, is_buyer)

    @property
    def markets(self) -> int:
        """R."""
        return self.limit.shape[0]

    @property
    def traders(self) -> int:
        """N, buyers and sellers together."""
        return self.limit.shape[1]

    def equilibrium(self) -> Equilibrium:
        """Return where demand meets supply in each market; O(R M log M) for M units a market.

        With values falling, v_1 >= v_2 >= ..., costs rising and K the largest k with v_k >= c_k: the prices
        [max(c_K, v_{K+1}), min(v_K, c_{K+1})], as in `markets.books.margin.Margin`.
        """
        nothing = np.where(self.is_buyer, -np.inf, np.inf)[:, None]
        limit = np.where(np.isnan(self.limit), nothing, self.limit)
        value = -np.sort(-limit[:, self.is_buyer].reshape(self.markets, -1), axis=1)
        cost = np.sort(limit[:, ~self.is_buyer].reshape(self.markets, -1), axis=1)
        short = min(value.shape[1], cost.shape[1])
        covered = value[:, :short] >= cost[:, :short]
        gains = np.subtract(
            value[:, :short], cost[:, :short], out=np.zeros(covered.shape), where=covered
        ).sum(axis=1)
        margin = Margin.of(value, cost)
        return Equilibrium(low=margin.low, high=margin.high, quantity=margin.quantity, gains=gains)

    def profits_at(self, price: Floats) -> Floats:
        """Return what each trader makes when all its units that pay trade at its market's price [R].

        Returns
        -------
        float64[R, N]
            In credits.
        """
        sign = np.where(self.is_buyer, 1.0, -1.0)[:, None]
        return np.nansum((sign * (self.limit - price[:, None, None])).clip(min=0), axis=2)


def smith_schedules(markets: int = 1) -> Schedules:
    """Return eleven buyers with values 200, 190, ..., 100 and eleven sellers with costs 50, 60, ..., 150.

    A symmetric market after those of V. L. Smith (1962), J. Political Economy 70: eight units trade at prices
    from 120 to 130.

    Examples
    --------
    >>> equilibrium = smith_schedules().equilibrium()
    >>> equilibrium.quantity, equilibrium.low, equilibrium.high
    (array([8]), array([120.]), array([130.]))
    """
    return Schedules.of(np.arange(200.0, 90.0, -10.0), np.arange(50.0, 160.0, 10.0), markets)


def _units(field: str, given: npt.ArrayLike, direction: int) -> Floats:
    """Return a side as float64[R or 1, traders, units], checked; `direction` says whether units rise."""
    side = np.array(given, dtype=np.float64)
    if side.ndim not in (1, 2, 3) or not side.size:
        raise InputError(
            f"schedules.{field} must have 1, 2 or 3 axes and some units; got the shape {side.shape}"
        )
    if side.ndim == 1:
        side = side[:, None]
    side = side.reshape((-1, *side.shape[-2:]))
    if np.isinf(side).any() or (side < 0).any():
        raise InputError(f"schedules.{field} must be finite and not negative, or NaN where there is no unit")
    step = direction * np.diff(side, axis=2)
    if (np.isnan(side[:, :, :-1]) & ~np.isnan(side[:, :, 1:])).any() or (step < 0).any():
        order = "rise" if direction < 0 else "fall"
        raise InputError(
            f"schedules.{field} must not {order} from a trader's unit to its next, with NaN at the end"
        )
    return side


def _widened(side: Floats, markets: int, units: int) -> Floats:
    """Return a side for that many markets and units."""
    padding = ((0, 0), (0, 0), (0, units - side.shape[2]))
    padded = np.pad(side, padding, constant_values=np.nan)
    return np.broadcast_to(padded, (markets, *padded.shape[1:]))
