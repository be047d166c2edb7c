"""Traders: what the strategies claim, ask, bid, merge and learn, and what they remember."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.learning.stack.pairs import Pairs
from agents.learning.trials import Trials
from agents.strategies import AskView, BidView, ClaimView, Memory, MergeView, OutcomeView, Strategy
from agents.strategies.truthful import Truthful
from markets.accounts.money import MICRO
from markets.columns import Bools, Floats, Ints
from markets.orders.venues import ask_quotes, bid_quotes
from sim.exchange.exchange import Exchange, entries
from sim.exchange.outcomes import Outcomes
from sim.exchange.tables import Deals, Listings, Offers, Prospects
from sim.streams import RoundStreams


class Traders:
    """The strategies of N organisations.

    Where organisations cooperate their strategies are not asked, and learn nothing.

    Parameters
    ----------
    cooperate : bool
        Whether they do.

    Attributes
    ----------
    strategies : list of (Strategy, bool [N])
        Each strategy that somebody follows, with who does.
    memories : dict
        What each strategy remembers, by its name.
    """

    def __init__(self, *, cooperate: bool) -> None:
        self._cooperate = cooperate
        self.strategies: list[tuple[Strategy, Bools]] = []
        self.memories: dict[str, Memory] = {}

    def begin(self, strategies: Iterable[Strategy], exchange: Exchange, streams: RoundStreams) -> None:
        """Let strategies begin to remember."""
        number, positions = exchange.organisations, len(exchange.goods.positions)
        self.memories |= {
            one.name: one.begin(number, positions, streams.stream("begin", one.name)) for one in strategies
        }

    def claims(self, listings: Listings, loss: Floats, best: float) -> Floats:
        """Return the validation loss claimed for each listing [L]; the true one if organisations cooperate.

        A claim below 0, which no loss can be, counts as 0, and no claim (NaN) as one that promises nothing.

        Parameters
        ----------
        listings : Listings
            What is on offer.
        loss : float64 [L]
            The true losses of their sellers' models, nats an example.
        best : float
            The least loss of any model in the world.
        """
        if self._cooperate:
            return loss
        claimed = loss.copy()
        for strategy, own in rows_of(self.strategies, listings.seller):
            claimed[own] = strategy.claim(
                ClaimView(seller=listings.seller[own], listing=own, loss=loss[own], best=best)
            )
        return np.nan_to_num(claimed, nan=np.inf, posinf=np.inf).clip(min=0)

    def offers(self, exchange: Exchange, prospects: Prospects, streams: RoundStreams) -> Offers:
        """Return what the strategies bid and ask for each pair.

        Where organisations cooperate, bids are the gain of welfare and asks the cost of delivery.
        """
        if self._cooperate:
            value, cost = prospects.appraisal.value, prospects.appraisal.cost
            # What comes to no money is rounding: an order for it would come and go with the processor.
            return Offers(np.where(value >= 1 / MICRO, value, np.nan), cost)
        return Offers(self._bids(exchange, prospects, streams), self._asks(exchange, prospects, streams))

    def merge_weights(self, deals: Deals, listing: Ints, trials: Trials) -> Floats:
        """Return the weight with which each bought block [T] is merged, as the buyers' strategies choose.

        Parameters
        ----------
        deals : Deals
            The purchases that settled.
        listing : int64 [T]
            What each is about.
        trials : Trials
            What the trials of all pairs found.
        """
        weight, gain = trials.weight[deals.row], trials.gain[deals.row]
        if self._cooperate:
            return weight
        chosen = weight.copy()
        for strategy, own in rows_of(self.strategies, deals.buyer):
            memory = self.memories[strategy.name]
            view = MergeView(
                buyer=deals.buyer[own],
                listing=listing[own],
                weight=weight[own],
                gain=gain[own],
                memory=memory,
            )
            chosen[own] = strategy.merge(view)
        return chosen.clip(0.0, 1.0)

    def learn(self, exchange: Exchange, outcomes: Outcomes, streams: RoundStreams) -> None:
        """Let the strategies learn from a round that has cleared."""
        if self._cooperate:
            return
        for strategy, own in rows_of(self.strategies, outcomes.columns["organisation"]):
            view = OutcomeView(
                **{name: column[own] for name, column in outcomes.columns.items()},
                tape=outcomes.tape,
                organisations=exchange.organisations,
                listings=outcomes.listings,
                positions=len(exchange.goods.positions),
                memory=self.memories[strategy.name],
                rng=streams.stream("learn", strategy.name),
            )
            self.memories[strategy.name] = strategy.learn(view)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a checkpoint must hold."""
        return {
            f"memory.{strategy}.{name}": column
            for strategy, memory in self.memories.items()
            for name, column in memory.items()
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]], strategies: Iterable[str]) -> None:
        """Take up a state that `state` returned, of strategies by their names."""
        self.memories = {
            name: {key: column.copy() for key, column in entries(state, f"memory.{name}.").items()}
            for name in strategies
        }

    def truthful(self) -> "Traders":
        """Return as many traders who all tell the truth."""
        honest = Traders(cooperate=self._cooperate)
        strategy = Truthful()
        honest.strategies = [(strategy, np.ones(len(self.strategies[0][1]), dtype=bool))]
        honest.memories = {strategy.name: {}}
        return honest

    def _bids(self, exchange: Exchange, prospects: Prospects, streams: RoundStreams) -> Floats:
        pairs = prospects.pairs
        quotes = bid_quotes(exchange.mechanism.venue, pairs.buyer, pairs.position)
        value, gain = quotes.mean(prospects.appraisal.value), quotes.mean(prospects.gain)
        quoting = pairs.take(quotes.row)
        balance = exchange.balances[quoting.buyer] / MICRO
        bids = np.full(len(quotes), np.nan)
        for strategy, own in rows_of(self.strategies, quoting.buyer):
            view = BidView(
                value=value[own],
                gain=gain[own],
                balance=balance[own],
                **self._shown(exchange, prospects, quoting.take(own), strategy.name),
                rng=streams.stream("bid", strategy.name),
            )
            bids[own] = strategy.bid(view)
        return bids[quotes.quote]

    def _asks(self, exchange: Exchange, prospects: Prospects, streams: RoundStreams) -> Floats:
        pairs = prospects.pairs
        quotes = ask_quotes(exchange.mechanism.venue, pairs.listing)
        cost = quotes.maximum(prospects.appraisal.cost)
        quoting = pairs.take(quotes.row)
        asks = np.full(len(quotes), np.nan)
        for strategy, own in rows_of(self.strategies, quoting.seller):
            view = AskView(
                seller=quoting.seller[own],
                cost=cost[own],
                delivery=np.full(len(own), exchange.setting.delivery),
                **self._shown(exchange, prospects, quoting.take(own), strategy.name),
                rng=streams.stream("ask", strategy.name),
            )
            asks[own] = strategy.ask(view)
        return asks[quotes.quote]

    def _shown(
        self, exchange: Exchange, prospects: Prospects, quoting: Pairs, strategy: str
    ) -> dict[str, Any]:
        """Return what both sides are shown of their pairs; nothing stands in a market that is sealed."""
        nothing = np.full(len(quoting), np.nan)
        return {
            "buyer": quoting.buyer,
            "listing": quoting.listing,
            "position": quoting.position,
            "standing_bid": nothing,
            "standing_ask": nothing,
            "opportunities": np.ones(len(quoting), dtype=np.int64),
            "organisations": exchange.organisations,
            "listings": len(prospects.listings),
            "positions": len(exchange.goods.positions),
            "memory": self.memories[strategy],
        }


def rows_of(strategies: list[tuple[Strategy, Bools]], organisation: Ints) -> list[tuple[Strategy, Ints]]:
    """Return each strategy with the rows of the organisations that follow it."""
    return [(strategy, np.flatnonzero(follows[organisation])) for strategy, follows in strategies]
