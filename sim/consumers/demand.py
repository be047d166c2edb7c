r"""Logit demand and its Nash-Bertrand prices: what the quality of a model is worth in the market for its use.

In a region (a market) consumers choose one organisation (a firm) or the outside option. A consumer's utility
from firm i is ``worth * q_i - p_i + tau * noise`` and from the outside option ``worth * q0 + tau * noise``,
the noise type-I extreme value. The shares are logit,

    s_i = exp((worth q_i - p_i) / tau) / (exp(worth q0 / tau) + sum_j exp((worth q_j - p_j) / tau)),

and the prices a Nash equilibrium: p_i = cost + tau / (1 - s_i), unique under logit (Caplin and Nalebuff
1991).

With the markup x_i = (p_i - cost) / tau, the attraction A_i = exp((worth (q_i - q0) - cost) / tau) and the
rivals' weight D_-i = 1 + sum_{j != i} A_j exp(-x_j), all relative to the outside option, the first-order
condition x_i - 1 = s_i / (1 - s_i) is (x_i - 1) exp(x_i - 1) = A_i exp(-1) / D_-i, hence the best response

    x_i = 1 + W(A_i exp(-1) / D_-i) = 1 + omega(ln A_i - ln D_-i - 1),

W the Lambert function and omega(z) = W(exp(z)) the Wright omega function, which needs no large exponential.
Prices are strategic complements, so best responses from x = 1 climb to the equilibrium; near it, an iteration
shrinks the error by a factor of about 1 / 2 (duopoly) or less.

References
----------
Anderson, de Palma and Thisse 1992, Discrete Choice Theory of Product Differentiation, ch. 7.
Caplin and Nalebuff 1991, Econometrica 59(1), 25-59.

Core Objects: Demand, equilibrium, Equilibrium, welfare, regions_of
"""

import dataclasses
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.special import wrightomega

from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError

Positive = Annotated[float, Field(gt=0, le=1e3, allow_inf_nan=False)]


@dataclass(frozen=True, config={"extra": "forbid"})
class Demand:
    """Consumers' taste, the same in all regions.

    Parameters
    ----------
    worth : float
        Credits that a consumer would pay for a model of quality 1 rather than of quality 0.
    tau : float
        Scale of the noise in consumers' utility, in credits: the smaller, the harder firms compete. At
        least 1e-9: its inverse multiplies what is computed.
    q0 : float
        Quality of the outside option, in [0, 1]; it is free.
    mass : float
        Consumers an organisation: a region of n organisations has n * mass consumers.
    cost : float
        Marginal cost of serving a consumer, in credits.
    """

    worth: Positive = 1.0
    tau: Annotated[float, Field(ge=1e-9, le=1e3, allow_inf_nan=False)] = 0.05
    q0: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.2
    mass: Positive = 1.0
    cost: Annotated[float, Field(ge=0, le=1e3, allow_inf_nan=False)] = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Equilibrium:
    """Nash-Bertrand equilibria of M markets with up to F firms.

    Parameters
    ----------
    price : array [M, F]
        Credits a consumer; NaN for an absent firm.
    share : array [M, F]
        Share of the market's consumers; 0 for an absent firm. The outside option has the rest.
    profit : array [M, F]
        Credits; 0 for an absent firm.
    consumer_surplus : array [M]
        Credits, all consumers of the market together, over the outside option alone; >= 0.
    iterations : int
        Best responses that the slowest market took.
    """

    price: Floats
    share: Floats
    profit: Floats
    consumer_surplus: Floats
    iterations: int


def equilibrium(
    quality: ArrayLike,
    demand: Demand,
    present: ArrayLike | None = None,
    mass: ArrayLike | None = None,
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
    cost: ArrayLike | None = None,
) -> Equilibrium:
    """Solve M markets in one batch.

    Time and memory grow as M * F; about 40 iterations are usual. A market leaves the batch once its prices
    stand still, so its numbers are bit for bit those that it has alone.

    Parameters
    ----------
    quality : array [M, F]
        Quality q = exp(-validation loss) of each firm's model, in [0, 1]; not read where a firm is absent.
    demand : Demand
        Consumers' taste.
    present : array of bool [M, F], optional
        Which firms exist; all by default.
    mass : array [M], optional
        Consumers of each market, >= 0; by default `demand.mass` for every firm present.
    tolerance : float
        A market has converged once no price moves by more than this times the largest of tau and the firms'
        distances abs(worth * (q_i - q0) - cost): the rounding of a price grows with them.
    max_iterations : int
        Best responses before giving up.
    cost : array [M, F], optional
        What serving a consumer costs each firm beside `demand.cost`, credits, >= 0; nothing by default.

    Returns
    -------
    Equilibrium

    Raises
    ------
    InputError
        If a shape is wrong, or a quality or a mass out of its range.
    RuntimeError
        If a market has not converged after `max_iterations`.
    """
    quality, present, mass = _validated(quality, demand, present, mass)
    marginal = demand.cost if cost is None else demand.cost + np.asarray(cost, dtype=np.float64)
    net_worth = demand.worth * (quality - demand.q0) - marginal
    attraction = np.where(present, net_worth / demand.tau, -np.inf)
    markup, iterations = _markups(attraction, tolerance, max_iterations)
    log_weight = attraction - markup
    log_denominator = np.logaddexp.accumulate(_with_outside(log_weight), axis=1)[:, -1]
    share = np.exp(log_weight - log_denominator[:, None])
    margin = demand.tau * markup
    return Equilibrium(
        price=np.where(present, marginal + margin, np.nan),
        share=share,
        profit=mass[:, None] * margin * share,
        consumer_surplus=mass * demand.tau * log_denominator,
        iterations=iterations,
    )


