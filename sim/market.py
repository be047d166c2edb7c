"""The world: organisations that train, trade parameters and live off their models.

`ParameterMarket.round` tells one round. It is a generator: it yields what is to be computed on parameters
and receives the results, so that `play` can step many worlds together and compute for all of them at once.

Core Objects: ParameterMarket, play
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import mesa
import numpy as np
from mesa.datacollection import DataCollector
from numpy.typing import NDArray

from agents.organisation import Organisation
from agents.strategies import Memory, Strategy
from markets.goods import Listing
from markets.ledger import Ledger
from markets.mechanisms import Mechanism
from markets.money import to_micro
from markets.orders import Orders
from markets.refusals import InputError
from sim.broker import (
    Appraisal,
    Quoted,
    Shortlist,
    appraise,
    ask_strategies,
    at_the_door,
    describe,
    list_blocks,
    shortlist,
    to_orders,
)
from sim.config import COMPONENTS, MarketConfig, check_mappings
from sim.deals import Deals
from sim.laboratory import Laboratory
from sim.measurement import RoundReport, report_round
from sim.membership import Members
from sim.outcomes import begin_one, learn
from sim.requests import Consult, Evaluate, Merge, Request, Train, Tried, Try
from sim.settlement import merge_weights, pay_royalties, settle
from sim.vetting import vetted

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

SERIES = (
    "welfare",
    "consumer_surplus",
    "profits",
    "test_accuracy",
    "test_loss",
    "trades",
    "volume",
    "allocative_efficiency",
    "withheld",
)


@dataclass(frozen=True)
class Cleared:
    """What a round's mechanism was given, the trials, values and quotes behind it, and the rule as it was."""

    tries: Shortlist
    worth: Appraisal
    quoted: Quoted
    orders: Orders
    mechanism: Mechanism


