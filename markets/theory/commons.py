"""Goods that everybody shares.

Money is in credits. Where the amount G of the good is a choice, a unit of it costs c and person i, who pays
t_i, has the utility theta_i ln G - t_i; a project is built or not.

Core Objects: samuelson_quantity, lindahl_prices, voluntary_contributions, warm_glow_contribution,
is_contribution_equilibrium, clarke_taxes, project_gains
"""

from fractions import Fraction
from math import comb, factorial

import numpy as np
import numpy.typing as npt

from markets.columns import Bools, Floats

_ROUNDING = 1e-12


def samuelson_quantity(taste: npt.ArrayLike, unit_cost: float) -> float:
    """Return the efficient amount of the good, where marginal values sum to its cost: sum of theta / c.

    Samuelson (1954), Review of Economics and Statistics 36.

    Parameters
    ----------
    taste : array_like[N]
        theta, not negative.
    unit_cost : float
        c, above 0.
    """
    return float(np.sum(taste)) / unit_cost


def lindahl_prices(taste: npt.ArrayLike, unit_cost: float) -> Floats:
    """Return the personal prices, float64[N], at which everybody wants the efficient amount: c theta / sum.

    They are marginal values theta / G at that amount and sum to c; person i pays theta_i in all. Lindahl
    (1919), Just taxation: a positive solution; Foley (1970), Econometrica 38.

    Parameters
    ----------
    taste : array_like[N]
        theta, not negative, not all 0.
    unit_cost : float
        c, above 0.
    """
    theta = np.asarray(taste, dtype=np.float64)
    return unit_cost * theta / theta.sum()


def voluntary_contributions(taste: npt.ArrayLike, unit_cost: float) -> Floats:
    """Return the Nash equilibrium amounts of the good that each person gives, float64[N], in units of it.

    Only those of the largest theta give, together theta / c; all others already have more than they would
    buy. Several top valuers give equally here; any other division among them is an equilibrium too.
    Bergstrom, Blume and Varian (1986), J. Public Economics 29.

    Parameters
    ----------
    taste : array_like[N]
        theta, not negative.
    unit_cost : float
        c, above 0.
    """
    theta = np.asarray(taste, dtype=np.float64)
    top = theta == theta.max(initial=0.0)
    return np.where(top, theta / unit_cost / max(1, int(top.sum())), 0.0)


def warm_glow_contribution(warmth: npt.ArrayLike) -> Floats:
    """Return what people give who enjoy giving and nothing else of it: max(0, alpha - 1).

    The t that maximises alpha ln(1 + t) - t; self-interest, alpha = 0, gives nothing. In the manner of
    Andreoni (1990), Economic Journal 100.

    Parameters
    ----------
    warmth : array_like
        alpha, not negative.
    """
    return np.maximum(0.0, np.asarray(warmth, dtype=np.float64) - 1)


def is_contribution_equilibrium(
    contributions: npt.ArrayLike, values: npt.ArrayLike, cost: float, refund: bool = True
) -> Bools:
    """Return whether contributions to a project that is built if they sum to its cost are a Nash equilibrium.

    Built: they sum to just the cost, and nobody gives more than its value. Not built: nobody would make up
    for what is missing alone, that is, nobody's value is above its gift and the shortfall together; without a
    refund nobody gives anything, either. Excess is not given back. Bagnoli and Lipman (1989), Review of
    Economic Studies 56.

    Parameters
    ----------
    contributions : array_like[..., N]
        Gifts, not negative.
    values : array_like[N]
        Of the project.
    cost : float
        Above 0.
    refund : bool
        Whether gifts that do not reach the cost are given back.

    Returns
    -------
    bool[...]
    """
    given, value = np.asarray(contributions, dtype=np.float64), np.asarray(values, dtype=np.float64)
    total = given.sum(axis=-1)
    slack = _ROUNDING * cost
    worth_giving = (given <= value + slack).all(axis=-1)
    alone = cost - total[..., None] + given
    nobody_alone = (value <= alone + slack).all(axis=-1)
    at_rest = refund | ~(given > 0).any(axis=-1)
    built, exact = total >= cost - slack, np.abs(total - cost) <= slack
    return np.where(built, exact & worth_giving, nobody_alone & at_rest)


def clarke_taxes(values: npt.ArrayLike, cost: float) -> tuple[bool, Floats]:
    """Return whether a project with equal cost shares is built, and the tax of each person, float64[N].

    With net values v_i - C/n it is built iff they sum to 0 or more; who turns the decision pays what the
    others lose by it, abs(sum of the others' net values). Clarke (1971), Public Choice 11.

    Parameters
    ----------
    values : array_like[N]
        Of the project.
    cost : float
        C, not negative.
    """
    value = np.asarray(values, dtype=np.float64)
    net = value - cost / max(1, len(value))
    built = bool(value.sum() >= cost * (1 - _ROUNDING))
    others = net.sum() - net
    return built, np.maximum(0.0, -others if built else others)


def project_gains(people: int, cost: float, threshold: float | None = None) -> float:
    """Return the expected gains of a project that is built iff values uniform on [0, 1] sum to a threshold.

    E[(S - C); S >= h] = E[(S - h)^+] + (h - C) P(S >= h) with the sum S of n values, whose distribution is
    that of Irwin (1927) and Hall (1927), Biometrika 19; reflected at n/2, E[(S - h)^+] is the sum over k of
    (-1)^k C(n, k) ((n - h - k)^+)^(n + 1) over (n + 1)!. Whoever understates by the share f has the project
    built iff S >= C/(1 - f).

    Parameters
    ----------
    people : int
        n, at least 1.
    cost : float
        C.
    threshold : float or None
        h; None is the cost, which is efficient.

    Notes
    -----
    The sum alternates and is taken in exact fractions: O(n) of them.
    """
    height = Fraction(cost if threshold is None else threshold)
    room = people - height
    base = [max(Fraction(0), room - k) for k in range(people + 1)]
    weight = [(-1) ** k * comb(people, k) * base[k] ** people for k in range(people + 1)]
    chance = sum(weight) / factorial(people)
    excess = sum(w * b for w, b in zip(weight, base, strict=True)) / factorial(people + 1)
    return float(excess + (height - Fraction(cost)) * chance)
