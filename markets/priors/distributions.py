"""Distributions of values with a density.

Core Objects: Uniform, Exponential, Lognormal
"""

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from scipy.special import erfcx, ndtr, ndtri

from markets.accounts.money import Money, PositiveMoney
from markets.columns import Floats
from markets.priors.base import PRIORS, Distribution
from markets.refusals import InputError

_LOWEST = -37.0
"""Standard deviations below the mean of a normal where its Mills ratio nearly leaves the floats."""


@PRIORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Uniform(Distribution):
    """Uniform on [low, high]: phi(v) = 2v - high; the monopoly price at cost c is (c + high)/2 or low.

    Attributes
    ----------
    low, high : float
        In credits; `high` is above `low`.

    Raises
    ------
    InputError
        If `high` is not above `low`.

    Examples
    --------
    >>> float(Uniform().monopoly_price()), float(Uniform(low=0.8).monopoly_price())
    (0.5, 0.8)
    """

    name: str = "uniform"
    low: Money = 0.0
    high: Money = 1.0
    money_fields: ClassVar[tuple[str, ...]] = ("low", "high")

    @model_validator(mode="after")
    def _is_a_range(self) -> "Uniform":
        if not self.high > self.low:
            raise InputError(f"prior.high must be above low ({self.low}); got {self.high}")
        return self

    @property
    def support(self) -> tuple[float, float]:
        """[low, high]."""
        return self.low, self.high

    def cdf(self, value: npt.ArrayLike) -> Floats:
        """Return (v - low)/(high - low) within the support."""
        return np.clip((np.asarray(value, dtype=np.float64) - self.low) / (self.high - self.low), 0.0, 1.0)

    def pdf(self, value: npt.ArrayLike) -> Floats:
        """Return 1/(high - low) within the support."""
        v = np.asarray(value, dtype=np.float64)
        return np.where((v >= self.low) & (v <= self.high), 1 / (self.high - self.low), 0.0)

    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Return low + u (high - low)."""
        return self.low + np.asarray(probability, dtype=np.float64) * (self.high - self.low)

    def virtual_value(self, value: npt.ArrayLike) -> Floats:
        """Return 2v - high."""
        v = np.asarray(value, dtype=np.float64)
        return np.where(v < self.low, -np.inf, np.minimum(2 * v - self.high, v))

    def monopoly_price(self, cost: npt.ArrayLike = 0.0) -> Floats:
        """Return the largest of (c + high)/2, low and c."""
        c = np.asarray(cost, dtype=np.float64)
        return np.maximum(np.maximum((c + self.high) / 2, self.low), c)


@PRIORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Exponential(Distribution):
    """Exponential with mean `scale`: phi(v) = v - scale; the monopoly price at cost c is c + scale.

    Attributes
    ----------
    scale : float
        The mean value, in credits, positive.

    Examples
    --------
    >>> float(Exponential().monopoly_price())
    1.0
    """

    name: str = "exponential"
    scale: PositiveMoney = 1.0
    money_fields: ClassVar[tuple[str, ...]] = ("scale",)

    @property
    def support(self) -> tuple[float, float]:
        """All values from 0."""
        return 0.0, np.inf

    def cdf(self, value: npt.ArrayLike) -> Floats:
        """Return 1 - exp(-v/scale)."""
        return -np.expm1(-np.maximum(np.asarray(value, dtype=np.float64), 0.0) / self.scale)

    def pdf(self, value: npt.ArrayLike) -> Floats:
        """Return exp(-v/scale)/scale."""
        v = np.asarray(value, dtype=np.float64)
        return np.where(v >= 0, np.exp(-np.maximum(v, 0.0) / self.scale) / self.scale, 0.0)

    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Return -scale ln(1 - u)."""
        with np.errstate(divide="ignore"):
            return -self.scale * np.log1p(-np.asarray(probability, dtype=np.float64))

    def virtual_value(self, value: npt.ArrayLike) -> Floats:
        """Return v - scale."""
        v = np.asarray(value, dtype=np.float64)
        return np.where(v < 0, -np.inf, v - self.scale)

    def monopoly_price(self, cost: npt.ArrayLike = 0.0) -> Floats:
        """Return c + scale."""
        return np.asarray(cost, dtype=np.float64) + self.scale


@PRIORS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Lognormal(Distribution):
    """Lognormal, ``median * exp(spread * Z)`` with Z standard normal: few buyers with large values.

    phi(v) = v (1 - spread m(z)) with z = ln(v/median)/spread and m(z) = (1 - N(z))/n(z), the Mills ratio of
    the normal. It rises everywhere iff ``(spread + z) m(z) <= 2`` for all z, that is for a spread up to about
    1.5176; larger ones, and so all irregular lognormals, are refused.

    Attributes
    ----------
    median : float
        In credits, positive.
    spread : float
        Standard deviation of the logarithm, positive, at most 1.5.

    Examples
    --------
    >>> prior = Lognormal(median=2.0)
    >>> price = prior.monopoly_price(1.0)
    >>> float(prior.virtual_value(price).round(12))
    1.0
    """

    name: str = "lognormal"
    median: PositiveMoney = 1.0
    spread: Annotated[float, Field(gt=0, le=1.5, allow_inf_nan=False)] = 1.0
    money_fields: ClassVar[tuple[str, ...]] = ("median",)

    @property
    def support(self) -> tuple[float, float]:
        """All values from 0."""
        return 0.0, np.inf

    def cdf(self, value: npt.ArrayLike) -> Floats:
        """Return N(z)."""
        return ndtr(self._standardised(value))

    def pdf(self, value: npt.ArrayLike) -> Floats:
        """Return n(z)/(spread v)."""
        v, z = np.asarray(value, dtype=np.float64), self._standardised(value)
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return np.where(v > 0, density / (self.spread * np.where(v > 0, v, 1.0)), 0.0)

    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Return median exp(spread N^-1(u))."""
        return self._value(ndtri(np.asarray(probability, dtype=np.float64)))

    def virtual_value(self, value: npt.ArrayLike) -> Floats:
        """Return v (1 - spread m(z)); minus infinity at 0, its limit."""
        return self._virtual(self._standardised(value))

    def monopoly_price(self, cost: npt.ArrayLike = 0.0) -> Floats:
        """Return phi^-1(c), by bisection in z to the last bit.

        As m(z) < 1/z, phi(v) > v/2 from z = 2 spread on, which bounds z from above.
        """
        c = np.asarray(cost, dtype=np.float64)
        with np.errstate(divide="ignore"):
            enough = np.log(2 * c / self.median) / self.spread
        low = np.full(c.shape, _LOWEST)
        high = np.maximum(enough, 2 * self.spread)
        for _ in range(80):
            middle = (low + high) / 2
            reached = self._virtual(middle) >= c
            before = low, high
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
            if np.array_equal(before, (low, high)):
                break
        return np.maximum(self._value(high), c)

    def _standardised(self, value: npt.ArrayLike) -> Floats:
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(np.asarray(value, dtype=np.float64), 0.0) / self.median) / self.spread

    def _value(self, z: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return self.median * np.exp(self.spread * z)

    def _virtual(self, z: Floats) -> Floats:
        """Return phi at median exp(spread z).

        The Mills ratio grows faster than values shrink: where it leaves the floats phi is minus infinity.
        """
        inside = np.maximum(z, _LOWEST)
        mills = np.sqrt(np.pi / 2) * erfcx(inside / np.sqrt(2))
        return np.where(z < _LOWEST, -np.inf, self._value(z) * (1 - self.spread * mills))
