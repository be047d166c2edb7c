"""The round told step by step: who listed what, trials, bids, clearing, payments, merges, results."""

from functools import partial

import numpy as np
import pandas as pd

from experiments.command_line.listing import first_line
from experiments.teaching.dashboard.chronicle import Chronicle, Tables
from experiments.teaching.dashboard.passages import Passage, table_of
from experiments.teaching.dashboard.pictures import draw_clearing
from markets.goods.blocks import Licence

MOST_ROWS = 8
"""Most rows of a table that lists pairs of organisations."""

NOTHING = 5e-7
"""What the broker keeps is nothing up to this, credits: accounts are in micro-credits."""

VENUES = {
    "listings": "Every block is an auction of its own.",
    "books": "Blocks of one kind count as alike: bids and asks meet in one book.",
    "bilateral": "Every buyer and seller bargain with each other alone.",
}


def tell_round(chronicle: Chronicle, number: int) -> list[Passage]:
    """Return the passages that tell a round, counted from 1."""
    tables = chronicle.at(number)
    told = [_train(chronicle, tables)]
    if tables["trials"].empty:
        told.append(
            Passage("2. No market this round", "Nothing is on offer, so everybody keeps its own model.")
        )
    else:
        told += [
            _list(chronicle, tables),
            _try(tables),
            _bid(chronicle, tables),
            _clear(chronicle, number),
            _pay(chronicle, tables),
            _merge(tables),
        ]
    return [*told, _result(tables, len(told) + 1)]


def _train(chronicle: Chronicle, tables: Tables) -> Passage:
    organisations, epochs = tables["organisations"], chronicle.market.learning.local_epochs
    passes = "one pass" if epochs == 1 else f"{epochs} passes"
    diverged = int((organisations["status"] == "diverged").sum())
    return Passage(
        "1. Train",
        f"Every organisation trains its own model: {passes} over its own examples."
        + f" {diverged} diverged and trade no more." * bool(diverged),
        table_of(
            organisations,
            {
                "organisation": "organisation",
                "strategy": "strategy",
                "region": "region of consumers",
                "training_loss": "training loss (nats)",
            },
        ),
    )


def _list(chronicle: Chronicle, tables: Tables) -> Passage:
    trials, broker = tables["trials"], chronicle.market.broker
    sellers, listings = trials["seller"].nunique(), trials["listing"].nunique()
    licence = {"copy": "sold in copies to any number of buyers", "exclusive": "sold to one buyer a round"}
    rights = licence.get(
        broker.licence, f"sold {Licence.parse(broker.licence).capacity} times a round at most"
    )
    what = "the whole model" if broker.blocks == "model" else f"parameters ({broker.blocks})"
    return Passage(
        "2. List",
        f"{_counted(sellers, 'organisation lists', 'organisations list')} "
        f"{_counted(listings, 'block', 'blocks')} for sale. A block is {what}, {rights}.",
    )


def _try(tables: Tables) -> Passage:
    trials = tables["trials"].sort_values("gain", ascending=False, kind="stable")
    useful = int((trials["gain"] > 0).sum())
    withheld = int(trials["withheld"].sum())
    text = (
        f"The broker merges each block into each buyer's model on trial: {len(trials)} trials, of which "
        f"{useful} make the buyer's model better. The gain, in nats, becomes money through what consumers "
        f"would pay for the better model."
    )
    if withheld:
        text += (
            f" In {_counted(withheld, 'trial', 'trials')} all together would gain, but the seller would lose "
            f"more to a stronger rival than the buyer gains: no price can sell that."
        )
    headings = {
        "buyer": "buyer",
        "seller": "seller",
        "gain": "gain (nats)",
        "weight": "merge weight",
        "value": "worth to the buyer (credits)",
        "cost": "cost to the seller (credits)",
    }
    return Passage("3. Try before purchase", text + _first(trials), table_of(trials, headings, MOST_ROWS))


def _bid(chronicle: Chronicle, tables: Tables) -> Passage:
    orders = tables["orders"].sort_values(["outcome", "bid"], ascending=False, kind="stable")
    refused = orders[orders["outcome"] == "refused"]
    if orders.empty:
        return Passage("4. Bid and ask", "Nobody bids: no trial is worth anything to its buyer.")
    text = f"{_counted(len(orders), 'bid meets its ask', 'bids meet their asks')}."
    broker = chronicle.market.broker
    each = "" if broker.blocks == "model" else " of a kind"
    text += f" An organisation buys at most {_counted(broker.demand, 'block', 'blocks')}{each} a round."
    if _on_books(chronicle):
        text += (
            " On books a bid is one number for a unit of an unknown seller: the gain expected over all "
            "blocks of the kind."
        )
    if len(refused):
        text += f" {len(refused)} are refused at the door: {refused['reason'].iloc[0]}."
    headings = {
        "buyer": "buyer",
        "seller": "seller",
        "bid": "bid (credits)",
        "ask": "ask (credits)",
        "outcome": "what came of it",
    }
    told = orders.assign(outcome=_outcomes(tables, broker.demand))
    return Passage("4. Bid and ask", text + _first(orders), table_of(told, headings, MOST_ROWS))


