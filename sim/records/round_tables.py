"""Measure: what a round's tables say.

What an organisation measured, what it reported and what it then realised stand side by side:
`measured_value` is what the trial on validation data promised, `bid` and `ask` what was said,
`realised_value` what the purchase changed in the buyer's equilibrium profit on test data, with everybody's
purchases of the round in place.

Core Objects: RoundReport, report_round
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from markets.accounts.ledger import Ledger
from markets.accounts.money import MICRO, sums, total
from markets.columns import Floats
from sim.consumers.payoffs import Change
from sim.consumers.welfare import allocative_efficiency
from sim.records.played import Played

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RoundReport:
    """The tables of one round of one world, as columns, and its `totals`."""

    totals: dict[str, float | int]
    tables: dict[str, Columns]


def report_round(played: Played, further: Collection[str] = ()) -> RoundReport:
    """Return the tables of a round (see `sim.records.schema` for their columns), and some `further` ones.

    Takes the round's postings from the ledger.
    """
    organisations = _organisations(played)
    totals = _totals(played, organisations)
    tables = {
        "rounds": {name: np.array([value]) for name, value in totals.items()},
        "organisations": organisations,
        "trials": _trials(played),
        "orders": _orders(played),
        "trades": _trades(played),
        "ledger": _postings(played.exchange.ledger),
    }
    optional = {"means": _means, "refusals": _refusals, "curves": _curves}
    tables |= {name: made(played) for name, made in optional.items() if name in further}
    return RoundReport(totals, tables)


def _postings(ledger: Ledger) -> Columns:
    """Take the round's postings from the ledger, with the names of the accounts."""
    journal: Columns = dict(ledger.journal())
    ledger.clear_journal()
    names = np.array(ledger.account_names(), dtype=object)
    return journal | {"debit": names[journal["debit"]], "credit": names[journal["credit"]]}


def _accounts(played: Played) -> Columns:
    number, bought, charged = played.organisations, played.bought, played.charged
    buyer, seller, paid, received = (
        np.concatenate([getattr(bought, name), getattr(charged, name)])
        for name in ("buyer", "seller", "paid", "received")
    )
    columns = {
        "profit": played.earnings.profit,
        "paid": sums("organisations.paid", buyer, paid, number) / MICRO,
        "received": sums("organisations.received", seller, received, number) / MICRO,
        "delivery": sums("organisations.delivery", bought.seller, bought.delivery, number) / MICRO,
        "royalty": played.royalties.paid / MICRO,
    }
    net = columns["profit"] - columns["paid"] + columns["received"] - columns["delivery"] + columns["royalty"]
    net = net - played.computing.spent / MICRO
    balance = played.exchange.ledger.balances[:number] / MICRO
    return columns | {"royalty_error": played.royalties.error, "net": net, "balance": balance}


def _organisations(played: Played) -> Columns:
    number, models = played.organisations, played.models
    examples = np.zeros(number, dtype=np.int64)
    loss = models.holdings.validation_loss.copy()
    examples[models.training] = models.trained.examples
    loss[models.training] = models.trained.training_loss
    return {
        "organisation": np.arange(number),
        "strategy": played.members.following.names,
        "region": played.downstream.region,
        "status": played.members.status,
        "training_loss": loss,
        "validation_loss": models.holdings.validation_loss.copy(),
        "test_loss": models.tested.loss,
        "test_accuracy": models.tested.accuracy,
        "quality": models.holdings.quality,
        "price": played.earnings.price,
        "share": played.earnings.share,
        **_accounts(played),
        "bought": np.bincount(played.bought.buyer, minlength=number),
        "sold": np.bincount(played.bought.seller, minlength=number),
        "lineage": models.holdings.lineage.sum(axis=1),
        "training_flops": models.example_flops * examples,
    }


