"""The world: organisations that train, trade parameters and live off their models.

`ParameterMarket.round` tells one round. It is a generator: it yields what is to be computed on parameters
and receives the results, so that `sim.play.play` can step many worlds together and compute for all at once.
"""

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import mesa
import numpy as np
import numpy.typing as npt
from mesa.datacollection import DataCollector

from agents.learning.stack.pairs import Pairs
from agents.learning.trials import Trials
from agents.organisation import Organisation
from agents.strategies import Memory
from markets.accounts.ledger import Ledger
from markets.accounts.money import sums, to_micro
from markets.columns import Bools, Floats, Ints
from markets.goods.blocks import Listing
from markets.mechanisms import Mechanism
from markets.refusals import InputError
from sim.config.market import MarketConfig, check_mappings
from sim.consumers.payoffs import Earnings
from sim.exchange.broker import Broker
from sim.exchange.consulting import Consult
from sim.exchange.exchange import Exchange
from sim.exchange.exploitability import Cleared, regret_of_misreporting
from sim.exchange.goods import Goods, Provenance
from sim.exchange.outcomes import outcomes_of
from sim.exchange.royalties import Royalties, pay_royalties
from sim.exchange.royalty_rules import RoundGame
from sim.exchange.tables import Appraisal, Deals, Listings, Offers, Prospects
from sim.exchange.tariff import Meter, Tariff
from sim.exchange.traders import Traders
from sim.holdings import Holdings
from sim.laboratory import Laboratory
from sim.laboratory.requests import Evaluate, Measured, Merge, Request, Train, Try
from sim.membership import Members
from sim.play import finish
from sim.records.played import Means, Models, Played
from sim.records.round_tables import RoundReport, report_round
from sim.streams import RoundStreams

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
        check_mappings(choices, MarketConfig)
        root = seed if rng is None else rng
        if root is not None and not str(root).isdecimal():
            raise InputError(f"seed must be a whole number from 0; got {root!r}")
        super().__init__(rng=None if root is None else int(root))
        if root is None:
            root = int(self.rng.integers(2**63))
        self.config = config = config or MarketConfig(**choices)
        self.replicate = int(replicate)
        self.laboratory = laboratory or Laboratory(config, int(root), (self.replicate,))
        self.organisations = config.organisations
        self.slots = self.laboratory.slots_of(self.replicate, world)
        self.population = config.peopled()
        self.tariff = Tariff(self.population.flop_price, *self.laboratory.flops_of(self.slots))
        self.downstream = config.downstream()
        if self.tariff.charges:
            self.downstream = self.downstream.at_cost(self.tariff.of_use)
        goods = Goods.of(config.broker, self.laboratory.positions, self.laboratory.contents)
        goods = replace(goods, own=self.laboratory.own_positions)
        self.broker = Broker(config.broker, config.setting, goods, self.population.partners)
        self.exchange = Exchange(
            goods=goods,
            mechanism=config.mechanism,
            setting=config.setting,
            cash=np.where(self.population.founders, self.population.cash, 0),
            credit_limit=config.population.credit_limit,
        )
        self.meter = Meter(self.tariff, self.exchange)
        self.members = Members(
            self.population.strategies,
            self.laboratory.classes,
            config.setting.cooperates,
            self.population.enter,
            self.population.leave,
        )
        self.traders = Traders(cooperate=config.setting.cooperates)
        self._gather()
        self._found(range(self.organisations))
        self.holdings = Holdings(self.organisations, self.laboratory.task.prior_loss)
        self._listed = self._list()
        self.consults = False
        self.cleared: Cleared | None = None
        self.report: RoundReport | None = None
        self.datacollector = DataCollector({name: [self._latest, [name]] for name in SERIES})

    def step(self) -> None:
        """Play one round."""
        finish([self.round()], self.laboratory)

    def round(self) -> Generator[Request | Consult, Any, None]:
        """Tell one round: train, list, try, bid, clear, settle, merge, measure."""
        self._gather()
        self._move()
        streams, exchange, traders = self.round_streams, self.exchange, self.traders
        training = np.flatnonzero(self.active)
        trained = yield self._train(training)
        self.members.diverge(training[trained.diverged])
        flops = self.tariff.training[training] * trained.examples
        self.holdings.trained(training, trained.validation_loss, trained.examples, flops)
        taught = self.meter.charge(self.steps, sums("flops", training, flops, self.organisations))
        before = self.quality

        self._listed = listings = self._list()
        pairs, refused = self.broker.shortlist(listings, self._trading, self.organisations, streams)
        trial_flops = self.laboratory.trial_flops_of(self.slots, pairs.at(self.slots))
        pairs, refused, computed = self.meter.charge_trials(self.steps, trial_flops, pairs, refused)
        trials = yield Try(pairs=pairs.at(self.slots), replicate=self.replicate, round=self.steps)
        trials = self._told(trials, listings, pairs)

        prospects = Prospects(
            listings=listings, pairs=pairs, gain=trials.gain, appraisal=self._appraised(pairs, trials)
        )
        offers: Offers = traders.offers(exchange, prospects, streams)
        if self.consults:
            offers = yield Consult(prospects, offers)
        quoted = exchange.door(prospects, offers)
        orders = exchange.orders(prospects, quoted)
        self.cleared = Cleared(
            prospects=prospects, quoted=quoted, orders=orders, mechanism=exchange.mechanism
        )
        trades = exchange.clear(orders, streams.stream("clearing"))
        deals, charges = exchange.settle(self.steps, prospects, quoted, trades)
        traders.learn(exchange, outcomes_of(exchange.mechanism, prospects, quoted, deals, charges), streams)
        exchange.remember(orders, trades)

        bought = deals.settled_only()
        unmerged, tested = yield from self._use(bought, pairs.take(bought.row), trials)
        earnings, serving, royalties = self._earn(bought, before, prospects.appraisal.welfare[bought.row])
        computing = replace(computed, training=taught, serving=serving)
        models = Models(
            training=training,
            trained=trained,
            before=unmerged,
            tested=tested,
            holdings=self.holdings,
            example_flops=self.tariff.training,
            trial_flops=self.laboratory.trial_flops(pairs.at(self.slots)),
        )
        played = Played(
            prospects=prospects,
            refused=refused,
            trials=trials,
            quoted=quoted,
            deals=deals,
            charges=charges,
            models=models,
            earnings=earnings,
            computing=computing,
            royalties=royalties,
            members=self.members,
            exchange=exchange,
            downstream=self.downstream,
            means=self._means,
        )
        self.report = report_round(played, self.further_tables)
        self.datacollector.collect(self)

    @property
    def further_tables(self) -> list[str]:
        """The names of the optional tables that rounds have."""
        asked = {
            "means": bool(self.population.groups) or self.tariff.charges,
            "refusals": len(self.laboratory.architectures) > 1 or self.tariff.charges,
            "curves": self.config.broker.record_curves,
        }
        return [name for name, recorded in asked.items() if recorded]

    @property
    def _means(self) -> Means:
        """What organisations have that may differ."""
        signatures = [one.signature for one in self.laboratory.architectures]
        return Means(
            group=np.array(self.population.names, dtype=object),
            network=np.array(signatures, dtype=object)[self.laboratory.family],
            tariff=self.tariff,
        )

    @property
    def round_streams(self) -> RoundStreams:
        """The random streams of this replicate and round; every arm has the same ones."""
        return RoundStreams(self.laboratory.streams, self.replicate, self.steps)

    @property
    def ledger(self) -> Ledger:
        """The accounts."""
        return self.exchange.ledger

    @property
    def mechanism(self) -> Mechanism:
        """The rule of the next round."""
        return self.exchange.mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        self.exchange.mechanism = mechanism

    @property
    def memories(self) -> dict[str, Memory]:
        """What each strategy remembers, by its name."""
        return self.traders.memories

    @property
    def seats(self) -> list[int]:
        """The organisations in the order in which people take their seats."""
        return list(range(self.organisations))

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
        built = self._means.network.tolist()
        provenance = Provenance(built, self.holdings.lineage, self.holdings.training_flops)
        return self.exchange.goods.described(self._listed, provenance, self.steps)

    @property
    def quality(self) -> Floats:
        """The quality of every model, exp(-validation loss), [N]."""
        return self.holdings.quality

    def regret_of_misreporting(self, factors: npt.ArrayLike) -> Floats:
        """Return what each organisation missed in the round just played by its reports, credits [N].

        See `sim.exchange.exploitability`. Where organisations cooperate nobody reports, and it is 0.

        Parameters
        ----------
        factors : array_like[G]
            Multiples of the own quotes.
        """
        if self.cleared is None or self.config.setting.cooperates:
            return np.zeros(self.organisations)
        rng = self.round_streams.stream("misreports")
        return regret_of_misreporting(self.cleared, self.organisations, factors, rng)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a checkpoint must hold of this world, beside its parameters in the laboratory."""
        own = self.holdings.state() | {"steps": np.array(self.steps)}
        return self.members.state() | own | self.traders.state() | self.exchange.state()

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take up a state that `state` returned."""
        known = self.members.restore(state)
        self.holdings.restore(state)
        self.steps = int(state["steps"])
        self.traders.restore(state, known)
        self._call_back()
        self.exchange.restore(state)

    def _found(self, indices: Iterable[int]) -> None:
        """Make organisations."""
        endowments = self.laboratory.divisions[self.replicate].endowments
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
        new = self.members.gather(self.steps)
        self.traders.strategies = self.members.following.strategies
        self.traders.begin(new, self.exchange, self.round_streams)
        self.downstream = self.downstream.with_only(self.members.present)

    def _move(self) -> None:
        """Open the accounts of those who enter, and close those of who leaves."""
        entering, leaving = self.members.entering, self.members.leaving
        if len(entering):
            self.ledger.endow(self.steps, entering, to_micro(self.population.cash[entering], "down"))
        if len(leaving):
            self.ledger.close(self.steps, leaving)

    def _train(self, who: Ints) -> Train:
        following = self.members.following
        most = self.meter.affordable
        return Train(
            slots=self.slots[who],
            organisation=who,
            replicate=self.replicate,
            round=self.steps,
            trains=following.trains[who],
            relabelled=following.relabelled[who],
            most=None if most is None else most[who],
        )

    @property
    def _trading(self) -> Ints:
        """Who comes to the market."""
        return np.flatnonzero(self.active & self.members.following.trading)

    def _list(self) -> Listings:
        return self.broker.listings(self.steps, self._trading, self.holdings.own_training)

    def _told(self, trials: Trials, listings: Listings, pairs: Pairs) -> Trials:
        """Return what buyers believe of the trials."""
        loss, share = self.holdings.validation_loss, self.laboratory.trial_share
        best = float(loss[self.active].min(initial=np.inf))
        claimed = self.traders.claims(listings, loss[listings.seller], best)
        return self.config.broker.trials.believed(trials, loss[pairs.buyer], claimed[pairs.listing], share)

    def _appraised(self, pairs: Pairs, trials: Trials) -> Appraisal:
        """Return what the trials are worth under the payoffs of the world's setting."""
        setting, improved = self.config.setting, np.exp(-trials.loss_after)
        change = self.downstream.change(self.quality, pairs.buyer, pairs.seller, improved)
        return Appraisal(setting.value(change), setting.cost(change), change.welfare - setting.delivery)

    def _use(
        self, bought: Deals, pairs: Pairs, trials: Trials
    ) -> Generator[Request, Any, tuple[Measured, Measured]]:
        """Let buyers merge what they bought; return how theirs did before, and all do now, on test data."""
        buyers = self.slots[bought.buyer]
        unmerged = yield Evaluate(slots=buyers, part="test")
        chosen = self.traders.merge_weights(bought, pairs.listing, trials)
        weight = self.config.broker.weight_of_merge(chosen)
        yield Merge(pairs=pairs.at(self.slots), weight=weight, prepared=trials.prepared.take(bought.row))
        merged = yield Evaluate(slots=buyers, part="validation")
        self.holdings.validation_loss[bought.buyer] = merged.loss
        # Then a purchase at weight 1 leaves nothing of its buyer's model.
        replaces = self.config.broker.blocks == "model" and self.config.learning.merge_operator.replaces
        self.holdings.merged(bought.buyer, bought.seller, weight, replaces=replaces)
        tested = yield Evaluate(slots=self.slots, part="test")
        return unmerged, tested

    def _earn(self, bought: Deals, before: Floats, welfare: Floats) -> tuple[Earnings, Ints, Royalties]:
        """Let consumers pay for the use of models, and who cooperates share what the round changed.

        Returns what serving cost each too, micro-credits [N], by which profits have been reduced.
        """
        earnings = self.downstream.earnings(self.quality)
        profit = to_micro(earnings.profit, "nearest")
        served = self.downstream.served(earnings) * self.tariff.forward
        self.ledger.earn(self.steps, profit + self.tariff.amount(served))
        serving = self.meter.charge(self.steps, served)
        royalties = Royalties.nothing(self.organisations)
        if self.config.setting.cooperates and len(bought.row):
            game = RoundGame(
                downstream=self.downstream,
                before=before,
                after=self.quality,
                buyer=bought.buyer,
                seller=bought.seller,
                welfare=welfare,
            )
            royalties = pay_royalties(self.config.setting, self.ledger, game, profit, self.round_streams)
        self.ledger.check()
        return earnings, serving, royalties

    def _latest(self, series: str) -> float:
        return float(self.report.totals[series]) if self.report else float("nan")
