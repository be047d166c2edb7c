"""The tabs: what each shows of a chronicle up to a round."""

from collections.abc import Callable
from functools import partial

from experiments.teaching.dashboard.chronicle import Chronicle
from experiments.teaching.dashboard.passages import Passage
from experiments.teaching.dashboard.pictures import (
    draw_accuracy,
    draw_book,
    draw_classes,
    draw_clearing,
    draw_endowments,
    draw_gains,
    draw_network,
    draw_prices,
    draw_welfare,
)
from experiments.teaching.dashboard.telling import tell_round
from markets.mechanisms.double_auctions.continuous_double_auction import ContinuousDoubleAuction


def before_the_first_round(chronicle: Chronicle) -> list[Passage]:
    """Return what there is to see before anything was played: who owns which data."""
    if chronicle.endowments is None:
        return []
    return [
        Passage(
            "Who owns which examples",
            "Each row is an organisation, each column a class (a digit, 0 to 9). An organisation learns well "
            "what it owns many examples of; for the rest it can buy from others. Step plays the first round.",
            draw=partial(draw_endowments, chronicle.endowments),
        )
    ]


def market(chronicle: Chronicle, number: int) -> list[Passage]:
    """Return supply and demand of the round, and prices up to it."""
    if not chronicle.until(number, "rounds")["listings"].any():
        return [Passage("No market", "Nothing has been on offer in this world so far.")]
    told, mechanism = [], chronicle.market.mechanism
    if len(chronicle.at(number)["orders"]):
        books = mechanism.venue == "books" and not chronicle.market.setting.cooperates
        how = (
            "Bids from the highest down, asks from the lowest up. Where the curves cross lies the "
            "equilibrium; dashed, where they differ, true values and costs."
            if books
            else "Every pair of a buyer and a seller has its own bid and ask. Where a price is marked, the "
            "pair traded."
        )
        told.append(
            Passage("Bids and asks of this round", how, draw=partial(draw_clearing, chronicle, number))
        )
        if isinstance(mechanism, ContinuousDoubleAuction) and mechanism.variant == "persistent":
            told.append(
                Passage(
                    "What is left in the book",
                    "The orders that still stand when all have come and whoever covers another has traded.",
                    draw=partial(draw_book, chronicle, number),
                )
            )
    return [
        *told,
        Passage(
            "Prices and efficiency",
            "Above: the price of each trade. Below: how much of the gains from trade that were possible the "
            "rule realised.",
            draw=partial(draw_prices, chronicle, number),
        ),
    ]


def models(chronicle: Chronicle, number: int) -> list[Passage]:
    """Return how good the models are, by organisation and, where it is known, by class."""
    told = [
        Passage(
            "Accuracy by organisation",
            "Share of test examples that a model gets right; a line is an organisation. No decision in the "
            "market has seen these examples.",
            draw=partial(draw_accuracy, chronicle, number),
        )
    ]
    tables = chronicle.at(number)
    if "classes" in tables:
        told.append(
            Passage(
                "Accuracy by class, after this round",
                "What an organisation does not own examples of it can only know from models that it bought.",
                draw=partial(draw_classes, tables["classes"]),
            )
        )
    return told


def welfare(chronicle: Chronicle, number: int) -> list[Passage]:
    """Return the parts of welfare by round, and who gains."""
    told = [
        Passage(
            "Welfare and who gets it",
            "Consumers' surplus, the organisations' profits net of payments, and what the broker keeps add "
            "up to welfare. Dotted: the same organisations without a market.",
            draw=partial(draw_welfare, chronicle, number),
        )
    ]
    if "net_alone" in chronicle.at(number)["organisations"]:
        told.append(
            Passage(
                "Who gains from the market",
                "Net profit of all rounds so far, less what the organisation would have earned alone.",
                draw=partial(draw_gains, chronicle, number),
            )
        )
    return told


def network(chronicle: Chronicle, number: int) -> list[Passage]:
    """Return who bought from whom."""
    return [
        Passage(
            "Who buys from whom",
            "An arrow leads from seller to buyer, the thicker the more often. Organisations of one colour "
            "are rivals: they serve the same consumers.",
            draw=partial(draw_network, chronicle, number),
        )
    ]


VIEWS: dict[str, Callable[[Chronicle, int], list[Passage]]] = {
    "The round": tell_round,
    "Market": market,
    "Models": models,
    "Welfare": welfare,
    "Network": network,
}
"""What each tab shows of a chronicle, by the name of the tab."""
