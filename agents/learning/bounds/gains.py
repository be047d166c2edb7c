r"""Bounds on a buyer's gain, from what the broker may tell without telling the gain.

Along a merge the loss is a function l(w) of the merge weight, w in [0, 1], and the gain G = l(0) - min l. A
loss is never negative, so G lies in [0, l(0)] to begin with. What the broker knows beside narrows that:

**Norm and slope.** With ``|grad L| <= g`` along the merge and d the difference of the two models, l changes
by at most K = g |d| from one end to the other: G <= K.

**Slope and curvature.** With the slope s = l'(0) at the buyer's own model and ``|l''| <= M``, l lies between
the parabolas ``l(0) + s w -+ M w^2/2``, whose least values bound the gain from both sides
(`smoothness_bounds`).

**Probes.** With losses measured at some weights and ``|l(w) - l(w')| <= K |w - w'|``, l lies below the cones
that rise from each probe and above those that fall (Piyavskii 1972, Shubert 1972). The gain is at least that
of the best probe and at most that of the lowest point between the falling cones (`lipschitz_bounds`). The
next probe goes where that point is, so that every further one narrows what is left (`probe_order`).

All three are true bounds if K, or M, is one. `steepest` is K itself for the weights of a grid, among which a
market's trials choose. From slopes at a few weights (`agents.learning.bounds.path_slopes`) K and M can only
be estimated: the loss may be steeper between them, and where units are rectified its slope jumps, so that no
M holds in all strictness. How often a bound holds then has to be measured (`GainBounds.hold`).

Core Objects: GainBounds, lipschitz_bounds, smoothness_bounds, probe_order, steepest
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError


@dataclass(frozen=True)
class GainBounds:
    """What is known of P gains: they lie from `low` to `high`, float64 ``[P]``, nats an example."""

    low: Floats
    high: Floats

    @classmethod
    def of_loss(cls, before: npt.ArrayLike) -> "GainBounds":
        """Return what the buyers' own losses ``[P]`` alone tell: 0 to all of the loss."""
        loss = np.asarray(before, dtype=np.float64)
        return cls(np.zeros_like(loss), loss)

    def hold(self, gain: npt.ArrayLike) -> Bools:
        """Return which gains ``[P]`` lie within, up to rounding."""
        g = np.asarray(gain, dtype=np.float64)
        slack = 1e-9 * np.maximum(1.0, np.abs(g))
        return (g >= self.low - slack) & (g <= self.high + slack)


def lipschitz_bounds(weights: npt.ArrayLike, losses: npt.ArrayLike, lipschitz: npt.ArrayLike) -> GainBounds:
    """Bound the gains of P merges from m probes each, given how steep the loss is at most.

    Between neighbouring probes at w < w' the falling cones meet at ``(l + l')/2 - K (w' - w)/2``, and beyond
    the last one at ``l - K (1 - w)``: exact, for a K-Lipschitz function through the probes is as low.
    Cost: O(P m log m).

    Parameters
    ----------
    weights, losses : float64 array, shape (P, m)
        Probes in any order but for the first, which is at weight 0, and their losses, nats an example,
        finite.
    lipschitz : float64 array, shape (P,)
        K, in nats a unit of weight.

    Raises
    ------
    InputError
        If a loss is not finite, or the first weight not 0.

    Examples
    --------
    >>> bounds = lipschitz_bounds([[0.0, 1.0]], [[2.0, 1.5]], [1.0])
    >>> bounds.low.tolist(), bounds.high.tolist()  # the cones meet at 1.25
    ([0.5], [0.75])
    """
    w, loss = (np.asarray(x, dtype=np.float64) for x in (weights, losses))
    _check_probes(w, loss)
    k = np.asarray(lipschitz, dtype=np.float64)[:, None]
    order = w.argsort(axis=1, kind="stable")
    w, sorted_loss = (np.take_along_axis(x, order, axis=1) for x in (w, loss))
    valleys = (sorted_loss[:, :-1] + sorted_loss[:, 1:] - k * np.diff(w, axis=1)) / 2
    edge = sorted_loss[:, -1:] - k * (1 - w[:, -1:])
    before, best = loss[:, 0], loss.min(axis=1)
    # Where K is too small for the probes themselves, the cones meet above the lower probe.
    lowest = np.concatenate([valleys, edge, best[:, None]], axis=1).min(axis=1)
    return GainBounds(before - best, before - lowest.clip(min=0))


