"""How near a market came to its competitive equilibrium.

Core Objects: allocative_efficiency, smith_alpha, profit_dispersion
"""

import numpy as np
import numpy.typing as npt

from markets.accounts.money import HALF_A_UNIT
from markets.columns import Floats


def allocative_efficiency(profits: npt.ArrayLike, gains: npt.ArrayLike) -> Floats:
    """Return the sum of profits over the largest possible gains; NaN where these round to no micro-credit.

    Parameters
    ----------
    profits : float64[..., N]
        Of each trader, in credits.
    gains : float64[...]
        First best, in credits.
    """
    realised, best = np.sum(profits, axis=-1), np.asarray(gains, dtype=np.float64)
    nothing = np.full(np.broadcast(realised, best).shape, np.nan)
    return np.divide(realised, best, out=nothing, where=best >= HALF_A_UNIT)


def smith_alpha(prices: npt.ArrayLike, equilibrium: npt.ArrayLike) -> Floats:
    """Return Smith's coefficient of convergence, 100 sqrt(mean (p - P0)^2)/P0, in percent.

    V. L. Smith (1962), J. Political Economy 70.

    Parameters
    ----------
    prices : float64[..., T]
        Of the trades of a period, in credits; NaN where there was none.
    equilibrium : float64[...]
        P0 > 0, in credits.

    Returns
    -------
    float64[...]
        NaN where nothing was traded.

    Examples
    --------
    >>> float(smith_alpha([90.0, 110.0, float("nan")], 100.0))
    10.0
    """
    price, centre = np.asarray(prices, dtype=np.float64), np.asarray(equilibrium, dtype=np.float64)
    traded = ~np.isnan(price)
    squares = np.where(traded, (price - centre[..., None]) ** 2, 0.0).sum(axis=-1)
    count = traded.sum(axis=-1)
    mean = np.divide(squares, count, out=np.full(squares.shape, np.nan), where=count > 0)
    return 100 * np.sqrt(mean) / centre


def profit_dispersion(profits: npt.ArrayLike, equilibrium: npt.ArrayLike) -> Floats:
    """Return sqrt(mean (profit - equilibrium profit)^2) over traders, in credits.

    D. K. Gode and S. Sunder (1993), J. Political Economy 101.

    Parameters
    ----------
    profits, equilibrium : float64[..., N]
        Of each trader: what it made, and what it would make if everybody traded at the equilibrium price.
    """
    difference = np.asarray(profits, dtype=np.float64) - np.asarray(equilibrium, dtype=np.float64)
    return np.sqrt(np.mean(difference**2, axis=-1))