def _outcomes(tables: Tables, demand: int) -> pd.Series:
    """Return what came of each order; of one without a trade, whether its buyer bought another."""
    orders, bought = tables["orders"], _settled(tables).groupby(["buyer", "position"]).size()
    pairs = pd.MultiIndex.from_frame(orders[["buyer", "position"]])
    full = bought.reindex(pairs, fill_value=0).to_numpy() >= demand
    instead = pd.Series(np.where(full, "bought another", "not sold"), index=orders.index)
    return orders["outcome"].where(orders["outcome"] != "no trade", instead)


def _clear(chronicle: Chronicle, number: int) -> Passage:
    market, tables = chronicle.market, chronicle.at(number)
    orders, trades = tables["orders"], _settled(tables)
    if market.setting.cooperates:
        rule = "All decide together: blocks go where they raise welfare most, at the cost of delivery."
    else:
        rule = f"{VENUES[market.mechanism.venue]} The rule: {first_line(type(market.mechanism).__doc__)}"
    outcome = f"{len(trades)} of {_counted(len(orders), 'order', 'orders')} traded."
    if orders.empty:
        return Passage("5. Clear", rule)
    return Passage("5. Clear", f"{rule} {outcome}", draw=partial(draw_clearing, chronicle, number))


def _pay(chronicle: Chronicle, tables: Tables) -> Passage:
    trades = _settled(tables).sort_values("paid", ascending=False, kind="stable")
    broker, levies = float(tables["rounds"]["broker_surplus"].iloc[0]), tables["orders"]["levy"].sum()
    if trades.empty and not levies:
        return Passage("6. Pay", "Nothing was traded, so nobody pays.")
    text = f"{trades['paid'].sum():.3g} credits change hands."
    if levies > 0:
        text += f" {levies:.3g} credits more are paid by those who get nothing for it."
    books = _on_books(chronicle)
    if books or abs(broker) > NOTHING:
        text += f" {_of_the_broker(broker)}."
    if books:
        text += (
            " Bids were for any block of the kind, so the one that is delivered can be worth less than what "
            "was paid for it."
        )
    headings = {
        "buyer": "buyer",
        "seller": "seller",
        "measured_value": "worth by trial (credits)",
        "paid": "buyer pays (credits)",
        "received": "seller gets (credits)",
    }
    return Passage("6. Pay", text + _first(trades), table_of(trades, headings, MOST_ROWS))


def _merge(tables: Tables) -> Passage:
    trades = _settled(tables).sort_values("measured_gain", ascending=False, kind="stable")
    if trades.empty:
        return Passage("7. Merge", "Nobody bought, so no model changes.")
    text = (
        "Every buyer merges what it bought. Weight 0 would leave its model as it was, weight 1 would replace "
        "it. What the purchase changed on test data, which no decision has seen, stands beside what the "
        "trial found."
    )
    headings = {
        "buyer": "buyer",
        "seller": "seller",
        "weight": "merge weight",
        "measured_gain": "gain by trial (nats)",
        "realised_gain": "gain on test data (nats)",
    }
    return Passage("7. Merge", text + _first(trades), table_of(trades, headings, MOST_ROWS))


def _result(tables: Tables, step: int) -> Passage:
    organisations, totals = tables["organisations"], tables["rounds"].iloc[0]
    text = (
        f"Consumers choose, and pay for, the use of these models. Welfare this round is "
        f"{totals['welfare']:.3g} credits: consumers gain {totals['consumer_surplus']:.3g}, "
        f"the organisations {totals['profits']:.3g}. "
        f"{_of_the_broker(totals['broker_surplus'])}; together that is welfare. "
        f"Mean accuracy on test data is {totals['test_accuracy']:.1%}. Profits and payments in credits:"
    )
    headings = {
        "organisation": "organisation",
        "test_accuracy": "test accuracy",
        "profit": "profit from consumers",
        "paid": "paid for blocks",
        "received": "got for blocks",
        "royalty": "royalties",
        "net": "net profit",
        "net_alone": "profit without a market",
        "balance": "account",
    }
    without = set() if organisations["royalty"].any() else {"royalty"}
    shown = {name: headings[name] for name in headings if name in organisations and name not in without}
    return Passage(f"{step}. Live off the models", text, table_of(organisations, shown))


def _on_books(chronicle: Chronicle) -> bool:
    return chronicle.market.mechanism.venue == "books" and not chronicle.market.setting.cooperates


def _of_the_broker(surplus: float) -> str:
    """Say what the broker keeps, or adds."""
    kept = 0.0 if abs(surplus) <= NOTHING else surplus
    return f"The broker {'adds' if kept < 0 else 'keeps'} {abs(kept):.3g} credits"


def _settled(tables: Tables) -> pd.DataFrame:
    return tables["trades"][tables["trades"]["settled"].to_numpy(dtype=bool)]


def _counted(number: int | np.integer, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _first(rows: pd.DataFrame) -> str:
    """Say that a table shows only its first rows, where it does."""
    return f" The first {MOST_ROWS}:" if len(rows) > MOST_ROWS else ""