def welfare(outcome: Equilibrium) -> Floats:
    """Return consumer surplus plus profits of every market, in credits, shape [M]."""
    return outcome.consumer_surplus + outcome.profit.sum(axis=1)


def regions_of(organisations: int, regions: int) -> Ints:
    """Return the region of every organisation, shape [organisations].

    Regions are blocks of consecutive organisations ({0, 1}, {2, 3}, ... for organisations / 2 regions) whose
    sizes differ by at most one.

    Raises
    ------
    InputError
        If `regions` is not in 1..organisations.
    """
    if not 1 <= regions <= organisations:
        raise InputError(
            f"setting.regions must be in 1..{organisations}, the number of organisations; got {regions}"
        )
    return np.arange(organisations, dtype=np.int64) * regions // organisations


def _markups(attraction: Floats, tolerance: float, max_iterations: int) -> tuple[Floats, int]:
    """Iterate best responses of all firms at once; return the markups (p - cost) / tau and the iterations."""
    markup = np.ones_like(attraction)
    scale = np.where(np.isfinite(attraction), np.abs(attraction), 0.0).max(axis=1, initial=1.0)
    active = np.flatnonzero(np.isfinite(attraction).any(axis=1))
    for iteration in range(max_iterations):
        if not active.size:
            return markup, iteration
        own = attraction[active]
        response = 1.0 + wrightomega(own - _log_rivals(own - markup[active]) - 1.0)
        moved = np.abs(response - markup[active]).max(axis=1)
        markup[active] = response
        active = active[moved > tolerance * scale[active]]
    if active.size:
        raise RuntimeError(
            f"max_iterations must suffice for prices to stand still within tolerance {tolerance}; after "
            f"{max_iterations} best responses {active.size} of {len(markup)} markets still moved"
        )
    return markup, max_iterations


def _log_rivals(log_weight: Floats) -> Floats:
    """Return ln(1 + sum over the other firms of exp(log_weight)), shape [M, F].

    From running sums of both sides: taking the own weight out of the whole would cancel where a firm is
    dominant.
    """
    before = np.logaddexp.accumulate(_with_outside(log_weight[:, :-1]), axis=1)
    alone = np.full((len(log_weight), 1), -np.inf)
    others = np.concatenate([alone, log_weight[:, :0:-1]], axis=1)
    after = np.logaddexp.accumulate(others, axis=1)[:, ::-1]
    return np.logaddexp(before, after)


def _with_outside(log_weight: Floats) -> Floats:
    """Put the outside option, of weight 1, before the firms."""
    return np.concatenate([np.zeros((len(log_weight), 1)), log_weight], axis=1)


def _validated(
    quality: ArrayLike, demand: Demand, present: ArrayLike | None, mass: ArrayLike | None
) -> tuple[Floats, Bools, Floats]:
    """Return the arguments of `equilibrium` as arrays of the right shape and range."""
    quality = np.asarray(quality, dtype=np.float64)
    if quality.ndim != 2 or quality.shape[1] == 0:
        raise InputError(
            f"quality must have the shape [markets, firms], at least one firm; got {quality.shape}"
        )
    present = np.ones(quality.shape, dtype=bool) if present is None else np.asarray(present, dtype=bool)
    if present.shape != quality.shape:
        raise InputError(f"present must have the shape {quality.shape} of quality; got {present.shape}")
    allowed = ~present | ((quality >= 0) & (quality <= 1))
    if not allowed.all():
        raise InputError(f"quality must be in [0, 1] for every firm present; got {quality[~allowed][0]}")
    mass = present.sum(axis=1) * demand.mass if mass is None else np.asarray(mass, dtype=np.float64)
    if mass.shape != quality.shape[:1]:
        raise InputError(
            f"mass must have the shape {quality.shape[:1]}, one number a market; got {mass.shape}"
        )
    if not (np.isfinite(mass) & (mass >= 0)).all():
        raise InputError(f"mass must be finite and >= 0 in every market; got {mass.tolist()}")
    return quality, present, mass
