"""Trying: blocks are tried in their buyers' models, and merged as they were tried.

Core Objects: Trying, Listed
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from agents.learning.operations.merging import merge
from agents.learning.operators import Evidence, Recipe
from agents.learning.operators.greedy_soup import GreedySoup
from agents.learning.stack.fleet import Fleet
from agents.learning.stack.offered import Offered, Prepared
from agents.learning.stack.pairs import Pairs
from agents.learning.stack.stock import Part, Stock
from agents.learning.training.calibration import recalibrate
from agents.learning.training.flops import trial_flops, trial_flops_of_buyers
from agents.learning.trials import Trials, try_blocks
from markets.columns import Floats, Ints
from markets.refusals import InputError
from sim.config.market import MarketConfig
from sim.data.division import Division
from sim.laboratory.evidence import collect_evidence
from sim.laboratory.materials import Materials
from sim.laboratory.requests import Merge, Try
from sim.streams import Streams


@dataclass(frozen=True, eq=False)
class Listed:
    """The blocks into which models are cut, those of all architectures in turn.

    Attributes
    ----------
    names : list of str
        Of each block; those of several architectures begin with the architecture's signature.
    contents : int64 [positions]
        See `sim.exchange.goods.Goods`.
    own : list of list of str
        Of each fleet, by the names of its architecture.
    first : int64 [fleets]
        The position of the first block of each.
    """

    names: list[str]
    contents: Ints
    own: list[list[str]]
    first: Ints

    @classmethod
    def of(cls, config: MarketConfig, fleets: Sequence[Fleet]) -> "Listed":
        """Return the blocks that a broker lets the models of fleets be cut into."""
        cuts = [config.broker.cut_of_blocks().cut(fleet.architecture) for fleet in fleets]
        own = [list(cut.positions) for cut in cuts]
        several = len(fleets) > 1
        return cls(
            names=[
                f"{fleet.architecture.signature}: {name}" if several else name
                for fleet, names in zip(fleets, own, strict=True)
                for name in names
            ],
            contents=np.concatenate([cut.contents for cut in cuts]),
            own=own,
            first=np.cumsum([0, *(len(names) for names in own)])[:-1],
        )


class Trying:
    """Answers requests to try and to merge.

    Parameters
    ----------
    config : MarketConfig
        The broker's rules and the merge operator.
    stock : Stock
        The models; those of a common start as they are now.
    materials : Materials
        On what is tried.
    divisions : mapping
        From a replicate to the division of its data.
    streams : Streams
        Randomness; see `sim.laboratory.evidence`.
    """

    def __init__(
        self,
        config: MarketConfig,
        stock: Stock,
        materials: Materials,
        divisions: Mapping[int, Division],
        streams: Streams,
    ) -> None:
        self.config, self.stock, self.materials = config, stock, materials
        self._endowments = {replicate: division.endowments for replicate, division in divisions.items()}
        self._streams = streams
        self.listed = Listed.of(config, stock.fleets)
        self.search = config.broker.search_with(config.learning.merge_operator)
        operator = config.learning.merge_operator
        based = operator.ancestral and config.learning.same_start
        self.recipes = [
            Recipe(operator, base=fleet.copy_of(np.arange(fleet.slots)) if based else None)
            for fleet in stock.fleets
        ]

    @property
    def share(self) -> float:
        """The share of the validation examples on which trials are made, (0, 1]."""
        return self.materials.parts["trial"].shape[1] / self.materials.parts["validation"].shape[1]

    def flops(self, pairs: Pairs) -> int:
        """Return the operations of the trials of pairs of slots, [P]; 0 where nobody may try."""
        if not self.config.broker.trials.tries:
            return 0
        return sum(
            trial_flops(
                part.fleet.architecture,
                self.recipes[part.number].operator,
                self.search.evaluations,
                pairs.take(part.rows),
                self.materials.groups(pairs.buyer[part.rows]),
                examples=self.materials.parts["trial"].shape[1],
                calibration=self.materials.parts["validation"].shape[1],
            )
            for part in self.stock.parts(pairs.buyer)
        )

    def flops_of_buyers(self, pairs: Pairs) -> Ints:
        """Return the operations of the trials of each slot of the stock, as if it alone had tried, [G]."""
        found = np.zeros(self.stock.slots, dtype=np.int64)
        for part in self.stock.parts(pairs.buyer) if self.config.broker.trials.tries and len(pairs) else ():
            buyers, flops = trial_flops_of_buyers(
                part.fleet.architecture,
                self.recipes[part.number].operator,
                self.search.evaluations,
                pairs.take(part.rows),
                examples=self.materials.parts["trial"].shape[1],
                calibration=self.materials.parts["validation"].shape[1],
            )
            found[buyers] = flops
        return found

    def try_all(self, requests: Sequence[Try]) -> list[Trials]:
        """Try the pairs of requests, and return the trials of each.

        Raises
        ------
        InputError
            If a buyer and a seller differ in their architecture.
        """
        pairs = Pairs.joined([r.pairs for r in requests])
        apart = self.stock.fleet_of[pairs.buyer] != self.stock.fleet_of[pairs.seller]
        if apart.any():
            pair = int(np.argmax(apart))
            raise InputError(
                f"buyer and seller must have one architecture; got slots {pairs.buyer[pair]} and "
                f"{pairs.seller[pair]}"
            )
        parts = self.stock.parts(pairs.buyer)
        tried = [self._try_part(part, requests, pairs.take(part.rows)) for part in parts]
        found = tried[0]
        if len(self.stock.fleets) > 1:
            numbers = [part.number for part in parts]
            rows = dict(zip(numbers, (part.rows for part in parts), strict=True))
            found = Trials.assembled(dict(zip(numbers, tried, strict=True)), rows)
        cuts = np.cumsum([len(r.pairs) for r in requests])[:-1]
        return [found.take(own) for own in np.split(np.arange(len(pairs)), cuts)]

    def merge_all(self, requests: Sequence[Merge]) -> None:
        """Merge the purchases of requests, all of which were offered the same."""
        pairs = Pairs.joined([r.pairs for r in requests])
        weight = np.concatenate([r.weight for r in requests])
        for part in self.stock.parts(pairs.buyer):
            prepared = Prepared.joined([r.prepared.of(part.number) for r in requests])
            self._merge_part(part, prepared, pairs.take(part.rows), weight[part.rows])

    def recalibrate(self, fleet: int, slots: Ints) -> None:
        """Estimate the running statistics of slots [n] of a fleet on the broker's validation inputs."""
        everywhere = self.stock.members[fleet][slots]
        recalibrate(self.stock.fleets[fleet], slots, self.materials.data("validation", everywhere))

    def _try_part(self, part: Part, requests: Sequence[Try], pairs: Pairs) -> Trials:
        """Try pairs [m] of slots whose buyers are in a part."""
        fleet, number, every = part.fleet, part.number, self.stock.members[part.number]
        evidence = self._evidence(part, requests)
        offered = Offered(
            leaves=fleet.copy_of(np.arange(fleet.slots)),
            positions=self.listed.own[number],
            recipe=replace(self.recipes[number], own=evidence, offered=evidence),
            group=self.materials.groups(every),
        )
        return try_blocks(
            fleet,
            offered,
            self._local(part, pairs),
            self.materials.data("trial", pairs.buyer),
            self.search,
            alignment=self.config.broker.alignment,
            calibration=self.materials.parts["validation"],
        )

    def _evidence(self, part: Part, requests: Sequence[Try]) -> Evidence:
        """Return what the operator is to know of the models of a fleet that take part."""
        traders = []
        for r in requests:
            taking_part = np.unique(np.concatenate([r.pairs.buyer, r.pairs.seller]))
            slots = taking_part[self.stock.fleet_of[taking_part] == part.number]
            own = self.stock.parts(slots)[0].slots
            traders.append((r.replicate, r.round, own, slots % self.materials.organisations))
        operator, inputs = self.recipes[part.number].operator, self.materials.inputs
        return collect_evidence(part.fleet, operator, traders, self._endowments, self._streams, inputs)

    def _merge_part(self, part: Part, prepared: Prepared, pairs: Pairs, weight: Floats) -> None:
        """Merge purchases [m] of slots whose buyers are in a part."""
        loss_of = None
        local = self._local(part, pairs)
        if isinstance(self.recipes[part.number].operator, GreedySoup):
            loss_of = partial(self._trial_loss, part.number)
            order = np.argsort(loss_of(local.seller), kind="stable")
            local, weight, prepared = local.take(order), weight[order], prepared.take(order)
        merge(
            part.fleet,
            prepared,
            local,
            weight,
            reset_optimiser=self.config.learning.reset_after_merge,
            after_merge=partial(self.recalibrate, part.number),
            loss_of=loss_of,
        )

    def _trial_loss(self, fleet: int, slots: Ints) -> Floats:
        """Return the loss of slots [n] of a fleet on the examples on which trials are made."""
        everywhere = self.stock.members[fleet][slots]
        return self.stock.evaluate(everywhere, self.materials.data("trial", everywhere))[0]

    def _local(self, part: Part, pairs: Pairs) -> Pairs:
        """Return pairs by the slots of their fleet and the positions of its architecture."""
        seller = self.stock.parts(pairs.seller)[0].slots
        position = pairs.position - self.listed.first[part.number]
        return replace(pairs, buyer=part.slots, seller=seller, position=position)