def _realised(played: Played) -> Columns:
    """Return what each trade changed on test data, shared equally among a buyer's trades of the round."""
    bought, before, tested = played.bought, played.models.before, played.models.tested
    together = np.bincount(bought.buyer, minlength=played.organisations)[bought.buyer]
    undone = played.downstream.change(np.exp(-tested.loss), bought.buyer, bought.seller, np.exp(-before.loss))
    change = Change(-undone.buyer / together, -undone.seller / together, -undone.welfare / together)
    return {
        "realised_gain": (before.loss - tested.loss[bought.buyer]) / together,
        "realised_value": played.exchange.setting.value(change),
        "realised_cost": played.exchange.setting.cost(change),
    }


def _trials(played: Played) -> Columns:
    pairs, trials, appraisal = played.prospects.pairs, played.trials, played.prospects.appraisal
    traded = np.zeros(len(pairs), dtype=bool)
    traded[played.bought.row] = True
    return {
        "buyer": pairs.buyer,
        "seller": pairs.seller,
        "listing": pairs.listing,
        "position": pairs.position,
        "loss_before": trials.loss_before,
        "loss_after": trials.loss_after,
        "weight": trials.weight,
        "gain": trials.gain,
        "value": appraisal.value,
        "cost": appraisal.cost,
        "welfare": appraisal.welfare,
        "withheld": appraisal.withheld,
        "traded": traded,
    }


def _means(played: Played) -> Columns:
    means, computing, served = played.means, played.computing, played.downstream.served(played.earnings)
    return {
        "organisation": np.arange(played.organisations),
        "group": means.group,
        "network": means.network,
        "flop_price": means.tariff.price,
        "use_cost": means.tariff.of_use,
        "trial_flops": computing.trial_flops,
        "serving_flops": served * means.tariff.forward,
        "training": computing.training / MICRO,
        "trials": computing.trials / MICRO,
        "serving": computing.serving / MICRO,
    }


def _refusals(played: Played) -> Columns:
    pairs = played.refused.pairs
    columns: Columns = {name: getattr(pairs, name) for name in ("buyer", "seller", "listing", "position")}
    return columns | {"reason": played.refused.reason}


def _curves(played: Played) -> Columns:
    """Return what each trial measured at each merge weight, by rising weight."""
    pairs, trials = played.prospects.pairs, played.trials
    trial = np.repeat(np.arange(len(pairs)), trials.compared.shape[1])
    order = np.lexsort((trials.compared.ravel(), trial))
    return {
        "buyer": pairs.buyer[trial],
        "seller": pairs.seller[trial],
        "position": pairs.position[trial],
        "weight": trials.compared.ravel()[order],
        "loss": trials.losses.ravel()[order],
    }


def _orders(played: Played) -> Columns:
    quoted, deals, charges = played.quoted, played.deals, played.charges
    pairs = played.prospects.pairs.take(quoted.row)
    levy = np.zeros(len(quoted.row))
    levy[charges.order[charges.settled]] = charges.paid[charges.settled] / MICRO
    outcome = np.where(quoted.admitted, "no trade", "refused").astype(object)
    outcome[deals.order[deals.settled]] = "traded"
    outcome[charges.order[charges.settled]] = "levied"
    for refused in (deals, charges):
        outcome[refused.order[~refused.settled]] = "not settled"
    return {
        "buyer": pairs.buyer,
        "seller": pairs.seller,
        "listing": pairs.listing,
        "position": pairs.position,
        "bid": quoted.bid / MICRO,
        "ask": quoted.ask / MICRO,
        "levy": levy,
        "outcome": outcome,
        "reason": quoted.refused,
    }


