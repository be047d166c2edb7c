"""What a prior is.

Core Objects: Prior, Distribution, PRIORS, PRIOR
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy.typing as npt

from markets.choices import Choice
from markets.columns import Floats
from markets.orders.orders import Orders
from markets.registry import Registry


class Prior(ABC):
    """What is known of buyers' values; says what a monopolist would charge each of them.

    A subclass is a frozen dataclass whose fields are its parameters, registered in `PRIORS` under the default
    of its field `name`.

    Attributes
    ----------
    money_fields : tuple of str
        Fields that are amounts in credits or hold some, so that `markets.accounts.money.rescaled` can change
        the unit.
    learns : bool
        Whether `after` knows more than before.
    """

    money_fields: ClassVar[tuple[str, ...]] = ()
    learns: ClassVar[bool] = False

    @abstractmethod
    def price(self, orders: Orders) -> Floats:
        """Return the price p that maximises (p - ask) times the chance of a sale, never below the ask, [R].

        In credits. A row's own bid never moves its price.
        """

    def after(self, orders: Orders) -> "Prior":  # noqa: ARG002
        """Return what is known once the bids of `orders` are; by default what was known before."""
        return self

    def memory(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learned as columns by name, for a checkpoint."""
        return {}

    def with_memory(self, memory: Mapping[str, npt.NDArray[Any]]) -> "Prior":  # noqa: ARG002
        """Return the same prior after it learned what `memory` returned."""
        return self


class Distribution(Prior):
    """A distribution of values with a density, the same for every buyer, and regular.

    With F the distribution function and f the density, the virtual value ``phi(v) = v - (1 - F(v))/f(v)`` is
    the marginal revenue of selling to v; regular means that it rises with v. Below the support, where nobody
    should be, it is minus infinity, and from the upper end on it is v. Irregular distributions are no entries
    of this class: a sample of one can be given to `Empirical`, which irons.

    References
    ----------
    R. Myerson (1981), Mathematics of Operations Research 6; J. Bulow and J. Roberts (1989), J. Political
    Economy 97.
    """

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The lowest and the highest value, in credits; the highest may be infinite."""

    @abstractmethod
    def cdf(self, value: npt.ArrayLike) -> Floats:
        """Return F, the probability of values up to `value`."""

    @abstractmethod
    def pdf(self, value: npt.ArrayLike) -> Floats:
        """Return f, the density at `value`, per credit."""

    @abstractmethod
    def quantile(self, probability: npt.ArrayLike) -> Floats:
        """Return the value below which a share `probability`, from 0 to 1, of the values lies."""

    @abstractmethod
    def virtual_value(self, value: npt.ArrayLike) -> Floats:
        """Return phi, in credits."""

    @abstractmethod
    def monopoly_price(self, cost: npt.ArrayLike = 0.0) -> Floats:
        """Return the smallest value in the support with a virtual value of at least `cost`, in credits.

        The price p with the largest (p - cost)(1 - F(p)), and Myerson's optimal reserve whatever the number
        of bidders. Above the support it is the cost itself.
        """

    def price(self, orders: Orders) -> Floats:
        """Return the monopoly price at each ask, [R]."""
        return self.monopoly_price(orders.ask)


PRIORS: Registry[Prior] = Registry("prior", Prior)
"""Every prior by name."""
PRIOR = Choice("mechanism.prior", PRIORS)
