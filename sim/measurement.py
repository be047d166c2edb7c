"""Measure: what a round's tables say.

What an organisation measured, what it reported and what it then realised stand side by side:
`measured_value` is what the trial on validation data promised, `bid` and `ask` what was said,
`realised_value` what the purchase changed in the buyer's equilibrium profit on test data, with everybody's
purchases of the round in place.

Core Objects: RoundReport, report_round
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from markets.money import MICRO, sums, total
from markets.orders import first_best
from sim.broker import orders_at
from sim.deals import Charges, Deals
from sim.payoffs import Change, Standing
from sim.royalties import Royalties
from sim.welfare import allocative_efficiency

if TYPE_CHECKING:
    from sim.broker import Appraisal, Catalogue, Quoted, Shortlist
    from sim.market import ParameterMarket
    from sim.requests import Measured, Trained, Tried

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RoundReport:
    """The tables of one round of one world, as columns, and its `totals`."""

    totals: dict[str, float | int]
    tables: dict[str, Columns]


def report_round(
    world: "ParameterMarket",
    trained: "Trained",
    catalogue: "Catalogue",
    tries: "Shortlist",
    tried: "Tried",
    worth: "Appraisal",
    quoted: "Quoted",
    deals: Deals,
    levied: Charges,
    before: "Measured",
    tested: "Measured",
    standing: Standing,
    royalties: Royalties,
) -> RoundReport:
    """Return the tables of the round just played (see the README for their columns)."""
    bought, charged = deals.settled_only(), levied.settled_only()
    accounts = _accounts(world, bought, charged, standing, royalties)
    organisations = _organisations(world, trained, tested, standing, accounts, bought)
    realised = _realised(world, bought, before, tested)
    totals = _totals(world, tries, tried, worth, bought, charged, standing, organisations) | {
        "listings": len(catalogue),
        "core_excess": royalties.core.excess,
        "core_coalitions": royalties.core.coalitions,
        "orders": len(quoted.row),
        "refused": int((~quoted.admitted).sum() + (~deals.settled).sum() + (~levied.settled).sum()),
    }
    tables = {
        "rounds": {name: np.array([value]) for name, value in totals.items()},
        "organisations": organisations,
        "trials": _trials(tries, tried, worth, bought),
        "orders": _orders(tries, quoted, deals, levied),
        "trades": _trades(tries, tried, worth, catalogue, deals, realised),
        "ledger": _postings(world),
    }
    if world.config.broker.record_curves:
        tables["curves"] = _curves(tries, tried)
    return RoundReport(totals, tables)


def _postings(world: "ParameterMarket") -> Columns:
    """Take the round's postings from the ledger, with the names of the accounts."""
    journal: Columns = dict(world.ledger.journal())
    world.ledger.clear_journal()
    names = np.array(world.ledger.account_names(), dtype=object)
    return journal | {"debit": names[journal["debit"]], "credit": names[journal["credit"]]}


def _accounts(
    world: "ParameterMarket", bought: Deals, charged: Charges, standing: Standing, royalties: Royalties
) -> Columns:
    number = world.organisations
    buyer, seller = (
        np.concatenate([getattr(bought, side), getattr(charged, side)]) for side in ("buyer", "seller")
    )
    paid = np.concatenate([bought.paid, charged.paid])
    received = np.concatenate([bought.received, charged.received])
    columns = {
        "profit": standing.profit,
        "paid": sums("organisations.paid", buyer, paid, number) / MICRO,
        "received": sums("organisations.received", seller, received, number) / MICRO,
        "delivery": sums("organisations.delivery", bought.seller, bought.delivery, number) / MICRO,
        "royalty": royalties.paid / MICRO,
    }
    net = columns["profit"] - columns["paid"] + columns["received"] - columns["delivery"] + columns["royalty"]
    balance = world.ledger.balances[:number] / MICRO
    return columns | {"royalty_error": royalties.error, "net": net, "balance": balance}