def smoothness_bounds(before: npt.ArrayLike, slope: npt.ArrayLike, curvature: npt.ArrayLike) -> GainBounds:
    """Bound the gains of P merges from the slope at the buyer's own model and the greatest curvature.

    With fall f = -slope and curvature M the gain is at least that of the upper parabola, ``max(f w - M
    w^2/2)`` over w in [0, 1], which is f^2/(2M) where f is in [0, M], and at most that of the lower one, at
    an end: ``max(0, f + M/2)``. Exact from below for a loss that is a parabola of curvature M.

    Parameters
    ----------
    before, slope, curvature : float64 array, shape (P,)
        Loss at weight 0, l'(0), and M >= 0.
    """
    loss, s, m = (np.asarray(x, dtype=np.float64) for x in (before, slope, curvature))
    step = np.clip(np.divide(-s, m, out=np.where(s < 0, 1.0, 0.0), where=m > 0), 0.0, 1.0)
    low = np.maximum(-s * step - m * step**2 / 2, 0.0)
    return GainBounds(np.minimum(low, loss), np.clip(m / 2 - s, 0.0, loss))


def steepest(weights: npt.ArrayLike, losses: npt.ArrayLike) -> Floats:
    """Return the greatest slope between neighbours of a grid ``[W]`` with losses ``[P, W]``, ``[P]``.

    No two weights of the grid differ by more than that times their distance, so with it the bounds from
    probes at weights of the grid are true bounds on the gain of the best weight of the grid.
    """
    slopes = np.diff(np.asarray(losses, dtype=np.float64), axis=1) / np.diff(np.asarray(weights))
    return np.abs(slopes).max(axis=1)


def probe_order(weights: npt.ArrayLike, losses: npt.ArrayLike, lipschitz: npt.ArrayLike, count: int) -> Ints:
    """Return which weights of a grid to probe, in order, where each is chosen by what the earlier ones told.

    The first is at weight 0, where the loss is known; then always the weight at which the cones from the
    probes so far leave the loss the least bound (Piyavskii 1972, Shubert 1972), the smallest of several.
    Cost: O(P W) a probe.

    Parameters
    ----------
    weights : float64 array, shape (W,)
        The grid, rising from 0.
    losses : float64 array, shape (P, W)
        What a probe would find, nats an example, finite.
    lipschitz : float64 array, shape (P,)
        K, in nats a unit of weight.
    count : int
        Probes beside that at weight 0, at most W - 1.

    Returns
    -------
    int64 array, shape (P, 1 + count)
        Places in the grid; each beginning of a row is what fewer probes would be.

    Raises
    ------
    InputError
        If there are fewer weights than probes, a loss is not finite, or the first weight not 0.
    """
    grid, loss = np.asarray(weights, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    _check_probes(np.broadcast_to(grid, loss.shape), loss)
    if not 0 <= count < len(grid):
        raise InputError(f"count must be a whole number from 0 to {len(grid) - 1}; got {count}")
    k, row = np.asarray(lipschitz, dtype=np.float64)[:, None], np.arange(len(loss))
    places = np.zeros((len(loss), 1 + count), dtype=np.int64)
    least = loss[:, :1] - k * grid
    probed = np.zeros(loss.shape, dtype=bool)
    probed[:, 0] = True
    for turn in range(1, 1 + count):
        place = np.where(probed, np.inf, least).argmin(axis=1)
        places[:, turn] = place
        probed[row, place] = True
        least = np.maximum(least, loss[row, place][:, None] - k * np.abs(grid - grid[place][:, None]))
    return places


def _check_probes(weights: Floats, losses: Floats) -> None:
    if not np.isfinite(losses).all():
        raise InputError(f"losses must be finite; got {losses[~np.isfinite(losses)][0]}")
    if (weights[:, 0] != 0).any():
        raise InputError(f"weights must begin with 0; got {weights[weights[:, 0] != 0][0, 0]}")
