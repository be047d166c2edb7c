"""Solutions of the bargaining problem: how two share a surplus."""

import numpy as np
import numpy.typing as npt

from markets.columns import Floats


def nash_split(
    surplus: npt.ArrayLike, d_buyer: npt.ArrayLike, d_seller: npt.ArrayLike, power: float
) -> tuple[Floats, Floats]:
    """Split a transferable surplus by the (asymmetric) Nash solution.

    Maximise (u_b - d_b)^a (u_s - d_s)^(1 - a) over u_b + u_s = S: u_b = d_b + a (S - d_b - d_s), and u_s is
    the rest. Nash (1950), Econometrica 18.

    Parameters
    ----------
    surplus, d_buyer, d_seller : array_like
        S and what each has without the deal, in credits; where S < d_b + d_s there is no deal and both keep
        that.
    power : float
        The buyer's weight a in [0, 1].

    Returns
    -------
    u_buyer, u_seller : float64 arrays
        Utilities in credits.
    """
    total, own, other = (np.asarray(x, dtype=np.float64) for x in (surplus, d_buyer, d_seller))
    # A shortfall of rounding size must not turn a deal that just pays into none: with no excess both get
    # their d.
    excess = np.maximum(total - own - other, 0.0)
    return own + power * excess, other + (1 - power) * excess


def kalai_smorodinsky_split(
    surplus: npt.ArrayLike,
    d_buyer: npt.ArrayLike,
    d_seller: npt.ArrayLike,
    buyer_exponent: float = 1.0,
    seller_exponent: float = 1.0,
) -> tuple[Floats, Floats]:
    """Split a surplus so that both get the same part of the most each could hope for.

    x solves (x^r - d_b^r)/((S - d_s)^r - d_b^r) = ((S - x)^q - d_s^q)/((S - d_b)^q - d_s^q) for utilities x^r
    and (S - x)^q of money. Kalai and Smorodinsky (1975), Econometrica 43.

    Parameters
    ----------
    surplus, d_buyer, d_seller : array_like
        S and what each has without the deal, in credits; where S <= d_b + d_s both keep that.
    buyer_exponent, seller_exponent : float
        r and q in (0, 1].

    Returns
    -------
    x_buyer, x_seller : float64 arrays
        In credits. Bisection to the last bit of the share, for all splits at once.
    """
    columns = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (surplus, d_buyer, d_seller)))
    total, own, other = columns
    excess = np.maximum(total - own - other, 0.0)
    # In parts of the surplus, so that the unit of money plays no role.
    unit = np.where(total > 0, total, 1.0)
    d_b, d_s, room = own / unit, other / unit, np.where(excess > 0, excess / unit, 1.0)

    def part(gain: Floats, floor: Floats, exponent: float) -> Floats:
        least = floor**exponent
        return ((floor + gain) ** exponent - least) / ((floor + room) ** exponent - least)

    low, high = np.zeros_like(room), room
    for _ in range(60):
        middle = (low + high) / 2
        short = part(middle, d_b, buyer_exponent) < part(room - middle, d_s, seller_exponent)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    gain = np.where(excess > 0, high * unit, 0.0)
    return own + gain, other + excess - gain


def rubinstein_share(first: float, second: float) -> float:
    """Return the first mover's part in alternating offers: (1 - d2)/(1 - d1 d2).

    The two arguments are the discount factors. Rubinstein (1982), Econometrica 50.
    """
    return (1 - second) / (1 - first * second)


def rubinstein_split(
    surplus: npt.ArrayLike, w_first: npt.ArrayLike, w_second: npt.ArrayLike, first: float, second: float
) -> tuple[Floats, Floats]:
    """Split a surplus by alternating offers when whoever refuses may take an outside option instead.

    The first mover's x is the fixed point of x = S - max(d2 (S - max(d1 x, w1)), w2): each offers the other
    exactly what it can have by refusing. Hence x = min(max(share S, (1 - d2) S + d2 w1), S - w2). Binmore,
    Shaked and Sutton (1989), Quarterly J. Economics 104.

    Parameters
    ----------
    surplus, w_first, w_second : array_like
        S and the outside options, in credits, with w1 + w2 <= S.
    first, second : float
        Discount factors d1 and d2 in [0, 1).

    Returns
    -------
    x_first, x_second : float64 arrays
        In credits.
    """
    total, own, other = (np.asarray(x, dtype=np.float64) for x in (surplus, w_first, w_second))
    held = np.maximum(rubinstein_share(first, second) * total, (1 - second) * total + second * own)
    gain = np.minimum(held, total - other)
    return gain, total - gain
