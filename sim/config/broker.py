"""The configuration of the broker, and with it all that decides a merge weight.

1. A trial compares the weights of `broker.weight_search`, and 0, no purchase; of an operator without weights
   it compares 0 and 1, and where nobody may try (`broker.trials=none`) there is nothing to compare.
2. The buyer is told the weight of the least loss, as far as `broker.trials` discloses it
   (`sim.exchange.disclosure`); what could not be tried counts as merged half and half.
3. The buyer's strategy chooses a weight, by default the one that it was told
   (`agents.strategies.Strategy.merge`). Who cooperates takes that.
4. Whatever was chosen, a search that has a fixed weight, as ``half``, merges with it.

Core Objects: BrokerConfig, ALIGNMENT
"""

from dataclasses import field
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from agents.learning.alignment import ALIGNMENTS
from agents.learning.networks.base import JOINT
from agents.learning.operations.weight_searches import WEIGHT_SEARCHES, GivenWeights, WeightSearch
from agents.learning.operations.weight_searches.base import Weight
from agents.learning.operations.weight_searches.golden import Tolerance
from agents.learning.operations.weight_searches.grid import Count
from agents.learning.operators import MergeOperator
from markets.choices import Choice
from markets.columns import Floats
from markets.goods.blocks import UNLIMITED, Licence
from markets.mechanisms import Mechanism
from markets.refusals import InputError
from sim.exchange.blocks import BLOCKS, Blocks
from sim.exchange.blocks.layers import BUNDLE
from sim.exchange.disclosure import DISCLOSURES
from sim.exchange.resale import RESALE_RULES

STRICT: Any = {"extra": "forbid", "validate_default": True}
"""How configurations are validated: unknown keys are refused, and defaults are checked too."""
ALIGNMENT = Choice("broker.alignment", ALIGNMENTS)
WEIGHT_SEARCH = Choice("broker.weight_search", WEIGHT_SEARCHES, shares=True)
BLOCK = Choice("broker.blocks", BLOCKS, f"or names of layers of the network joined by {JOINT}", shares=True)


