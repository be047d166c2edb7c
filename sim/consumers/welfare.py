"""Outcome metrics: pure functions of a column of payoffs, one number an organisation.

Conventions. A column is one-dimensional and not empty. Payoffs may be negative (a subsidy paid, a loss made):
measures of inequality are then undefined and return NaN, since outside their range they compare with nothing.
NaN in, NaN out.

Core Objects: gini, lorenz, atkinson, nash_welfare, share_better_off, allocative_efficiency, price_of_anarchy
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from markets.accounts.money import HALF_A_UNIT
from markets.columns import Floats
from markets.refusals import InputError


def gini(x: ArrayLike) -> float:
    """Return the Gini coefficient, 2 sum_i i x_(i) / (n sum x) - (n + 1) / n, x_(i) ascending.

    It is not normalised by n / (n - 1): one formula for all n, from 0 (equal) to (n - 1) / n (one has all).
    All zero is equal, hence 0; a negative value gives NaN. Cost: a sort.

    Raises
    ------
    InputError
        If `x` is no column or empty.
    """
    values = np.sort(_column("x", x))
    if values[0] < 0:
        return math.nan
    total = values.sum()
    if total == 0:
        return 0.0
    n = len(values)
    return float(2.0 * (np.arange(1, n + 1) * (values / total)).sum() / n - (n + 1) / n)


def lorenz(x: ArrayLike) -> Floats:
    """Return the share of the total that the poorest i organisations have, i = 0, 1, ..., n, [n + 1].

    One less twice the area below this line, drawn from 0 to 1, is the Gini coefficient. All zero is equal; a
    negative value gives NaN.

    Raises
    ------
    InputError
        If `x` is no column or empty.

    References
    ----------
    Lorenz 1905, Publications of the American Statistical Association 9(70), 209-219.
    """
    values = np.sort(_column("x", x))
    if values[0] < 0:
        return np.full(len(values) + 1, np.nan)
    if values[-1] == 0:
        return np.linspace(0.0, 1.0, len(values) + 1)
    return np.concatenate([[0.0], np.cumsum(values / values.sum())])


def atkinson(x: ArrayLike, epsilon: float) -> float:
    """Return the Atkinson index, 1 - (mean of x^(1 - epsilon))^(1 / (1 - epsilon)) / mean of x.

    The share of the total that could be given up, if the rest were shared equally, at no loss to a society
    averse to inequality by `epsilon` (0: not at all). At epsilon = 1 it is one minus geometric over
    arithmetic mean, the limit of the formula. All zero is equal, hence 0; a zero among others gives 1 for
    epsilon >= 1; a negative value gives NaN.

    Raises
    ------
    InputError
        If `x` is no column or empty, or `epsilon` negative or not finite.

    References
    ----------
    Atkinson 1970, Journal of Economic Theory 2(3), 244-263.
    """
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise InputError(f"epsilon must be finite and >= 0; got {epsilon}")
    values = _column("x", x)
    if (values < 0).any():
        return math.nan
    mean = values.mean()
    if mean == 0:
        return 0.0
    if epsilon >= 1 and (values == 0).any():
        return 1.0
    power = 1.0 - epsilon
    with np.errstate(divide="ignore"):
        logs = np.log(values / mean)
    if power == 0:
        return float(-np.expm1(logs.mean()))
    # Shifted by the term that dominates the mean, expm1 and log1p stay exact from power near 0 to very large
    # ones.
    top = logs.max() if power > 0 else logs.min()
    log_equivalent = top + np.log1p(np.expm1(power * (logs - top)).mean()) / power
    return float(-np.expm1(log_equivalent))


def nash_welfare(x: ArrayLike) -> float:
    """Return the geometric mean of the payoffs; 0 if any is zero or negative.

    A negative payoff counts as the worst outcome, not as a factor: two losses do not make a gain.

    Raises
    ------
    InputError
        If `x` is no column or empty.
    """
    values = _column("x", x)
    if (values <= 0).any():
        return 0.0
    return float(np.exp(np.log(values).mean()))


def share_better_off(x: ArrayLike, baseline: ArrayLike) -> float:
    """Return the share of organisations whose payoff is strictly above its baseline, in [0, 1].

    Any payoffs may be negative; NaN is never better off.

    Raises
    ------
    InputError
        If a column is empty, or the two differ in length.
    """
    values, before = _column("x", x), _column("baseline", baseline)
    if len(values) != len(before):
        raise InputError(f"baseline must have the length {len(values)} of x; got {len(before)}")
    return float((values > before).mean())


def allocative_efficiency(realised: float, first_best: float, trades: int = 1) -> float:
    """Return realised over first-best gains from trade; negative when trades destroyed value.

    NaN, missing, where the first best rounds to nothing: where it is less than half a micro-credit, the unit
    of money, for each of its trades. No ratio then says how much was lost.

    Parameters
    ----------
    realised, first_best : float
        In credits.
    trades : int
        How many trades the first best has.

    Raises
    ------
    InputError
        If `first_best` is negative: not to trade is always possible.
    """
    if first_best < 0:
        raise InputError(f"first_best must be >= 0, since no trade gains 0; got {first_best}")
    return realised / first_best if first_best >= max(trades, 1) * HALF_A_UNIT else math.nan


def price_of_anarchy(cooperative: float, competitive: float) -> float:
    """Return cooperative over competitive welfare: 1 when nothing is lost by competing.

    Below 1 where competing did better. Welfare of less than half a micro-credit, of either sign, is none.
    Infinite when competition leaves nothing, or less, of a positive welfare; NaN when neither is positive,
    where a ratio has no meaning.

    References
    ----------
    Koutsoupias and Papadimitriou 1999, STACS.
    """
    if competitive >= HALF_A_UNIT:
        return cooperative / competitive
    return math.inf if cooperative >= HALF_A_UNIT else math.nan


def _column(name: str, values: ArrayLike) -> Floats:
    """Return the values as a float64 column."""
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or column.size == 0:
        raise InputError(f"{name} must be a column of at least one number; got the shape {column.shape}")
    return column
