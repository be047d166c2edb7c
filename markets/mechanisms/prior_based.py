"""What the rules that price by a prior have in common: they learn what their prior learns."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy.typing as npt

from markets.mechanisms.base import Mechanism
from markets.orders.orders import Orders, Trades
from markets.priors import Prior

ONE_ROUND = "one round at a time"
"""Where a rule that learns is truthful if what a buyer bids can help it in later rounds."""


class PriorBased(Mechanism):
    """A mechanism that learns where its prior does.

    Attributes
    ----------
    prior_field : str
        The field that holds the prior, or something else where the rule does without one.
    """

    prior_field: ClassVar[str] = "prior"

    def after(self, orders: Orders, trades: Trades) -> Mechanism:  # noqa: ARG002
        """Return the rule whose prior also knows the bids of `orders`."""
        learner = self._learner
        return self if learner is None else self._knowing(learner.after(orders))

    def memory(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the prior learned."""
        return {} if self._learner is None else self._learner.memory()

    def with_memory(self, memory: Mapping[str, npt.NDArray[Any]]) -> Mechanism:
        """Return the rule whose prior has learned what `memory` returned."""
        learner = self._learner
        return self if learner is None else self._knowing(learner.with_memory(memory))

    @property
    def _learner(self) -> Prior | None:
        prior = getattr(self, self.prior_field)
        return prior if isinstance(prior, Prior) and prior.learns else None

    def _knowing(self, prior: Prior) -> Mechanism:
        return dataclasses.replace(self, **{self.prior_field: prior})  # type: ignore[type-var]