@dataclass(frozen=True, config=STRICT)
class BrokerConfig:
    """What the broker does for the market.

    Parameters
    ----------
    blocks : str or mapping
        What sellers list: ``model``, one block that holds all the parameters, ``trunk``, one that holds all
        layers but the head, ``layers``, a block a layer, or names of layers of the network joined by "+", as
        ``layer0+layer1``: one block that holds these, all that is ever traded. Or a mapping of own fields
        with the ``name``.
    bundles : str or mapping
        What sellers list besides single layers: ``none``, ``whole``, all layers together, or ``adjacent``,
        every run of adjacent layers. A bundle is tried and merged as one block; a buyer wins one listing a
        round, and a licence counts for each layer, alone or in a bundle.
    licence : str
        ``copy`` (sold to any number of buyers), ``exclusive`` (one winner a round) or ``copies: k``.
    trials : str
        ``full``: blocks are tried on the whole validation set before purchase; ``weak``: on some of its
        classes alone; ``none``: nobody tries, buyers go by claims (see `sim.exchange.disclosure`).
    trial_classes : int or None
        On how many classes, the first ones, a weak trial is made; None is half of them.
    alignment : str
        ``weight_matching`` (Ainsworth, Hayase and Srinivasa 2023) or ``none``.
    weight_search : str or mapping
        How a trial looks for the merge weight, by name or as a mapping of own fields with the ``name``:
        ``grid``, ``golden`` (golden section, one forward pass a step), ``quadratic`` (the lowest point of a
        parabola through three losses, and a check there) or ``half`` (1/2, whatever is found).
    merge_weights : int
        Merge weights that a trial compares beside 0, no purchase, evenly spaced over `weight_range` (grid).
    weight_range : list of float
        Least and greatest merge weight of a purchase, in [0, 1] (grid, golden, quadratic).
    weight_tolerance : float
        Length of the interval at which golden section stops.
    record_curves : bool
        Whether the loss that each trial found at each merge weight is recorded, in the table ``curves``: a
        row a trial and weight, which is several times what the other tables hold.
    shortlist : int or None
        Listings that each buyer tries a round, drawn at random; None is all of them.
    demand : int
        Blocks of one position that an organisation buys at most in a round.
    resale : str
        ``allowed``, or ``forbidden``: a model is listed only if its owner's own training flowed into it.
    start_round : int
        First round, from 1, in which anything is listed.
    every : int
        Trade in every so many rounds from then on; 1 is every round.
    """

    blocks: Annotated[Any, BLOCK] = "model"
    bundles: Annotated[Any, BUNDLE] = "none"
    licence: str = "copy"
    trials: Annotated[Any, Choice("broker.trials", DISCLOSURES)] = "full"
    trial_classes: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    alignment: Annotated[Any, ALIGNMENT] = "weight_matching"
    weight_search: Annotated[Any, WEIGHT_SEARCH] = "grid"
    merge_weights: Count = 11
    weight_range: list[Weight] = field(default_factory=lambda: [0.0, 1.0])
    weight_tolerance: Tolerance = 0.05
    record_curves: bool = False
    shortlist: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    demand: Annotated[int, Field(ge=1, le=UNLIMITED)] = 1
    resale: Annotated[Any, Choice("broker.resale", RESALE_RULES)] = "allowed"
    start_round: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @field_validator("licence")
    @classmethod
    def _known_licence(cls, value: str) -> str:
        Licence.parse(value)
        return value

    @field_validator("weight_range")
    @classmethod
    def _known_range(cls, value: list[float]) -> list[float]:
        if len(value) != 2 or not 0 <= value[0] < value[1] <= 1:
            raise InputError(
                f"broker.weight_range must be [least, greatest] with 0 <= least < greatest <= 1; got {value}"
            )
        return value

    @model_validator(mode="after")
    def _choices_have_their_fields(self) -> "BrokerConfig":
        self.search()
        blocks = self.cut_of_blocks()
        if self.bundles.name != "none" and not hasattr(blocks, "bundles"):
            raise InputError(
                f"broker.bundles must be none unless broker.blocks is layers; got {self.bundles.name!r} "
                f"with blocks {self.blocks!r}"
            )
        return self

    def cut_of_blocks(self) -> Blocks:
        """Return how models are cut into blocks."""
        listed = isinstance(self.blocks, str) and self.blocks not in BLOCKS
        value = {"name": "chosen", "layers": self.blocks.split(JOINT)} if listed else self.blocks
        blocks: Blocks = BLOCK.build(value, {"bundles": self.bundles})
        return blocks

    def check_licence(self, mechanism: Mechanism) -> None:
        """Raise ``InputError`` unless a mechanism serves the licence."""
        served = mechanism.properties.licences
        if Licence.parse(self.licence).kind not in served:
            raise InputError(
                f"broker.licence must be one of {', '.join(served)} for mechanism {mechanism.name}; "
                f"got {self.licence!r}"
            )

    def search(self) -> WeightSearch:
        """Return how trials look for the merge weight."""
        ends = dict(zip(("least", "most"), self.weight_range, strict=True))
        shared = ends | {"count": self.merge_weights, "tolerance": self.weight_tolerance}
        search: WeightSearch = WEIGHT_SEARCH.build(self.weight_search, shared)
        return search

    def search_with(self, operator: MergeOperator) -> WeightSearch:
        """Return how trials of an operator look for the merge weight.

        Raises
        ------
        InputError
            If the operator has no weight and one is asked for.
        """
        if operator.weighted:
            return self.search() if self.trials.tries else GivenWeights((0.0,))
        if self.search().fixed is not None or not self.trials.tries:
            raise InputError(
                f"broker.trials must be full or weak, and broker.weight_search not half, for merge operator "
                f"{operator.name}, which has no merge weight; got {self.trials.name}, {self.search().name}"
            )
        return GivenWeights((0.0, 1.0))

    def weight_of_merge(self, chosen: Floats) -> Floats:
        """Return the weights with which is merged what was bought, [T], where `chosen` were chosen."""
        fixed = self.search().fixed
        return chosen if fixed is None else np.full_like(chosen, fixed)

    def trades_in(self, round_number: int) -> bool:
        """Return whether the schedule has a market in a round, counted from 1."""
        since = round_number - self.start_round
        return since >= 0 and since % self.every == 0