def _organisations(
    world: "ParameterMarket",
    trained: "Trained",
    tested: "Measured",
    standing: Standing,
    accounts: Columns,
    bought: Deals,
) -> Columns:
    number = world.organisations
    examples = np.zeros(number, dtype=np.int64)
    loss = world.validation_loss.copy()
    took_part = world.trained_this_round
    examples[took_part] = trained.examples
    loss[took_part] = trained.training_loss
    return {
        "organisation": np.arange(number),
        "strategy": world.members.following.names,
        "region": world.downstream.region,
        "status": world.members.status,
        "training_loss": loss,
        "validation_loss": world.validation_loss.copy(),
        "test_loss": tested.loss,
        "test_accuracy": tested.accuracy,
        "quality": world.quality,
        "price": standing.price,
        "share": standing.share,
        **accounts,
        "bought": np.bincount(bought.buyer, minlength=number),
        "sold": np.bincount(bought.seller, minlength=number),
        "lineage": world.lineage.sum(axis=1),
        "training_flops": world.laboratory.architecture.training_flops * examples,
    }


def _realised(world: "ParameterMarket", bought: Deals, before: "Measured", tested: "Measured") -> Columns:
    """Return what each trade changed on test data, shared equally among a buyer's trades of the round."""
    together = np.bincount(bought.buyer, minlength=world.organisations)[bought.buyer]
    quality = np.exp(-tested.loss)
    undone = world.downstream.change(quality, bought.buyer, bought.seller, np.exp(-before.loss))
    change = Change(-undone.buyer / together, -undone.seller / together, -undone.welfare / together)
    setting = world.config.setting
    return {
        "realised_gain": (before.loss - tested.loss[bought.buyer]) / together,
        "realised_value": setting.value(change),
        "realised_cost": setting.cost(change),
    }


def _trials(tries: "Shortlist", tried: "Tried", worth: "Appraisal", bought: Deals) -> Columns:
    traded = np.zeros(len(tries), dtype=bool)
    traded[bought.row] = True
    return {
        "buyer": tries.buyer,
        "seller": tries.seller,
        "listing": tries.listing,
        "position": tries.position,
        "loss_before": tried.loss_before,
        "loss_after": tried.loss_after,
        "weight": tried.weight,
        "gain": tried.gain,
        "value": worth.value,
        "cost": worth.cost,
        "welfare": worth.welfare,
        "withheld": worth.withheld,
        "traded": traded,
    }


def _curves(tries: "Shortlist", tried: "Tried") -> Columns:
    """Return what each trial measured at each merge weight, by rising weight."""
    trial = np.repeat(np.arange(len(tries)), tried.compared.shape[1])
    order = np.lexsort((tried.compared.ravel(), trial))
    return {
        "buyer": tries.buyer[trial],
        "seller": tries.seller[trial],
        "position": tries.position[trial],
        "weight": tried.compared.ravel()[order],
        "loss": tried.losses.ravel()[order],
    }


def _orders(tries: "Shortlist", quoted: "Quoted", deals: Deals, levied: Charges) -> Columns:
    levy = np.zeros(len(quoted.row))
    levy[levied.order[levied.settled]] = levied.paid[levied.settled] / MICRO
    outcome = np.where(quoted.admitted, "no trade", "refused").astype(object)
    outcome[deals.order[deals.settled]] = "traded"
    outcome[levied.order[levied.settled]] = "levied"
    for refused in (deals, levied):
        outcome[refused.order[~refused.settled]] = "not settled"
    return {
        "buyer": tries.buyer[quoted.row],
        "seller": tries.seller[quoted.row],
        "listing": tries.listing[quoted.row],
        "position": tries.position[quoted.row],
        "bid": quoted.bid / MICRO,
        "ask": quoted.ask / MICRO,
        "levy": levy,
        "outcome": outcome,
        "reason": quoted.refused,
    }