def _trades(played: Played) -> Columns:
    deals, trials, appraisal = played.deals, played.trials, played.prospects.appraisal
    pairs = played.prospects.pairs.take(deals.row)
    realised = {}
    for name, column in _realised(played).items():
        realised[name] = np.zeros(len(deals.row))
        realised[name][deals.settled] = column
    return {
        "buyer": deals.buyer,
        "seller": deals.seller,
        "listing": pairs.listing,
        "position": pairs.position,
        "weight": trials.weight[deals.row],
        "measured_gain": trials.gain[deals.row],
        "measured_value": appraisal.value[deals.row],
        "measured_cost": appraisal.cost[deals.row],
        "bid": deals.bid / MICRO,
        "ask": deals.ask / MICRO,
        "reserve": played.prospects.listings.reserve[pairs.listing] / MICRO,
        "paid": deals.paid / MICRO,
        "received": deals.received / MICRO,
        "delivery": deals.delivery / MICRO,
        "settled": deals.settled,
        **realised,
    }


def _totals(played: Played, organisations: Columns) -> dict[str, float | int]:
    bought, charged, earnings = played.bought, played.charged, played.earnings
    prospects, appraisal, gain = played.prospects, played.prospects.appraisal, played.trials.gain
    quoted, present = played.quoted, played.members.present
    broker = (total(bought.paid - bought.received) + total(charged.paid - charged.received)) / MICRO
    delivery = total(bought.delivery) / MICRO
    computing = total(played.computing.spent) / MICRO
    consumer_surplus = float(earnings.consumer_surplus.sum())
    realised = float((appraisal.value - appraisal.cost)[bought.row].sum())
    possible = played.exchange.goods.first_best(prospects)
    best = float(possible.sum())
    improving = (appraisal.welfare > 0) & (gain > 0)
    unsettled = int((~played.deals.settled).sum() + (~played.charges.settled).sum())
    return {
        "welfare": consumer_surplus + float(earnings.profit.sum()) - delivery - computing,
        "consumer_surplus": consumer_surplus,
        "profits": float(organisations["net"].sum()),
        "broker_surplus": broker,
        "industry_profit": float(earnings.profit.sum()),
        "delivery": delivery,
        "test_loss": _mean(organisations["test_loss"][present]),
        "test_accuracy": _mean(organisations["test_accuracy"][present]),
        "active": int((organisations["status"] == "active").sum()),
        "trials": len(prospects.pairs),
        "trial_gain": float(gain.sum()),
        "trades": len(bought.row),
        "volume": total(bought.paid) / MICRO,
        "levies": total(charged.paid) / MICRO,
        "gains_realised": realised,
        "gains_first_best": best,
        "allocative_efficiency": allocative_efficiency(realised, best, len(possible)),
        "welfare_improving": int(improving.sum()),
        "withheld": int((appraisal.withheld & improving).sum()),
        "withheld_welfare": _welfare_withheld(played),
        "training_flops": int(organisations["training_flops"].sum()),
        "trial_flops": played.models.trial_flops,
        "listings": len(prospects.listings),
        "core_excess": played.royalties.core.excess,
        "core_coalitions": played.royalties.core.coalitions,
        "orders": len(quoted.row),
        "refused": int((~quoted.admitted).sum()) + unsettled,
    }


def _mean(column: Floats) -> float:
    """Return the mean of those who are there; NaN if nobody is."""
    return float(column.mean()) if len(column) else float("nan")


def _welfare_withheld(played: Played) -> float:
    """Return the welfare that withheld blocks would have added this round, to first order, credits.

    For each buyer and position: the best withheld block's gain of welfare, less that of the block it bought
    instead, where positive. Other organisations' models are held as they were. Where listings overlap, a
    buyer has them all to choose one from.
    """
    pairs, appraisal, row = played.prospects.pairs, played.prospects.appraisal, played.bought.row
    positions = len(played.exchange.goods.positions)
    overlaps = played.exchange.goods.contents[pairs.position] > 0
    market = pairs.buyer * positions + np.where(overlaps, 0, pairs.position)
    best, made = (np.zeros(played.organisations * positions) for _ in range(2))
    np.maximum.at(best, market[appraisal.withheld], appraisal.welfare[appraisal.withheld])
    np.maximum.at(made, market[row], appraisal.welfare[row])
    return float((best - made).clip(min=0).sum())
