"""Holdings: what is known of the models that organisations have; their tensors are the laboratory's."""

from typing import Any

import numpy as np
import numpy.typing as npt

from markets.columns import Bools, Floats, Ints


class Holdings:
    """The models of N organisations.

    Parameters
    ----------
    organisations : int
        N.
    prior_loss : float
        The loss of a model that knows nothing, nats an example.

    Attributes
    ----------
    validation_loss : float64 [N]
        Nats an example.
    lineage : bool [N, N]
        Whose parameters flowed into whose.
    training_flops : int64 [N]
        Operations that training has taken so far.
    """

    def __init__(self, organisations: int, prior_loss: float) -> None:
        self.validation_loss: Floats = np.full(organisations, prior_loss)
        self.lineage: Bools = np.zeros((organisations, organisations), dtype=bool)
        self.training_flops: Ints = np.zeros(organisations, dtype=np.int64)

    @property
    def quality(self) -> Floats:
        """The quality of every model, exp(-validation loss), [N]."""
        return np.exp(-self.validation_loss)

    @property
    def own_training(self) -> Bools:
        """Whose own training flowed into the model that it holds, [N]."""
        return self.lineage.diagonal()

    def trained(self, who: Ints, validation_loss: Floats, examples: Ints, flops: Ints) -> None:
        """Take note of a training of some organisations [n] on so many examples, with so many operations."""
        self.validation_loss[who] = validation_loss
        learnt = who[examples > 0]
        self.lineage[learnt, learnt] = True
        self.training_flops[who] += flops

    def merged(self, buyer: Ints, seller: Ints, weight: Floats, *, replaces: bool) -> None:
        """Let lineages flow with the parameters of purchases [T].

        Where a purchase `replaces` what it is merged into at weight 1, nothing of that is left then.
        """
        offered = self.lineage.copy()
        if replaces:
            self.lineage[buyer[weight == 1]] = False
        used = weight > 0
        np.logical_or.at(self.lineage, buyer[used], offered[seller[used]])

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a checkpoint must hold."""
        names = ("lineage", "validation_loss", "training_flops")
        return {name: getattr(self, name).copy() for name in names}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a state that `state` returned."""
        self.lineage = state["lineage"].astype(bool)
        self.validation_loss = state["validation_loss"].copy()
        self.training_flops = state["training_flops"].copy()
