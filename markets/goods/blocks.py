"""What is traded: parameter blocks, licences and listings.

A good here is a name with a description. The tensors behind it are another package's business.

Core Objects: Licence, ParameterBlock, Listing
"""

import math
import re
from dataclasses import dataclass

from markets.refusals import InputError

KINDS = ("weights", "module", "checkpoint", "value_network")
"""Kinds of parameter block: layers of a model, an incubated stage, a model to start from, a logit adapter."""

LICENCE_KINDS = ("copy", "exclusive", "copies")
"""Kinds of licence: any number of winners a round, one, or a stated number."""

UNLIMITED = 2**62
"""Capacity of a listing that can be copied without end; fits int64."""


@dataclass(frozen=True)
class Licence:
    """How many winners a listing can have in a round.

    Attributes
    ----------
    kind : str
        ``copy`` (any number), ``exclusive`` (one) or ``copies`` (the number in `copies`).
    copies : int or None
        Number of copies, from 1 to 2**62; given if and only if `kind` is ``copies``.

    Raises
    ------
    InputError
        If the kind is unknown or `copies` does not go with it.

    Examples
    --------
    >>> Licence.parse("copies: 3").capacity
    3
    """

    kind: str = "copy"
    copies: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in LICENCE_KINDS:
            raise InputError(f"licence.kind must be one of {', '.join(LICENCE_KINDS)}; got {self.kind!r}")
        if self.kind == "copies" and (self.copies is None or not 1 <= self.copies <= UNLIMITED):
            raise InputError(f"licence.copies must be from 1 to 2**62 for kind 'copies'; got {self.copies}")
        if self.kind != "copies" and self.copies is not None:
            raise InputError(f"licence.copies must be None for kind {self.kind!r}; got {self.copies}")

    @property
    def capacity(self) -> int:
        """Winners a round at most: `UNLIMITED`, 1, or the number of copies."""
        if self.kind == "copy":
            return UNLIMITED
        return self.copies if self.copies is not None else 1

    @classmethod
    def parse(cls, text: str) -> "Licence":
        """Return the licence written as ``copy``, ``exclusive`` or ``copies: k``.

        Raises
        ------
        InputError
            If the text is none of these.
        """
        stated = re.fullmatch(r"copies:\s*(\d{1,19})", text.strip())
        if stated and 1 <= int(stated[1]) <= UNLIMITED:
            return cls("copies", int(stated[1]))
        if text.strip() in ("copy", "exclusive"):
            return cls(text.strip())
        raise InputError(
            f"licence must be 'copy', 'exclusive' or 'copies: k' with k from 1 to 2**62; got {text!r}"
        )


@dataclass(frozen=True)
class ParameterBlock:
    """A named set of parameters cut from a model: the good, without its tensors.

    Attributes
    ----------
    block_id : str
        The block's name, unique in a run.
    kind : str
        One of `KINDS`.
    position : str
        Where in a model it fits; blocks of one position are rivals for the same place.
    architecture : str
        The architecture it was cut from.
    owner : int
        The organisation that offers it.
    lineage : tuple of int
        Organisations whose parameters flowed into it, the owner's among them or not.
    cost : float
        FLOPs spent to produce it.

    Raises
    ------
    InputError
        If the kind is unknown, a name is empty, the owner negative or the cost not a finite non-negative
        number.
    """

    block_id: str
    kind: str
    position: str
    architecture: str
    owner: int
    lineage: tuple[int, ...] = ()
    cost: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"block.kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        for field in ("block_id", "position", "architecture"):
            if not getattr(self, field):
                raise InputError(
                    f"block.{field} must be a text that is not empty; got {getattr(self, field)!r}"
                )
        if self.owner < 0:
            raise InputError(f"block.owner must be an organisation's number from 0; got {self.owner}")
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise InputError(f"block.cost must be finite and not negative (FLOPs); got {self.cost}")


@dataclass(frozen=True)
class Listing:
    """A block offered by a seller, with a reserve price and a licence.

    Attributes
    ----------
    listing_id : int
        The listing's number, unique in a round.
    seller : int
        The organisation that sells.
    block : ParameterBlock
        The good.
    reserve : float
        The least the seller accepts, in credits.
    licence : Licence
        How many can win it.

    Raises
    ------
    InputError
        If a number is negative or the reserve not finite.
    """

    listing_id: int
    seller: int
    block: ParameterBlock
    reserve: float = 0.0
    licence: Licence = Licence()

    def __post_init__(self) -> None:
        for field in ("listing_id", "seller"):
            if getattr(self, field) < 0:
                raise InputError(f"listing.{field} must be a number from 0; got {getattr(self, field)}")
        if not (math.isfinite(self.reserve) and self.reserve >= 0):
            raise InputError(f"listing.reserve must be finite and not negative (credits); got {self.reserve}")
