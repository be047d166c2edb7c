"""Aggressiveness: how much profit a trader gives up for a better chance to trade (Vytelingum et al. 2008).

A trader's aggressiveness r in [-1, 1] fixes its target price: at r = 0 the price at which the market should
clear, or its limit price if it could not trade there; at r = 1 its limit price; at r = -1 the best price
thinkable, `ideal`: zero for buyers and the highest price for sellers. Theta bends the path between them.

Core Objects: target_price, aggressiveness_of, matching_theta
"""

import numpy as np
from scipy.special import lambertw

from markets.columns import Floats

STEEPEST = 30.0
"""Bound of theta's size; beyond it the path between two prices is a step in floating point."""
TINY = 1e-300
"""The least distance between prices that is divided by, credits."""


def target_price(limit: Floats, clearing: Floats, ideal: Floats, r: Floats, theta: Floats) -> Floats:
    """Return the prices that traders of aggressiveness r aim at, credits.

    ``r >= 0``: ``p + (limit - p) (exp(r theta) - 1) / (exp(theta) - 1)`` with p the clearing price, or the
    limit where the trader could not trade at p. ``r < 0``: ``p + (ideal - p) (exp(-r t) - 1) / (exp(t) - 1)``
    with t such that the slope in r has no break at zero (t is theta where p is the limit).

    Parameters
    ----------
    limit, clearing, ideal : float64 [T]
        Limit price, estimate of the clearing price and best price thinkable; a buyer's ideal is below all
        others, a seller's above.
    r, theta : float64 [T]
        Aggressiveness in [-1, 1] and the bend of its path.
    """
    middle, passive = _middle(limit, clearing, ideal, theta)
    up = middle + (limit - middle) * _path(r.clip(0), theta)
    down = middle + (ideal - middle) * _path((-r).clip(0), passive)
    return np.where(r >= 0, up, down)


def aggressiveness_of(price: Floats, limit: Floats, clearing: Floats, ideal: Floats, theta: Floats) -> Floats:
    """Return the aggressiveness in [-1, 1] whose target is `price`, the nearest one if none is."""
    middle, passive = _middle(limit, clearing, ideal, theta)
    up = _way(_share(price - middle, limit - middle), theta)
    down = _way(_share(price - middle, ideal - middle), passive)
    return np.where((price - middle) * (limit - ideal) >= 0, up, -down)


def matching_theta(theta: Floats, ratio: Floats) -> Floats:
    """Return the t that solves ``t / (exp(t) - 1) = ratio * theta / (exp(theta) - 1)``.

    By Lambert's W: with y the right side, ``t = u - y`` where ``u exp(-u) = y exp(-y)`` and u is not y; near
    y = 1 by the series ``t = 2 (1 - y) + 2 (1 - y)^2 / 3``. Kept within `STEEPEST`.
    """
    y = (ratio * _slope(theta)).clip(1e-13, STEEPEST)
    other = -lambertw(-y * np.exp(-y), np.where(y < 1, -1, 0)).real
    near = 1 - y
    t = np.where(np.abs(near) < 1e-4, 2 * near + 2 * near**2 / 3, other - y)
    return t.clip(-STEEPEST, STEEPEST)


def _middle(limit: Floats, clearing: Floats, ideal: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Return the target at r = 0 and the theta for r < 0."""
    inside = (limit - clearing) * (limit - ideal) > 0
    middle = np.where(inside, clearing, limit)
    span = np.where(np.abs(middle - ideal) > TINY, middle - ideal, np.copysign(TINY, middle - ideal))
    ratio = (limit - middle) / span
    return middle, np.where(inside, matching_theta(theta, ratio), theta)


def _path(way: Floats, theta: Floats) -> Floats:
    """Return ``(exp(way theta) - 1) / (exp(theta) - 1)``, which is `way` where theta is zero."""
    flat = np.abs(theta) < 1e-9
    safe = np.where(flat, 1.0, theta)
    return np.where(flat, way, np.expm1(way * safe) / np.expm1(safe))


def _way(share: Floats, theta: Floats) -> Floats:
    """Return the way in [0, 1] whose path is `share`."""
    flat = np.abs(theta) < 1e-9
    safe = np.where(flat, 1.0, theta)
    return np.where(flat, share, np.log1p(share * np.expm1(safe)) / safe)


def _share(part: Floats, whole: Floats) -> Floats:
    """Return part / whole within [0, 1]; 0 where the whole is nothing."""
    within = np.clip(part, -np.abs(whole), np.abs(whole))
    return np.divide(within, whole, out=np.zeros_like(part), where=whole != 0).clip(0)


def _slope(theta: Floats) -> Floats:
    """Return ``theta / (exp(theta) - 1)``, the path's slope at its start."""
    flat = np.abs(theta) < 1e-9
    safe = np.where(flat, 1.0, theta)
    return np.where(flat, 1 - theta / 2, safe / np.expm1(safe))
