"""Resale: who may list a model.

Core Objects: ResaleRule, RESALE_RULES
"""

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Bools
from markets.registry import Registry


class ResaleRule:
    """Who may list what it holds. Subclasses are frozen dataclasses."""

    name: str

    def may_list(self, own_training: Bools) -> Bools:
        """Return who may, [N], of organisations that trained what they hold, or did not; by default all."""
        return np.ones_like(own_training)


RESALE_RULES: Registry[ResaleRule] = Registry("rule of resale", ResaleRule)


@RESALE_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ResaleAllowed(ResaleRule):
    """Everybody lists what it holds."""

    name: str = "allowed"


@RESALE_RULES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ResaleForbidden(ResaleRule):
    """A model is listed only if its owner's own training flowed into it."""

    name: str = "forbidden"

    def may_list(self, own_training: Bools) -> Bools:
        """Return whose did."""
        return own_training
