"""What a mechanism is, and what it declares about itself.

Core Objects: Mechanism, Properties, MECHANISMS
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from markets.columns import Ints, require
from markets.goods.blocks import LICENCE_KINDS
from markets.orders.luck import Luck
from markets.orders.orders import Orders, Trades
from markets.orders.venues import VENUES
from markets.refusals import InputError
from markets.registry import Registry

TRUTHFUL = ("dominant", "bayesian", "no")
"""Truth is a best reply to anything, to truthful others on average, or neither."""

BUDGETS = ("strong", "weak", "deficit")
"""The broker keeps nothing, keeps no less than nothing, or may have to pay."""


@dataclass(frozen=True)
class Properties:
    """The economics of a mechanism, as data; what is left out is not claimed.

    Attributes
    ----------
    truthful_buyers, truthful_sellers : str
        One of `TRUTHFUL`, for organisations that act on that side alone.
    truthful_domain : str
        Where `truthful_*` holds; '' is everywhere.
    budget : str
        One of `BUDGETS`.
    individually_rational : bool
        Nobody who reports the truth loses.
    efficient : bool
        Given truthful reports the trades realise the first best.
    efficient_domain : str
        Where `efficient` holds; '' is everywhere.
    licences : tuple of str
        Kinds of licence served.
    copy_means, exclusive_means : str
        What unlimited copies and a single copy mean under this rule, a sentence each.
    reference : str
        The source of the rule.
    max_demand : int or None
        The largest `demand` served; None for any.
    pooled : bool
        The asks of a listing are paid together, not one by one: a buyer may pay less than its ask.
    bundles : bool
        Listings that overlap, orders with contents, are served.

    Raises
    ------
    InputError
        If a value is not one of those named.
    """

    budget: str
    individually_rational: bool
    copy_means: str
    exclusive_means: str
    reference: str
    truthful_buyers: str = "no"
    truthful_sellers: str = "no"
    truthful_domain: str = ""
    efficient: bool = False
    efficient_domain: str = ""
    licences: tuple[str, ...] = LICENCE_KINDS
    max_demand: int | None = None
    pooled: bool = False
    bundles: bool = False

    def __post_init__(self) -> None:
        choices = {"truthful_buyers": TRUTHFUL, "truthful_sellers": TRUTHFUL, "budget": BUDGETS}
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                raise InputError(
                    f"properties.{field} must be one of {', '.join(allowed)}; got {getattr(self, field)!r}"
                )
        if not self.licences or not set(self.licences) <= set(LICENCE_KINDS):
            raise InputError(
                f"properties.licences must be some of {', '.join(LICENCE_KINDS)}; got {self.licences}"
            )


class Mechanism(ABC):
    """A rule that turns orders into trades: a pure function of its orders and its generator.

    What a rule learns from one round for the next is in the rule that `after` returns.

    A subclass is a frozen dataclass whose fields are its parameters, registered in `MECHANISMS` under the
    default of its field `name`.

    Attributes
    ----------
    name : str
        Under which it is registered.
    venue : str
        How orders meet; one of `markets.orders.venues.VENUES`.
    open_outcry : bool
        Whether everybody sees every quote, or only what those who traded paid and received.
    money_fields : tuple of str
        Fields that are amounts in credits or hold some, so that `markets.accounts.money.rescaled` can change
        the unit.
    """

    name: str
    venue: ClassVar[str]
    open_outcry: ClassVar[bool] = False
    money_fields: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def properties(self) -> Properties:
        """What the mechanism declares about itself."""

    @abstractmethod
    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Return the trades; all that is random in them comes from `draw` or `draw_priority`.

        Then a market has the same outcome alone and beside others that are cleared with it.

        Raises
        ------
        InputError
            As `draw`, and where the rule says so.
        """

    def after(self, orders: Orders, trades: Trades) -> "Mechanism":  # noqa: ARG002
        """Return the rule of the next round, given what this one cleared; by default the same rule.

        A rule that learns, such as a reserve estimated from past bids, stays a pure function all the same:
        what it learned is in the rule that this method returns.
        """
        return self

    def memory(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the rule learned as columns by name, for a checkpoint; by default nothing."""
        return {}

    def with_memory(self, memory: Mapping[str, npt.NDArray[Any]]) -> "Mechanism":  # noqa: ARG002
        """Return this rule with what another of the same parameters had learned when it gave its `memory`."""
        return self

    def draw(self, orders: Orders, rng: np.random.Generator) -> Luck:
        """Check that the orders are served and draw the luck of the clearing.

        Raises
        ------
        InputError
            If buyers want more blocks than the mechanism serves, or bundles and it serves none, or a listing
            has fewer copies than buyers and it serves none but copies.
        """
        told = self.properties
        most = told.max_demand
        if most is not None and orders.demand > most:
            raise InputError(
                f"orders.demand must be at most {most} for {type(self).__name__}; got {orders.demand}"
            )
        if not told.bundles:
            allowed = f"0 for {type(self).__name__}, which sells no bundles"
            require(orders.contents == 0, orders.contents, "orders.contents", allowed)
        if told.licences == ("copy",):
            allowed = "no less than its listing has buyers"
            rows = np.bincount(orders.lot, minlength=len(orders))[orders.lot]
            require(orders.capacity >= rows, orders.capacity, "orders.capacity", allowed)
        return Luck.draw(orders, rng)

    def draw_priority(self, orders: Orders, rng: np.random.Generator) -> Ints:
        """Check that the orders are served and draw what breaks ties between rows, int64[R].

        Returns
        -------
        int64[R]
            Distinct numbers in a random order, not negative; smaller is better.

        Raises
        ------
        InputError
            As `draw`.
        """
        return self.draw(orders, rng).priority


def _check(cls: type[Mechanism]) -> None:
    """Raise a TypeError if the class cannot serve as a mechanism."""
    parameters = list(inspect.signature(cls.clear).parameters)
    if parameters != ["self", "orders", "rng"]:
        raise TypeError(
            f"mechanism {cls.__name__}.clear must take (self, orders, rng); got ({', '.join(parameters)})"
        )
    if getattr(cls, "venue", None) not in VENUES:
        raise TypeError(
            f"mechanism {cls.__name__}.venue must be one of {', '.join(VENUES)}; "
            f"got {getattr(cls, 'venue', None)!r}"
        )
    if not isinstance(inspect.getattr_static(cls, "properties"), property):
        raise TypeError(f"mechanism {cls.__name__} must define the property `properties`")


MECHANISMS: Registry[Mechanism] = Registry("mechanism", Mechanism, _check)
"""Every mechanism by name."""
