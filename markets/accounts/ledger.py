"""The ledger: whole micro-credits, double entry, one transaction a trade.

Every posting moves an amount from a debit account to a credit account, so the sum over all accounts is zero
at all times. Organisations have the accounts 0, ..., n - 1; behind them come the broker, escrow (through
which payments pass, empty between transactions) and the consumers: the outside world, which issues balances,
pays profits and is paid for delivery, so that its balance is minus everybody else's.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from markets.accounts.money import LARGEST, LARGEST_SUM, MICRO, spendable, sums, to_credits, to_micro
from markets.accounts.settlement import covered_trades
from markets.columns import Bools, Ints, freeze, require, whole_number, whole_numbers
from markets.refusals import InputError

__all__ = ["MICRO", "REASONS", "Ledger", "LedgerError", "to_credits", "to_micro"]

REASONS = (
    "issue",
    "profit",
    "payment",
    "proceeds",
    "fee",
    "subsidy",
    "delivery",
    "royalty",
    "refund",
    "levy",
    "closing",
    "compute",
)
"""Why an amount moved; 'subsidy' is a negative fee, from broker to escrow; 'levy', a payment for nothing.

'closing' takes what is on the account of who leaves, or makes up for what it lacks; 'compute' pays for
operations. New reasons come last: a journal of before names them by number.
"""

_COLUMNS = ("round", "transaction", "debit", "credit", "amount", "reason")


class LedgerError(RuntimeError):
    """The books do not balance."""


class Ledger:
    """Accounts of the organisations and the journal of all that moved between them.

    Parameters
    ----------
    organisations : int
        Number of organisations, at least 1.
    credit_limit_microcredits : int
        How far below zero an organisation's account may go, from 0 to 2**63 - 1.

    Raises
    ------
    InputError
        If a parameter is out of range.

    Notes
    -----
    Amounts are int64 columns; a column of floats is refused, and so is what would bring an account to a
    balance that int64 does not hold, before anything moves. Posting and settling cost O(rows). The journal
    grows until `clear_journal`.
    """

    def __init__(self, organisations: int, credit_limit_microcredits: int = 0) -> None:
        if organisations < 1:
            raise InputError(f"ledger.organisations must be at least 1; got {organisations}")
        if not 0 <= credit_limit_microcredits <= LARGEST_SUM:
            raise InputError(
                f"ledger.credit_limit_microcredits must be from 0 to {LARGEST_SUM}; "
                f"got {credit_limit_microcredits}"
            )
        self.organisations = organisations
        self.credit_limit = credit_limit_microcredits
        self.broker, self.escrow, self.consumers = (organisations + i for i in range(3))
        self._balances = np.zeros(organisations + 3, dtype=np.int64)
        self._transactions = 0
        self.clear_journal()

    @property
    def balances(self) -> Ints:
        """Copy of all balances, int64[organisations + 3], read-only, in micro-credits."""
        balances = self._balances.copy()
        freeze(balances)
        return balances

    @property
    def balance_of_broker(self) -> int:
        """The broker's balance in micro-credits; negative if it paid more subsidies than it took fees."""
        return int(self._balances[self.broker])

    def account_names(self) -> list[str]:
        """Return the name of each account."""
        return [f"organisation {i}" for i in range(self.organisations)] + ["broker", "escrow", "consumers"]

    def issue(self, amounts: npt.ArrayLike, round_: int = 0) -> None:
        """Give each organisation an amount, int64[organisations], from the consumers."""
        self._from_consumers(round_, amounts, "issue")

    def endow(self, round_: int, who: npt.ArrayLike, amounts: npt.ArrayLike) -> None:
        """Give some organisations [n], which enter, amounts, int64[n], from the consumers."""
        accounts, given = self._organisation("who", who), self._amount("amounts", amounts)
        number = self._transactions + np.arange(len(given))
        self._post(round_, (number, self.consumers, accounts, given, "issue"))
        self._transactions += len(given)

    def close(self, round_: int, who: npt.ArrayLike) -> None:
        """Bring the accounts of distinct organisations [n] to zero: consumers have, or give, the rest."""
        accounts = self._organisation("who", who)
        rest = self._balances[accounts]
        number, owes = self._transactions + np.arange(len(accounts)), rest < 0
        self._post(
            round_,
            (number[~owes], accounts[~owes], self.consumers, rest[~owes], "closing"),
            (number[owes], self.consumers, accounts[owes], -rest[owes], "closing"),
        )
        self._transactions += len(accounts)

    def charge(self, round_: int, amounts: npt.ArrayLike, reason: str) -> None:
        """Let organisations pay consumers amounts, int64[organisations]; what is 0 is not posted.

        Raises
        ------
        InputError
            If the reason is unknown or an amount would take an organisation below its credit limit.
        """
        if reason not in REASONS:
            raise InputError(f"ledger.reason must be one of {', '.join(REASONS)}; got {reason!r}")
        due = self._amount("amounts", amounts)
        who = np.flatnonzero(due)
        over = due[who] > spendable(self._balances[: self.organisations], self.credit_limit)[who]
        if over.any():
            poor = int(who[np.argmax(over)])
            raise InputError(
                f"ledger.amounts must be covered by the account of organisation {poor}; got {due[poor]}"
            )
        number = self._transactions + np.arange(len(who))
        self._post(round_, (number, who, self.consumers, due[who], reason))
        self._transactions += len(who)

    def earn(self, round_: int, amounts: npt.ArrayLike) -> None:
        """Pay each organisation its profit, int64[organisations], from the consumers."""
        self._from_consumers(round_, amounts, "profit")

    def settle(
        self,
        round_: int,
        buyer: npt.ArrayLike,
        seller: npt.ArrayLike,
        paid: npt.ArrayLike,
        received: npt.ArrayLike,
        delivery: npt.ArrayLike,
        levy: npt.ArrayLike | None = None,
    ) -> Bools:
        """Settle trades in row order: payment, proceeds, fee or subsidy, and delivery, or nothing of a trade.

        Parameters
        ----------
        round_ : int
            The round, for the journal.
        buyer, seller : int64[T]
            Organisations.
        paid, received, delivery : int64[T]
            What the buyer pays, the seller receives and the seller pays for delivery, in micro-credits.
        levy : bool[T], optional
            Rows on which nothing is delivered: their payment is posted as a levy. None of them by default.

        Returns
        -------
        bool[T]
            Whether each trade was settled. One that would take its buyer or, by the part of the delivery that
            its proceeds do not pay, its seller below the credit limit is refused whole; proceeds of a round
            cover nothing else in it.
        """
        who, whom = self._organisation("buyer", buyer), self._organisation("seller", seller)
        price, proceeds, freight = (
            self._amount(field, column)
            for field, column in (("paid", paid), ("received", received), ("delivery", delivery))
        )
        for field, column in (
            ("seller", whom),
            ("paid", price),
            ("received", proceeds),
            ("delivery", freight),
        ):
            if len(column) != len(who):
                raise InputError(
                    f"ledger.{field} must have as many rows as buyer ({len(who)}); got {len(column)}"
                )
        levied = np.zeros(len(who), dtype=bool) if levy is None else np.asarray(levy, dtype=bool)
        if levied.shape != who.shape:
            raise InputError(f"ledger.levy must have as many rows as buyer ({len(who)}); got {levied.size}")
        require(who != whom, who, "ledger.buyer", "another than the row's seller")
        require(~levied | (freight == 0), freight, "ledger.delivery", "0 for a levy")
        cover = spendable(self._balances[: self.organisations], self.credit_limit)
        settled = covered_trades(who, whom, price, np.maximum(freight - proceeds, 0), cover)
        who, whom, price, proceeds, freight = (
            column[settled] for column in (who, whom, price, proceeds, freight)
        )
        levied = levied[settled]
        number = self._transactions + np.arange(len(who))
        margin = price - proceeds
        kept, short, sent = margin > 0, margin < 0, freight > 0
        self._post(
            round_,
            (number[~levied], who[~levied], self.escrow, price[~levied], "payment"),
            (number[levied], who[levied], self.escrow, price[levied], "levy"),
            (number[short], self.broker, self.escrow, -margin[short], "subsidy"),
            (number, self.escrow, whom, proceeds, "proceeds"),
            (number[kept], self.escrow, self.broker, margin[kept], "fee"),
            (number[sent], whom[sent], self.consumers, freight[sent], "delivery"),
        )
        self._transactions += len(who)
        return settled

    def transfer(
        self, round_: int, debit: npt.ArrayLike, credit: npt.ArrayLike, amount: npt.ArrayLike, reason: str
    ) -> None:
        """Move amounts, int64[M], between organisations: all or, on an error, none.

        Raises
        ------
        InputError
            If the reason is unknown or the transfers together would take an organisation below its credit
            limit.
        """
        if reason not in REASONS:
            raise InputError(f"ledger.reason must be one of {', '.join(REASONS)}; got {reason!r}")
        source, target = self._organisation("debit", debit), self._organisation("credit", credit)
        moved = self._amount("amount", amount)
        after = _moved(self._balances, source, target, moved)
        sunk = after[: self.organisations] < -self.credit_limit
        if sunk.any():
            poor = int(np.argmax(sunk))
            raise InputError(
                f"ledger.amount must leave organisation {poor} at least {-self.credit_limit}; "
                f"got {after[poor]}"
            )
        self._post(round_, (self._transactions + np.arange(len(moved)), source, target, moved, reason))
        self._transactions += len(moved)

    def check(self) -> None:
        """Raise a `LedgerError` if the books do not balance; cost O(rows of the journal)."""
        total, held = sum(self._balances.tolist()), int(self._balances[self.escrow])
        if total != 0:
            raise LedgerError(f"the balances must sum to 0; got {total}")
        if held != 0:
            raise LedgerError(f"escrow must be empty between transactions; got {held}")
        lowest = int(self._balances[: self.organisations].min())
        if lowest < -self.credit_limit:
            raise LedgerError(f"an organisation must have at least {-self.credit_limit}; got {lowest}")
        journal = self._columns()
        expected = _moved(self._opening, journal["debit"], journal["credit"], journal["amount"])
        if not np.array_equal(expected, self._balances):
            account = self.account_names()[int(np.argmax(expected != self._balances))]
            raise LedgerError(f"the balance of {account} must be what the journal says; it is not")

    def journal(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the postings since the last `clear_journal` as columns, sorted by transaction.

        Returns
        -------
        dict of arrays
            ``round``, ``transaction``, ``debit``, ``credit``, ``amount`` int64 and ``reason`` text. In a
            transaction the postings stand in the order in which they were made.
        """
        columns = self._columns()
        order = np.argsort(columns["transaction"], kind="stable")
        journal: dict[str, npt.NDArray[np.generic]] = {
            name: column[order] for name, column in columns.items()
        }
        journal["reason"] = np.array(REASONS)[columns["reason"][order]]
        return journal

    def clear_journal(self) -> None:
        """Forget the postings, once they have been written out; balances stay."""
        self._opening = self._balances.copy()
        self._entries: list[Ints] = []

    def state(self) -> dict[str, Ints]:
        """Return all that `restore` needs, as int64 arrays."""
        return {
            "balances": self._balances.copy(),
            "opening": self._opening.copy(),
            "transactions": np.array([self._transactions]),
            "credit_limit": np.array([self.credit_limit]),
            "journal": np.stack([self._columns()[name] for name in _COLUMNS]),
        }

    def restore(self, state: dict[str, Ints]) -> None:
        """Take over a `state` of a ledger with as many organisations.

        Raises
        ------
        InputError
            If the number of accounts differs.
        """
        if state["balances"].shape != self._balances.shape:
            raise InputError(
                f"state.balances must have {len(self._balances)} accounts; got {len(state['balances'])}"
            )
        self._balances = state["balances"].astype(np.int64)
        self._opening = state["opening"].astype(np.int64)
        self._transactions = int(state["transactions"][0])
        self.credit_limit = int(state["credit_limit"][0])
        self._entries = [state["journal"].astype(np.int64)]

    def _columns(self) -> dict[str, Ints]:
        rows = np.concatenate([np.zeros((len(_COLUMNS), 0), np.int64), *self._entries], axis=1)
        return dict(zip(_COLUMNS, rows, strict=True))

    def _from_consumers(self, round_: int, amounts: npt.ArrayLike, reason: str) -> None:
        given = self._amount("amounts", amounts)
        if len(given) != self.organisations:
            raise InputError(
                f"ledger.amounts must have a row for each of {self.organisations} organisations; "
                f"got {len(given)}"
            )
        number = self._transactions + np.arange(len(given))
        self._post(round_, (number, self.consumers, np.arange(self.organisations), given, reason))
        self._transactions += len(given)

    def _organisation(self, field: str, values: npt.ArrayLike) -> Ints:
        column = whole_numbers(f"ledger.{field}", values)
        require(column < self.organisations, column, f"ledger.{field}", f"below {self.organisations}")
        return column

    def _amount(self, field: str, values: npt.ArrayLike) -> Ints:
        column = whole_numbers(f"ledger.{field}", values)
        require(column <= LARGEST, column, f"ledger.{field}", f"at most {LARGEST} micro-credits")
        return column

    def _post(self, round_: int, *postings: "_Posting") -> None:
        """Move amounts and write them down: all, or none where a balance would not fit."""
        when = whole_number("ledger.round", round_)
        entries = [
            np.stack(
                [
                    np.broadcast_to(part, amount.shape)
                    for part in (when, transaction, debit, credit, amount, REASONS.index(reason))
                ]
            )
            for transaction, debit, credit, amount, reason in postings
        ]
        rows = dict(zip(_COLUMNS, np.concatenate(entries, axis=1), strict=True))
        self._balances = _moved(self._balances, rows["debit"], rows["credit"], rows["amount"])
        self._entries += entries


_Posting: TypeAlias = tuple[Ints, Ints | int, Ints | int, Ints, str]
"""Transactions, debit, credit, amounts and the reason."""


def _moved(balances: Ints, debit: Ints, credit: Ints, amount: Ints) -> Ints:
    """Return the balances after amounts went from debit to credit accounts; refuse what does not fit."""
    account = np.concatenate([np.arange(len(balances)), debit, credit])
    return sums("ledger.balances", account, np.concatenate([balances, -amount, amount]), len(balances))