def _trades(
    tries: "Shortlist",
    tried: "Tried",
    worth: "Appraisal",
    catalogue: "Catalogue",
    deals: Deals,
    realised: Columns,
) -> Columns:
    filled = {name: np.zeros(len(deals.row)) for name in realised}
    for name, column in realised.items():
        filled[name][deals.settled] = column
    return {
        "buyer": deals.buyer,
        "seller": deals.seller,
        "listing": tries.listing[deals.row],
        "position": tries.position[deals.row],
        "weight": tried.weight[deals.row],
        "measured_gain": tried.gain[deals.row],
        "measured_value": worth.value[deals.row],
        "measured_cost": worth.cost[deals.row],
        "bid": deals.bid / MICRO,
        "ask": deals.ask / MICRO,
        "reserve": catalogue.reserve[tries.listing[deals.row]] / MICRO,
        "paid": deals.paid / MICRO,
        "received": deals.received / MICRO,
        "delivery": deals.delivery / MICRO,
        "settled": deals.settled,
        **filled,
    }


def _totals(
    world: "ParameterMarket",
    tries: "Shortlist",
    tried: "Tried",
    worth: "Appraisal",
    bought: Deals,
    charged: Charges,
    standing: Standing,
    organisations: Columns,
) -> dict[str, float | int]:
    broker = (total(bought.paid - bought.received) + total(charged.paid - charged.received)) / MICRO
    delivery = total(bought.delivery) / MICRO
    consumer_surplus = float(standing.consumer_surplus.sum())
    realised = float((worth.value - worth.cost)[bought.row].sum())
    possible = _first_best(world, tries, tried, worth)
    best = float(possible.sum())
    improving = (worth.welfare > 0) & (tried.gain > 0)
    return {
        "welfare": consumer_surplus + float(standing.profit.sum()) - delivery,
        "consumer_surplus": consumer_surplus,
        "profits": float(organisations["net"].sum()),
        "broker_surplus": broker,
        "industry_profit": float(standing.profit.sum()),
        "delivery": delivery,
        "test_loss": _mean(organisations["test_loss"][world.members.present]),
        "test_accuracy": _mean(organisations["test_accuracy"][world.members.present]),
        "active": int((organisations["status"] == "active").sum()),
        "trials": len(tries),
        "trial_gain": float(tried.gain.sum()),
        "trades": len(bought.row),
        "volume": total(bought.paid) / MICRO,
        "levies": total(charged.paid) / MICRO,
        "gains_realised": realised,
        "gains_first_best": best,
        "allocative_efficiency": allocative_efficiency(realised, best, len(possible)),
        "welfare_improving": int(improving.sum()),
        "withheld": int((worth.withheld & improving).sum()),
        "withheld_welfare": _welfare_withheld(world, tries, worth, bought),
        "training_flops": int(organisations["training_flops"].sum()),
        "trial_flops": world.laboratory.trial_flops(world.slots[tries.buyer], world.slots[tries.seller]),
    }


def _mean(column: Floats) -> float:
    """Return the mean of those who are there; NaN if nobody is."""
    return float(column.mean()) if len(column) else float("nan")


def _first_best(world: "ParameterMarket", tries: "Shortlist", tried: "Tried", worth: "Appraisal") -> Floats:
    """Return the gain of each trade of the best allocation that values and costs allow, whatever was said."""
    at = np.flatnonzero(worth.value > 0)
    orders = orders_at(world, tries, tried.gain, at, worth.value[at], worth.cost[at])
    return first_best(orders)[1]


def _welfare_withheld(
    world: "ParameterMarket", tries: "Shortlist", worth: "Appraisal", bought: Deals
) -> float:
    """Return the welfare that withheld blocks would have added this round, to first order, credits.

    For each buyer and position: the best withheld block's gain of welfare, less that of the block it bought
    instead, where positive. Other organisations' models are held as they were. Where listings overlap, a
    buyer has them all to choose one from.
    """
    positions = len(world.laboratory.positions)
    overlaps = world.laboratory.contents[tries.position] > 0
    market = tries.buyer * positions + np.where(overlaps, 0, tries.position)
    best, made = (np.zeros(world.organisations * positions) for _ in range(2))
    np.maximum.at(best, market[worth.withheld], worth.welfare[worth.withheld])
    np.maximum.at(made, market[bought.row], worth.welfare[bought.row])
    return float((best - made).clip(min=0).sum())