class ParameterMarket(mesa.Model):
    """One market for model parameters.

    Parameters
    ----------
    config : MarketConfig, optional
        The whole configuration; by default made from `choices`.
    replicate : int
        Which division of the data and which initial weights (each is a random stream of its own).
    world : int
        The place of this world among those of its replicate in the laboratory.
    laboratory : Laboratory, optional
        Where parameters live; by default the world makes its own.
    seed, rng : int, optional
        Root of all random streams; one of the two names that Mesa has for it.
    **choices
        Fields of `MarketConfig`: ``ParameterMarket(organisations=8, mechanism="first_price", seed=1)``.

    Attributes
    ----------
    report : RoundReport or None
        All tables of the round just played.
    cleared : Cleared or None
        What the mechanism was given in it.
    consults : bool
        Whether people may change what the strategies offer: `round` then asks them with a `Consult`.
    datacollector : mesa.DataCollector
        The series of `SERIES`, one entry a round.
    active : bool [N]
        Who trains and trades. Whose entry is set to False does neither from the next round on and earns
        nothing, until it is set to True again; so for good after ``agent.remove()``.
    members : Members
        Who is there in this round, and what each follows.

    Examples
    --------
    >>> market = ParameterMarket(organisations=2, data={"examples": 400, "endowment": "class_skew"}, seed=0)
    >>> market.step()
    >>> frame = market.datacollector.get_model_vars_dataframe()
    """

    def __init__(
        self,
        config: MarketConfig | None = None,
        *,
        replicate: int = 0,
        world: int = 0,
        laboratory: Laboratory | None = None,
        seed: int | str | None = None,
        rng: int | str | None = None,
        **choices: Any,
    ) -> None:
        if config is not None and choices:
            raise TypeError(
                f"give ParameterMarket a config or its fields, not both; got {', '.join(choices)}"
            )
        check_mappings(choices, COMPONENTS)
        root = seed if rng is None else rng
        if root is not None and not str(root).isdecimal():
            raise InputError(f"seed must be a whole number from 0; got {root!r}")
        super().__init__(rng=None if root is None else int(root))
        if root is None:
            root = int(self.rng.integers(2**63))
        self.config = config or MarketConfig(**choices)
        self.replicate = int(replicate)
        self.laboratory = laboratory or Laboratory(self.config, int(root), (self.replicate,))
        self.mechanism = self.config.mechanism
        self.organisations = self.config.organisations
        self.slots = self.laboratory.slots_of(self.replicate, world)
        self.downstream = self.config.setting.downstream(self.organisations)
        strategies = self.config.population.strategies(self.organisations)
        self.members = Members(strategies, self.laboratory.classes, self.config.setting.cooperates)
        self.memories: dict[str, Memory] = {}
        self._gather()
        self._found(range(self.organisations))
        self.ledger = Ledger(self.organisations, int(to_micro(self.config.population.credit_limit, "down")))
        self.ledger.issue(np.full(self.organisations, int(to_micro(self.config.population.cash, "down"))))
        self.trained_this_round = np.arange(self.organisations)
        self.lineage: Bools = np.zeros((self.organisations, self.organisations), dtype=bool)
        self.validation_loss = np.full(self.organisations, np.log(self.laboratory.classes))
        self.training_flops = np.zeros(self.organisations, dtype=np.int64)
        self.catalogue = list_blocks(self)
        self.consults = False
        self.cleared: Cleared | None = None
        self.report: RoundReport | None = None
        self.datacollector = DataCollector({name: partial(_latest, series=name) for name in SERIES})

    def step(self) -> None:
        """Play one round."""
        play([self])

    def round(self) -> Generator[Request, Any, None]:
        """Tell one round: train, list, try, bid, clear, settle, merge, measure."""
        self._gather()
        trained = yield self._train()
        self._learn_of(trained)
        starting_quality = self.quality

        self.catalogue = catalogue = list_blocks(self)
        tries = shortlist(self, catalogue)
        tried = yield self._try(tries)
        tried = vetted(self, catalogue, tries, tried)

        worth = appraise(self, tries, tried)
        offers = ask_strategies(self, catalogue, tries, tried.gain, worth)
        if self.consults:
            offers = yield Consult(catalogue, tries, tried.gain, worth, offers)
        quoted = at_the_door(self, catalogue, tries, offers)
        orders = to_orders(self, tries, tried.gain, quoted)
        self.cleared = Cleared(tries, worth, quoted, orders, self.mechanism)
        trades = self._clear(orders)
        deals, levied = settle(self, tries, quoted, trades)
        self.memories |= learn(self, catalogue, tries, worth, quoted, deals, levied)

        bought = deals.settled_only()
        before = yield Evaluate(self.slots[bought.buyer], "test", self.replicate)
        weight = merge_weights(self, tries, bought, tried)
        yield self._merge(bought, tries, tried, weight)
        after = yield Evaluate(self.slots[bought.buyer], "validation", self.replicate)
        self.validation_loss[bought.buyer] = after.loss
        self._trace_lineage(bought, weight)
        tested = yield Evaluate(self.slots, "test", self.replicate)

        standing = self.downstream.standing(self.quality)
        profit = to_micro(standing.profit, "nearest")
        self.ledger.earn(self.steps, profit)
        royalties = pay_royalties(self, starting_quality, profit, bought, worth.welfare[bought.row])
        self.ledger.check()
        self.report = report_round(
            self,
            trained,
            catalogue,
            tries,
            tried,
            worth,
            quoted,
            deals,
            levied,
            before,
            tested,
            standing,
            royalties,
        )
        self.datacollector.collect(self)

    def stream(self, purpose: str, *keys: int | str) -> np.random.Generator:
        """Return the random stream of this replicate and round for a purpose; every arm has the same one."""
        return self.laboratory.streams.stream(purpose, self.replicate, self.steps, *keys)

    @property
    def active(self) -> Bools:
        """Who trains and trades, [N]; see above."""
        return self.members.active

    @active.setter
    def active(self, active: Bools) -> None:
        self.members.active[:] = active

    @property
    def listings(self) -> list[Listing]:
        """What was on offer in the round just played, as goods with their lineage and cost of production."""
        return describe(self, self.catalogue)

    @property
    def quality(self) -> NDArray[np.float64]:
        """The quality of every model, exp(-validation loss), [N]."""
        return np.exp(-self.validation_loss)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint must hold of this world, beside its parameters in the laboratory."""
        own = {
            "lineage": self.lineage.copy(),
            "validation_loss": self.validation_loss.copy(),
            "training_flops": self.training_flops.copy(),
            "steps": np.array(self.steps),
        }
        remembered = {
            f"memory.{strategy}.{name}": array
            for strategy, memory in self.memories.items()
            for name, array in memory.items()
        }
        ledger = {f"ledger.{name}": column for name, column in self.ledger.state().items()}
        learned = {f"mechanism.{name}": column for name, column in self.mechanism.memory().items()}
        return self.members.state() | own | remembered | ledger | learned

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take up a state that `state` returned."""
        known = self.members.restore(state)
        self.lineage = state["lineage"].astype(bool)
        self.validation_loss = state["validation_loss"].copy()
        self.training_flops = state["training_flops"].copy()
        self.steps = int(state["steps"])
        self.memories = {
            strategy: {name: column.copy() for name, column in _within(state, f"memory.{strategy}.").items()}
            for strategy in known
        }
        self._call_back()
        self.ledger.restore(_within(state, "ledger."))
        self.mechanism = self.config.mechanism.with_memory(_within(state, "mechanism."))

    def _found(self, indices: Iterable[int]) -> None:
        """Make organisations."""
        endowments = self.laboratory.splits[self.replicate].endowments
        for index in indices:
            Organisation(self, index, int(self.downstream.region[index]), endowments[index])

    def _call_back(self) -> None:
        """Let the organisations among the agents be those that were not removed."""
        there = {agent.index: agent for agent in self.agents if isinstance(agent, Organisation)}
        removed = np.flatnonzero(self.members.removed).tolist()
        for index in removed:
            if index in there:
                there[index].remove()
        self._found(sorted(set(range(self.organisations)) - set(there) - set(removed)))

    def _gather(self) -> None:
        """Take note of who is there in this round; new strategies begin to remember."""
        self.memories |= {one.name: begin_one(self, one) for one in self.members.gather()}
        self.strategies: list[tuple[Strategy, Bools]] = self.members.following.strategies
        self.downstream = self.downstream.with_only(self.members.present)

    def _train(self) -> Train:
        self.trained_this_round = np.flatnonzero(self.active)
        active = self.trained_this_round
        return Train(
            self.slots[active],
            active,
            self.replicate,
            self.steps,
            self.members.following.trains[active],
            self.members.following.taught[active],
        )

    def _learn_of(self, trained: Any) -> None:
        training = self.trained_this_round
        self.validation_loss[training] = trained.validation_loss
        self.members.diverge(training[trained.diverged])
        learnt = training[trained.examples > 0]
        self.lineage[learnt, learnt] = True
        self.training_flops[training] += self.laboratory.architecture.training_flops * trained.examples

    def _try(self, tries: Shortlist) -> Try:
        buyer, seller = self.slots[tries.buyer], self.slots[tries.seller]
        return Try(buyer, seller, tries.position, self.replicate, self.steps)

    def _clear(self, orders: Any) -> Any:
        if self.config.setting.cooperates:
            return self.config.setting.clear(orders, self.stream("clearing"))
        trades = self.mechanism.clear(orders, self.stream("clearing"))
        self.mechanism = self.mechanism.after(orders, trades)
        return trades

    def _merge(self, bought: Deals, tries: Shortlist, tried: Tried, weight: Floats) -> Merge:
        rows = bought.row
        return Merge(
            self.slots[bought.buyer],
            self.slots[bought.seller],
            tries.position[rows],
            weight,
            {name: permutation[rows] for name, permutation in tried.permutations.items()},
        )

    def _trace_lineage(self, bought: Deals, weight: Floats) -> None:
        """Let lineages flow with parameters; a whole model merged with weight 1 replaces its buyer's."""
        offered = self.lineage.copy()
        if self.config.broker.blocks == "model" and self.config.learning.merge_operator.replaces:
            self.lineage[bought.buyer[weight == 1]] = False
        used = weight > 0
        np.logical_or.at(self.lineage, bought.buyer[used], offered[bought.seller[used]])


def play(worlds: Sequence[ParameterMarket], watch: Callable[[str], None] | None = None) -> None:
    """Play one round in every world, phase by phase, so that the worlds share each batched computation.

    All worlds must share one laboratory and be at the same round. `watch` is called with the name of each
    phase as it begins.
    """
    watch = watch or _nobody
    laboratory = worlds[0].laboratory
    rounds = [world.round() for world in worlds]
    requests = [next(one) for one in rounds]
    while requests:
        watch(type(requests[0]).__name__.lower())
        answers = laboratory.perform(requests)
        watch("market")
        requests = [
            request
            for one, answer in zip(rounds, answers, strict=True)
            if (request := _advance(one, answer)) is not None
        ]


def _nobody(phase: str) -> None:
    """Watch nothing."""


def _advance(one: Generator[Request, Any, None], answer: Any) -> Request | None:
    try:
        return one.send(answer)
    except StopIteration:
        return None


def _within(state: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Return the entries whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): column for name, column in state.items() if name.startswith(prefix)}


def _latest(world: ParameterMarket, series: str) -> float:
    return float(world.report.totals[series]) if world.report else float("nan")
