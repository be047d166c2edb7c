"""The ensemble of all organisations' models."""

from typing import ClassVar

from pydantic.dataclasses import dataclass

from sim.baselines import BASELINES
from sim.baselines.base import Baseline


@BASELINES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class DeepEnsemble(Baseline):
    """Everybody trains alone, and all answer together: the mean of the probabilities of all models.

    Source: Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive uncertainty
    estimation using deep ensembles". No training of its own: its members are the models of autarky. It is no
    model that could be merged or trained on, and costs N forward passes an answer.
    """

    name: str = "deep_ensemble"
    ensemble: ClassVar[bool] = True
