"""The exchange: offers come to its door, become orders, are cleared by a rule, and settle on a ledger."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from markets.accounts.ledger import Ledger
from markets.accounts.money import MICRO, spendable, to_micro
from markets.columns import Bools, Floats, Ints
from markets.mechanisms import Mechanism
from markets.orders.door import admit
from markets.orders.orders import Orders, Trades
from sim.exchange.goods import Goods
from sim.exchange.tables import Charges, Deals, Offers, Prospects, Quoted
from sim.settings import Setting


class Exchange:
    """Where N organisations trade.

    Parameters
    ----------
    goods : Goods
        What is traded.
    mechanism : Mechanism
        The rule.
    setting : Setting
        What delivery costs, and whether organisations cooperate: then the setting allocates, at the asks.
    cash : float64 [N]
        Credits on each account at the start.
    credit_limit : float
        Credits by which an account may be overdrawn.

    Attributes
    ----------
    ledger : Ledger
        The accounts.
    """

    def __init__(
        self,
        *,
        goods: Goods,
        mechanism: Mechanism,
        setting: Setting,
        cash: Floats,
        credit_limit: float,
    ) -> None:
        self.goods, self.mechanism, self.setting = goods, mechanism, setting
        self.organisations = len(cash)
        self.ledger = Ledger(self.organisations, int(to_micro(credit_limit, "down")))
        self.ledger.issue(to_micro(cash, "down"))

    @property
    def balances(self) -> Ints:
        """The accounts of the organisations, micro-credits [N]."""
        return self.ledger.balances[: self.organisations]

    @property
    def spendable(self) -> Ints:
        """What each account can pay, with its credit, micro-credits [N]."""
        return spendable(self.balances, self.ledger.credit_limit)

    def door(self, prospects: Prospects, offers: Offers) -> Quoted:
        """Return the orders that offers make, in whole micro-credits, with the door's refusals.

        Where organisations cooperate the price is the ask, and the door looks at that.
        """
        row = np.flatnonzero(~np.isnan(offers.bid) & ~np.isnan(offers.ask))
        bid = to_micro(offers.bid[row], "down")
        reserve = prospects.listings.reserve[prospects.pairs.listing[row]]
        ask = np.maximum(to_micro(offers.ask[row], "up"), reserve)
        price = ask if self.setting.cooperates else bid
        refused = admit(price, prospects.pairs.buyer[row], self.balances, self.ledger.credit_limit)
        return Quoted(row=row, bid=bid, ask=ask, refused=refused)

    def orders(self, prospects: Prospects, quoted: Quoted) -> Orders:
        """Return the admitted orders as the mechanism sees them, in credits."""
        row, bid, ask = (column[quoted.admitted] for column in (quoted.row, quoted.bid, quoted.ask))
        return self.goods.orders(prospects, row, bid / MICRO, ask / MICRO)

    def clear(self, orders: Orders, rng: np.random.Generator) -> Trades:
        """Return what the rule decides; where organisations cooperate, what their setting does."""
        return self.setting.clear(self.mechanism, orders, rng)

    def remember(self, orders: Orders, trades: Trades) -> None:
        """Let the rule learn from a round, where it does."""
        if not self.setting.cooperates:
            self.mechanism = self.mechanism.after(orders, trades)

    def settle(
        self, round_: int, prospects: Prospects, quoted: Quoted, trades: Trades
    ) -> tuple[Deals, Charges]:
        """Move the money of trades and levies through the ledger; return them, settled or refused.

        They come in the order of their orders, and one that would overdraw an account is refused whole.
        Amounts are rounded to whole micro-credits, as bids and asks are already: where a rule lets nobody
        lose who tells the truth, no rounded price is above its bid or, unless the asks of a listing are paid
        together, below its ask.
        """
        admitted = np.flatnonzero(quoted.admitted)
        traded, charged = admitted[trades.row], admitted[trades.levies.row]
        order = np.concatenate([traded, charged])
        row, levy, turn = quoted.row[order], np.arange(len(order)) >= len(traded), np.argsort(order)
        paid, received = self._amounts(trades, quoted.bid[traded], quoted.ask[traded])
        columns = {
            "buyer": prospects.pairs.buyer[row],
            "seller": prospects.pairs.seller[row],
            "paid": paid,
            "received": received,
            "delivery": np.where(levy, 0, int(to_micro(self.setting.delivery, "nearest"))),
        }
        settled: Bools = np.empty(len(order), dtype=bool)
        in_turn = {name: column[turn] for name, column in columns.items()}
        settled[turn] = self.ledger.settle(round_, **in_turn, levy=levy[turn])
        columns["settled"] = settled
        deals = Deals(
            row=row[~levy],
            order=traded,
            bid=quoted.bid[traded],
            ask=quoted.ask[traded],
            **{name: column[~levy] for name, column in columns.items()},
        )
        del columns["delivery"]
        return deals, Charges(order=charged, **{name: column[levy] for name, column in columns.items()})

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a checkpoint must hold."""
        ledger = {f"ledger.{name}": column for name, column in self.ledger.state().items()}
        return ledger | {f"mechanism.{name}": column for name, column in self.mechanism.memory().items()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take up a state that `state` returned."""
        self.ledger.restore(entries(state, "ledger."))
        self.mechanism = self.mechanism.with_memory(entries(state, "mechanism."))

    def rehearsal(self) -> "Exchange":
        """Return the exchange as it stands with accounts of its own, where nothing has consequences."""
        rehearsal = copy.copy(self)
        rehearsal.ledger = Ledger(self.organisations)
        rehearsal.ledger.restore(self.ledger.state())
        return rehearsal

    def _amounts(self, trades: Trades, bid: Ints, ask: Ints) -> tuple[Ints, Ints]:
        """Return what is paid and received for trades and then for levies, micro-credits [T + D]."""
        paid, received = (to_micro(money, "nearest") for money in (trades.paid, trades.received))
        properties = self.mechanism.properties
        if properties.individually_rational:
            paid = np.minimum(paid, bid)
        if properties.individually_rational and not properties.pooled:
            received = np.maximum(received, ask)
        levies = trades.levies
        charged, passed_on = (to_micro(money, "nearest") for money in (levies.paid, levies.received))
        return np.concatenate([paid, charged]), np.concatenate([received, passed_on])


def entries(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    """Return the entries of a state whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): column for name, column in state.items() if name.startswith(prefix)}
