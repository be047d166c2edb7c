"""The markets whose tried pairs are priced: digits, a few organisations, monopolists and rivals.

Core Objects: market_of, markets_of, RULES, Observer, PairsTried
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from agents.learning import Data, Offered, Pairs, try_blocks
from agents.learning.bounds.path_slopes import path_slopes
from experiments.studies.pricing.information import SLOPES_AT, Told, tell
from markets.columns import Floats, Ints
from sim.cohort import Cohort
from sim.config.data import load_examples
from sim.config.market import MarketConfig
from sim.laboratory.requests import Merge
from sim.market import ParameterMarket

SETTINGS_PLAYED = ("independent", "competitive")
WEIGHTS = np.linspace(0, 1, 33)
"""Merge weights that trials compare."""

FULL_INFORMATION = "full information"
PRIOR_HIGH = 0.2
"""The range of values under the prior of the rules below, in credits: about the largest that occur."""
RULES: dict[str, dict[str, Any]] = {
    FULL_INFORMATION: {"name": "nash_bargaining", "disagreement": "none"},
    **{
        f"{cells} cells" if cells > 1 else "prior": {
            "name": "private_bargaining",
            "high": PRIOR_HIGH,
            "cells": cells,
        }
        for cells in (16, 1)
    },
}
"""How the market trades: at Nash prices, or at those of both sides' readings, by how finely the broker
tells."""


def market_of(organisations: int, mechanism: Any) -> MarketConfig:
    """Return the market: handwritten digits of which each lacks most of some classes; one region for all."""
    return MarketConfig(
        organisations=organisations,
        data={"endowment": "class_skew", "kept": 0.2},  # type: ignore[arg-type]
        network={"name": "mlp", "widths": [32, 32]},
        learning={"optimiser": {"name": "adamw", "lr": 0.005}, "local_epochs": 4},  # type: ignore[arg-type]
        setting="competitive",
        mechanism=mechanism,
        broker={"merge_weights": len(WEIGHTS)},  # type: ignore[arg-type]
    )


def markets_of(organisations: int) -> dict[str, MarketConfig]:
    """Return the market of a size under each of `RULES`."""
    return {rule: market_of(organisations, mechanism) for rule, mechanism in RULES.items()}


@dataclass(frozen=True)
class PairsTried:
    """The P pairs that one world tried in a round, as things stood before anybody merged.

    Attributes
    ----------
    world : ParameterMarket
        Where.
    quality : float64 [N]
        Qualities then.
    buyer, seller : int64 [P]
        Who tried whose model.
    before, gain : float64 [P]
        The buyer's loss and its gain, nats an example.
    told : list of Told
        What may be told of the gains.
    """

    world: ParameterMarket
    quality: Floats
    buyer: Ints
    seller: Ints
    before: Floats
    gain: Floats
    told: list[Told]

    @property
    def replicate(self) -> int:
        """The world's replicate."""
        return self.world.replicate

    @property
    def setting(self) -> str:
        """The name of the world's setting."""
        return self.world.config.setting.name

    def money(self, gains: Floats) -> tuple[Floats, Floats]:
        """Return what gains ``[L, P]`` would be worth to the buyers and cost the sellers, credits ``[L, P]``.

        A larger gain is worth more and costs a rival more, so bounds on gains are bounds on both.
        """
        levels = len(gains)
        improved = np.exp(gains - self.before)
        change = self.world.downstream.change(
            self.quality, np.tile(self.buyer, levels), np.tile(self.seller, levels), improved.ravel()
        )
        setting = self.world.config.setting
        return setting.value(change).reshape(gains.shape), setting.cost(change).reshape(gains.shape)


class Observer:
    """Looks at a cohort's trials in every round, when the values are known and nobody has merged yet.

    Give it to `Cohort.step` as what watches; then `pairs` holds the pairs of that round, world by world.

    Parameters
    ----------
    cohort : Cohort
        The worlds; those without trials are left out.
    """

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self.pairs: list[PairsTried] = []
        laboratory, examples = cohort.laboratory, load_examples(cohort.config.data)
        self._inputs, self._labels = torch.as_tensor(examples.inputs), torch.as_tensor(examples.labels)
        self._validation = np.concatenate([laboratory.divisions[r].validation for r in laboratory.replicates])

    def __call__(self, phase: str) -> None:
        """Look, if `phase` is the one in which buyers merge."""
        if phase == Merge.phase:
            self.pairs = self._look()

    def _look(self) -> list[PairsTried]:
        worlds = [w for w in self.cohort.worlds if w.cleared is not None and len(w.cleared.prospects.pairs)]
        tries = [w.cleared.prospects.pairs for w in worlds if w.cleared is not None]
        counts = [len(t) for t in tries]
        buyer = np.concatenate([w.slots[t.buyer] for w, t in zip(worlds, tries, strict=True)])
        seller = np.concatenate([w.slots[t.seller] for w, t in zip(worlds, tries, strict=True)])
        group = np.repeat([self.cohort.laboratory.replicates.index(w.replicate) for w in worlds], counts)
        fleet = self.cohort.laboratory.fleet
        offered = Offered(leaves=fleet.copy_of(np.arange(fleet.slots)))
        pairs = Pairs.of(buyer, seller)
        data = Data(inputs=self._inputs, targets=self._labels, index=self._validation, group=group)
        trials = try_blocks(fleet, offered, pairs, data, WEIGHTS)
        slopes = path_slopes(fleet, trials.prepared.of(0), pairs, data, SLOPES_AT)
        told = tell(WEIGHTS, trials.losses, slopes)
        parts = np.split(np.arange(len(buyer)), np.cumsum(counts)[:-1])
        return [
            PairsTried(
                world=w,
                quality=w.quality,
                buyer=t.buyer,
                seller=t.seller,
                before=trials.losses[p, 0],
                gain=trials.gain[p],
                told=[one.of(p) for one in told],
            )
            for w, t, p in zip(worlds, tries, parts, strict=True)
        ]
