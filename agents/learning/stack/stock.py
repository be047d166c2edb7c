"""The stock: the fleets of a laboratory, whose models are found by one number, whatever their architecture.

Core Objects: Stock, Part
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from agents.learning.stack.data import Data
from agents.learning.stack.fleet import Fleet
from markets.columns import Bools, Floats, Ints
from markets.refusals import InputError


@dataclass(frozen=True, eq=False)
class Part:
    """What some slots of a stock are in one of its fleets.

    Attributes
    ----------
    number : int
        Of the fleet.
    fleet : Fleet
        It holds them.
    rows : int64 [m]
        Which of the slots that were asked for these are.
    slots : int64 [m]
        Their slots in the fleet.
    """

    number: int
    fleet: Fleet
    rows: Ints
    slots: Ints


class Stock:
    """Models of several architectures.

    What is asked of slots is a computation of each fleet: with one fleet it is the fleet's own, bit for bit.

    Parameters
    ----------
    fleets : sequence of Fleet
        One an architecture.
    fleet_of : int64 [G]
        The number of the fleet that each slot is in; a fleet holds its slots in their order.

    Raises
    ------
    InputError
        If a fleet has another number of slots.
    """

    def __init__(self, fleets: Sequence[Fleet], fleet_of: Ints) -> None:
        self.fleets, self.fleet_of = tuple(fleets), fleet_of
        self.members = [np.flatnonzero(fleet_of == number) for number in range(len(fleets))]
        self._place = np.zeros(len(fleet_of), dtype=np.int64)
        for fleet, own in zip(self.fleets, self.members, strict=True):
            if fleet.slots != len(own):
                raise InputError(f"a fleet must have {len(own)} slots, as the stock says; got {fleet.slots}")
            self._place[own] = np.arange(len(own))

    @property
    def slots(self) -> int:
        """Number of models."""
        return len(self.fleet_of)

    @property
    def only(self) -> Fleet:
        """The one fleet; ``InputError`` where there are several."""
        if len(self.fleets) > 1:
            named = ", ".join(fleet.architecture.signature for fleet in self.fleets)
            raise InputError(f"networks must be one and the same for this; got {named}")
        return self.fleets[0]

    def parts(self, slots: npt.ArrayLike) -> list[Part]:
        """Return slots [n] fleet by fleet, in their order; of none, an empty part of the first fleet."""
        asked = np.asarray(slots, dtype=np.int64).reshape(-1)
        wrong = asked[(asked < 0) | (asked >= self.slots)]
        if len(wrong):
            raise InputError(f"slot must be in 0..{self.slots - 1}; got {wrong[0]}")
        number = self.fleet_of[asked]
        found = []
        for one in np.unique(number).tolist() or [0]:
            rows = np.flatnonzero(number == one)
            found.append(Part(one, self.fleets[one], rows, self._place[asked[rows]]))
        return found

    def evaluate(self, slots: npt.ArrayLike, data: Data) -> tuple[Floats, Floats]:
        """Return loss and score of each slot [n] on its group's examples (see `Fleet.evaluate`)."""
        loss, score = (np.empty(np.size(slots)) for _ in range(2))
        for part in self.parts(slots):
            loss[part.rows], score[part.rows] = part.fleet.evaluate(part.slots, data.of(part.rows))
        return loss, score

    def finite(self, slots: npt.ArrayLike) -> Bools:
        """Return whether all numbers of each slot's model are finite, bool [n]."""
        found = np.empty(np.size(slots), dtype=bool)
        for part in self.parts(slots):
            found[part.rows] = part.fleet.finite(part.slots)
        return found

    def architecture_flops(self, slots: npt.ArrayLike) -> tuple[Ints, Ints]:
        """Return the operations of each slot [n] for training on an example, and for a forward pass of it."""
        training, forward = (np.empty(np.size(slots), dtype=np.int64) for _ in range(2))
        for part in self.parts(slots):
            training[part.rows] = part.fleet.architecture.training_flops
            forward[part.rows] = part.fleet.architecture.forward_flops
        return training, forward

    def module(self, slot: int) -> nn.Module:
        """Return a plain torch module with a copy of the parameters in a slot."""
        [part] = self.parts([slot])
        return part.fleet.architecture.module(part.fleet.models, int(part.slots[0]))

    def state(self) -> dict[str, Tensor]:
        """Return all numbers by flat name; those of several fleets begin with the fleet's number."""
        if len(self.fleets) == 1:
            return self.fleets[0].state()
        return {
            f"{number}/{name}": leaf
            for number, fleet in enumerate(self.fleets)
            for name, leaf in fleet.state().items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned; ``InputError`` for other architectures, optimisers or sizes."""
        if len(self.fleets) == 1:
            self.fleets[0].restore(state)
            return
        known = [f"{number}/" for number in range(len(self.fleets))]
        strange = [name for name in state if not name.startswith(tuple(known))]
        if strange:
            raise InputError(f"checkpoint tensor {strange[0]} must begin with one of {', '.join(known)}")
        for begin, fleet in zip(known, self.fleets, strict=True):
            fleet.restore({n.removeprefix(begin): leaf for n, leaf in state.items() if n.startswith(begin)})
