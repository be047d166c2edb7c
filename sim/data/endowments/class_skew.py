"""Everything of some classes, little of the others."""

from dataclasses import field

import numpy as np
from pydantic.dataclasses import dataclass

from markets.columns import Bools, Ints
from sim.data.datasets import DataError
from sim.data.endowments import ENDOWMENTS
from sim.data.endowments.base import (
    Draw,
    EndowmentRule,
    Groups,
    Pool,
    Positive,
    Share,
    check_held,
    shared_out,
)


@ENDOWMENTS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class ClassSkew(EndowmentRule):
    """Everything of the classes of one's group, a fraction `kept` of the others.

    Classes form `groups` blocks of consecutive classes, organisation i is of group i mod `groups` and keeps
    of n examples of another group's class round(kept n), halves up, at least 1 when kept > 0. With two groups
    that are not disjoint it is the skew of Huang, Vishwakarma and Sala (2023).
    """

    name: str = "class_skew"
    groups: Groups = 2
    kept: Share = 0.1
    disjoint: bool = True
    sizes: list[Positive] = field(default_factory=list)

    def share_out(self, pool: Pool, organisations: int, draw: Draw) -> list[list[Ints]]:
        """Return own classes whole and some of the others (see `EndowmentRule.share_out`).

        Cost where endowments are not disjoint: examples times organisations.
        """
        own = self._own_classes(len(pool), organisations)
        shares = (
            shared_out(pool, self.sizes, organisations) if self.disjoint else [pool.classes] * organisations
        )
        shares = [self._kept(share, own[i], draw("data-kept", i)) for i, share in enumerate(shares)]
        check_held(pool, shares, own | (self.kept > 0), f"data.kept={self.kept} and data.sizes={self.sizes}")
        return shares

    def _own_classes(self, classes: int, organisations: int) -> Bools:
        """Return whether a class is of the organisation's group, shape [organisations, classes]."""
        if self.groups > min(classes, organisations):
            raise DataError(
                f"data.groups must be at most {min(classes, organisations)}, the smaller of {classes} "
                f"classes and {organisations} organisations; got {self.groups}"
            )
        blocks = np.array_split(np.arange(classes), self.groups)
        group = np.repeat(np.arange(self.groups), [len(block) for block in blocks])
        return np.asarray((np.arange(organisations) % self.groups)[:, None] == group)

    def _kept(self, share: list[Ints], own: Bools, rng: np.random.Generator) -> list[Ints]:
        """Keep own classes whole and a random fraction of the others."""
        counts = np.array([len(m) for m in share])
        rounded = np.floor(self.kept * counts + 0.5).astype(np.int64)
        sizes = np.where(own, counts, np.maximum(rounded, 1) if self.kept > 0 else 0)
        return [rng.permutation(m)[:size] for m, size in zip(share, sizes, strict=True)]
