"""The data dictionary of a run's records: every table, its columns, their types, units and meanings.

One place says it; the writer stores it in the Parquet files (`described`), the reader checks tables against
it (`lacking`), and ``parabourse explain records``, the report and ``docs/records.md`` print it.

Core Objects: Column, RecordTable, RECORD_TABLES, described, lacking
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

Kind = Literal["text", "whole number", "number", "yes or no"]

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.large_string(),
    "whole number": pa.int64(),
    "number": pa.float64(),
    "yes or no": pa.bool_(),
}
"""How each kind of column is stored."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    kind : str
        What it holds; 'number' is a double, in which a value that does not apply is missing (NaN).
    unit : str
        Of its values; '' where they have none.
    meaning : str
        What a value says.
    """

    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True)
class RecordTable:
    """A table of a run.

    Attributes
    ----------
    row : str
        What one row is.
    columns : mapping of str to Column
        In the order in which they are stored.
    optional : bool
        Whether only those runs have it that ask for it.
    """

    row: str
    columns: Mapping[str, Column]
    optional: bool = False


def _text(meaning: str) -> Column:
    return Column("text", "", meaning)


def _number_of(unit: str, meaning: str) -> Column:
    return Column("whole number", unit, meaning)


def _measured(unit: str, meaning: str) -> Column:
    return Column("number", unit, meaning)


def _flag(meaning: str) -> Column:
    return Column("yes or no", "", meaning)


CREDITS = "credits"
NATS = "nats an example"
OPERATIONS = "floating-point operations"

WORLD = {
    "arm": _text("setting of the world: autarky, independent, competitive or cooperative"),
    "replicate": _number_of("", "which division of the data and which initial weights, from 0"),
    "round": _number_of("", "from 1; postings before the first round have 0"),
}
"""The first columns of every table: which world and round a row is of."""

PAIR = {
    "buyer": _number_of("", "organisation that may buy, from 0"),
    "seller": _number_of("", "organisation that offers, from 0"),
}

OFFERED = {
    **PAIR,
    "listing": _number_of("", "what is offered, numbered from 0 in each round"),
    "position": _number_of("", "which block of the network is offered, in the order of `broker.blocks`"),
}

ROUNDS = {
    "welfare": _measured(
        CREDITS, "consumer surplus and industry profit, less the cost of delivery, of training and of trials"
    ),
    "consumer_surplus": _measured(CREDITS, "what consumers gain over buying nothing"),
    "profits": _measured(CREDITS, "sum of the organisations' `net`"),
    "broker_surplus": _measured(CREDITS, "what buyers paid and sellers did not receive; negative: a subsidy"),
    "industry_profit": _measured(CREDITS, "sum of the profits from consumers, payments for blocks aside"),
    "delivery": _measured(CREDITS, "cost of delivering the blocks sold"),
    "test_loss": _measured(NATS, "mean over those in the world, on data that no decision has seen"),
    "test_accuracy": _measured("share", "mean over those in the world, on data that no decision has seen"),
    "active": _number_of("organisations", "those that still train and trade"),
    "trials": _number_of("trials", "(buyer, listing) pairs that the broker tried"),
    "trial_gain": _measured(NATS, "sum of the gains that trials found"),
    "trades": _number_of("trades", "blocks sold, paid and delivered"),
    "volume": _measured(CREDITS, "paid for blocks"),
    "levies": _measured(CREDITS, "paid by the mechanism's rule without a trade"),
    "gains_realised": _measured(CREDITS, "measured value less measured cost, summed over trades"),
    "gains_first_best": _measured(CREDITS, "greatest sum of value less cost that any allocation has"),
    "allocative_efficiency": _measured(
        "share", "gains realised over first-best gains; missing where these round to 0"
    ),
    "welfare_improving": _number_of("trials", "those whose trade would raise welfare"),
    "withheld": _number_of(
        "trials", "welfare-improving, but the seller would lose more than the buyer gains"
    ),
    "withheld_welfare": _measured(CREDITS, "what withheld blocks would have added to welfare, first order"),
    "training_flops": _number_of(OPERATIONS, "of training"),
    "trial_flops": _number_of(OPERATIONS, "of trials: the first layer once a model, the rest once a weight"),
    "listings": _number_of("listings", "blocks on offer"),
    "core_excess": _measured(CREDITS, "most that any coalition gains by leaving; positive: not in the core"),
    "core_coalitions": _number_of("coalitions", "those asked whether they would leave"),
    "orders": _number_of("orders", "bids that met an ask at the door"),
    "refused": _number_of("orders", "refused at the door, or traded or levied and not settled"),
}

ORGANISATIONS = {
    "organisation": _number_of("", "from 0"),
    "strategy": _text("name of the strategy that it follows"),
    "region": _number_of("", "consumers' region in which it sells the use of its model, from 0"),
    "status": _text(
        "active; diverged: training failed, trains and trades no more; removed or inactive: out of the "
        "world; waiting: has not entered yet; left: its account has been closed"
    ),
    "training_loss": _measured(NATS, "mean over the round's training; the validation loss without training"),
    "validation_loss": _measured(NATS, "on the broker's data, at the end of the round"),
    "test_loss": _measured(NATS, "on data that no decision has seen, at the end of the round"),
    "test_accuracy": _measured("share", "right answers on these"),
    "quality": _measured("", "exp(-validation loss): what consumers look at"),
    "price": _measured(
        CREDITS, "Nash-Bertrand price of the use of its model; none if it is out of the world"
    ),
    "share": _measured("share", "of its region's consumers that buy from it"),
    "profit": _measured(CREDITS, "from consumers, less what serving them costs"),
    "paid": _measured(CREDITS, "for blocks, and in levies"),
    "received": _measured(CREDITS, "for blocks, and from levies"),
    "delivery": _measured(CREDITS, "cost of delivering what it sold"),
    "royalty": _measured(CREDITS, "received from the others in cooperation; negative: paid"),
    "royalty_error": _measured(CREDITS, "standard error of the royalty where it was sampled, else 0"),
    "net": _measured(
        CREDITS, "profit - paid + received - delivery + royalty, less training and trials where these cost"
    ),
    "balance": _measured(CREDITS, "of its account at the end of the round"),
    "bought": _number_of("blocks", "bought and merged in the round"),
    "sold": _number_of("blocks", "sold in the round"),
    "lineage": _number_of("organisations", "whose training is in its model, itself included"),
    "training_flops": _number_of(OPERATIONS, "of its training in the round"),
}

TRIALS = {
    **OFFERED,
    "loss_before": _measured(NATS, "of the buyer's model on the broker's data"),
    "loss_after": _measured(NATS, "with the block merged at the best weight, as the buyer was told"),
    "weight": _measured("", "merge weight with the least loss: 0 keeps the own block, 1 takes the seller's"),
    "gain": _measured(NATS, "loss_before - loss_after; gain from trade, never negative"),
    "value": _measured(
        CREDITS, "change of the buyer's profit, in cooperation of welfare, by this trade alone"
    ),
    "cost": _measured(CREDITS, "of the sale to the seller: delivery and, unless in cooperation, profit lost"),
    "welfare": _measured(CREDITS, "change of welfare by this trade alone"),
    "withheld": _flag("whether welfare would rise and the seller would lose more than the buyer gains"),
    "traded": _flag("whether it was bought"),
}

ORDERS = {
    **OFFERED,
    "bid": _measured(CREDITS, "most that the buyer says it would pay"),
    "ask": _measured(CREDITS, "least that the seller says it would take, at least the reserve"),
    "levy": _measured(CREDITS, "what the rule charged without a trade"),
    "outcome": _text("traded, levied, no trade, refused (at the door) or not settled (by the ledger)"),
    "reason": _text("why it was refused at the door; else empty"),
}

TRADES = {
    **OFFERED,
    "weight": _measured("", "merge weight that the trial found"),
    "measured_gain": _measured(NATS, "gain that the trial promised"),
    "measured_value": _measured(CREDITS, "what the trial promised the buyer"),
    "measured_cost": _measured(CREDITS, "what the trial foretold the seller to lose"),
    "bid": _measured(CREDITS, "reported by the buyer"),
    "ask": _measured(CREDITS, "reported by the seller"),
    "reserve": _measured(CREDITS, "least that the listing may go for"),
    "paid": _measured(CREDITS, "by the buyer"),
    "received": _measured(CREDITS, "by the seller"),
    "delivery": _measured(CREDITS, "cost of delivery, which the seller bears"),
    "settled": _flag("whether money moved and the block was delivered: both or neither"),
    "realised_gain": _measured(
        NATS, "fall of test loss, shared equally by what the buyer bought; 0 if unsettled"
    ),
    "realised_value": _measured(CREDITS, "change of the buyer's profit on test data, shared likewise"),
    "realised_cost": _measured(CREDITS, "change of the seller's profit on test data, shared likewise"),
}

LEDGER = {
    "transaction": _number_of("", "postings of one number belong together"),
    "debit": _text("account that paid: organisation N, broker, escrow or consumers"),
    "credit": _text("account that was paid"),
    "amount": _number_of("micro-credits", "exact"),
    "reason": _text(
        "issue, profit, payment, proceeds, fee, subsidy, delivery, royalty, refund, levy, closing or compute"
    ),
}

MEANS = {
    "organisation": _number_of("", "from 0"),
    "group": _text("name of its group; empty without groups"),
    "network": _text("what its model is, by the signature of the architecture"),
    "flop_price": _measured("credits an operation", "what a floating-point operation costs it"),
    "use_cost": _measured("credits a use", "what serving a consumer costs it: a forward pass"),
    "trial_flops": _number_of(OPERATIONS, "of its trials, as if it alone had tried"),
    "serving_flops": _measured(OPERATIONS, "of serving its consumers"),
    "training": _measured(CREDITS, "paid for the operations of its training"),
    "trials": _measured(CREDITS, "paid for those of its trials"),
    "serving": _measured(CREDITS, "paid for those of serving, which its profit is less of already"),
}

REFUSALS = {
    **OFFERED,
    "reason": _text(
        "why it was not tried: other architecture (the block fits nowhere), or no credit for trials (the "
        "buyer's account does not cover what its trials cost)"
    ),
}

CURVES = {
    **PAIR,
    "position": OFFERED["position"],
    "weight": _measured("", "merge weight compared"),
    "loss": _measured(NATS, "of the buyer's model merged at this weight"),
}

RECORD_TABLES: dict[str, RecordTable] = {
    name: RecordTable(row, WORLD | columns, optional)
    for name, row, columns, optional in (
        ("rounds", "a world and round: welfare, learning, trade, operations", ROUNDS, False),
        ("organisations", "an organisation and round: losses, price, profit, account", ORGANISATIONS, False),
        ("trials", "a (buyer, listing) tried: gain, merge weight, value, cost", TRIALS, False),
        ("orders", "a bid and its ask, and what became of them", ORDERS, False),
        ("trades", "a trade: measured, said, paid and realised", TRADES, False),
        ("ledger", "a movement of money", LEDGER, False),
        (
            "means",
            "an organisation and round: group, network, cost of computing (where these differ)",
            MEANS,
            True,
        ),
        ("refusals", "a (buyer, listing) refused before trial (with networks or prices)", REFUSALS, True),
        ("curves", "a trial and merge weight (with `broker.record_curves=true`)", CURVES, True),
    )
}
"""The tables of a run by name."""


def described(name: str, table: pd.DataFrame) -> pa.Table:
    """Return a table as Arrow stores it, with what the dictionary says in the metadata of its fields.

    Parameters
    ----------
    name : str
        Which table of `RECORD_TABLES` it is.
    table : DataFrame
        Its rows.
    """
    columns = RECORD_TABLES[name].columns
    plain = pa.Table.from_pandas(table, preserve_index=False)
    fields = [
        field.with_metadata({"unit": columns[field.name].unit, "meaning": columns[field.name].meaning})
        if field.name in columns
        else field
        for field in plain.schema
    ]
    return plain.cast(pa.schema(fields, metadata=plain.schema.metadata))


def lacking(name: str, table: pd.DataFrame) -> list[str]:
    """Return the columns of a table of `RECORD_TABLES` that a frame does not have."""
    return [column for column in RECORD_TABLES[name].columns if column not in table]
