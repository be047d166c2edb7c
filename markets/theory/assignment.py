"""Different goods, buyers that want one.

Values and costs are independent and uniform on [0, 1] unless a function says otherwise; money is in credits.

Core Objects: vickrey_utilities, competitive_prices, HousingMarket, SHAPLEY_SHUBIK
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment, linprog

from markets.columns import Floats


def vickrey_utilities(surplus: npt.ArrayLike) -> Floats:
    """Return what each buyer of an assignment market adds: W(N) - W(N without i).

    The buyers' utilities under Vickrey, Clarke and Groves and at the least competitive prices alike (Leonard
    1983, J. Political Economy 91).

    Parameters
    ----------
    surplus : array_like[B, U]
        Non-negative surplus of each buyer from each unit, in credits.

    Returns
    -------
    float64[B]
        Utilities in credits. B + 1 assignment problems are solved.
    """
    worth = np.asarray(surplus, dtype=np.float64)

    def welfare(of: Floats) -> float:
        return float(of[linear_sum_assignment(of, maximize=True)].sum())

    everybody = welfare(worth)
    return np.array([everybody - welfare(np.delete(worth, i, axis=0)) for i in range(len(worth))])


def competitive_prices(surplus: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the least and the most competitive prices of an assignment market, above the sellers' asks.

    The core of the market is the set of optimal dual solutions: u_i + p_j >= a_ij, of which the sum is the
    first best. Its prices are a lattice, so the least and the most sum of prices belong to the corners
    (Shapley and Shubik 1971, Int. J. Game Theory 1).

    Parameters
    ----------
    surplus : array_like[B, U]
        Non-negative surplus of each buyer from each unit, in credits.

    Returns
    -------
    least, most : float64[U]
        In credits. Two linear programs with B U restrictions.
    """
    worth = np.asarray(surplus, dtype=np.float64)
    buyers, units = worth.shape
    best = worth[linear_sum_assignment(worth, maximize=True)].sum()
    pairs = np.hstack([np.repeat(np.eye(buyers), units, axis=0), np.tile(np.eye(units), (buyers, 1))])
    corners = [
        linprog(
            np.r_[np.zeros(buyers), np.full(units, sign)],
            A_ub=-pairs,
            b_ub=-worth.ravel(),
            A_eq=np.ones((1, buyers + units)),
            b_eq=[best],
        ).x[buyers:]
        for sign in (1.0, -1.0)
    ]
    return corners[0], corners[1]


class HousingMarket(NamedTuple):
    """A published assignment market with its solution.

    Attributes
    ----------
    reserves : tuple of float
        Of the seller of each house.
    values : tuple of tuples of float
        Of each house (first index) to each buyer (second index).
    gains : float
        The largest sum of surpluses.
    buyer_of_house : tuple of int
        The optimal assignment.
    least_prices, most_prices : tuple of float
        The corners of the core: best for all buyers, best for all sellers.
    """

    reserves: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    gains: float
    buyer_of_house: tuple[int, ...]
    least_prices: tuple[float, ...]
    most_prices: tuple[float, ...]


SHAPLEY_SHUBIK = HousingMarket(
    reserves=(18, 15, 19),
    values=((23, 26, 20), (22, 24, 21), (21, 22, 17)),
    gains=16,
    buyer_of_house=(1, 2, 0),
    least_prices=(21, 20, 19),
    most_prices=(23, 21, 20),
)
"""Three houses in thousands of dollars; Shapley and Shubik (1971), Int. J. Game Theory 1, section 3.3."""
