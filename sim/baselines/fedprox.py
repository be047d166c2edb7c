"""Federated averaging of models that are held near their mean while they train."""

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from sim.baselines import BASELINES
from sim.baselines.fedavg import FedAvg


@BASELINES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class FedProx(FedAvg):
    """FedAvg with local loss + mu/2 |theta - theta of the round's start|^2.

    Source: Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith (2020), "Federated optimization in heterogeneous
    networks", who choose mu from 0.001, 0.01, 0.1 and 1. All strengths are played, each in slots of its own;
    what has the least validation loss at the end is the baseline.

    Parameters
    ----------
    mu : list of float
        Strengths of the proximal term.
    """

    name: str = "fedprox"
    mu: Annotated[list[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]], Field(min_length=1)] = (
        field(default_factory=lambda: [0.001, 0.01, 0.1, 1.0])
    )

    @property
    def pulls(self) -> tuple[float, ...]:
        """The strengths."""
        return tuple(self.mu)
