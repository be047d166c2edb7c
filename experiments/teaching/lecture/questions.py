"""What a person is asked in a round, and the answers that are allowed."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from markets.columns import Ints
from markets.orders.venues import ask_quotes, bid_quotes
from sim.exchange.consulting import Consult
from sim.exchange.tables import Offers

Answers = Mapping[str, float]
"""The price named for each question, by its key; NaN is no bid, or not for sale."""

NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""How a price can be typed; pages know the same two patterns."""

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
"""What is one number to some and a thousand times as much to others."""

HIGHEST_ASK = 1e6
"""Credits; more than any account holds."""


@dataclass(frozen=True)
class Question:
    """One price that an organisation can name.

    Attributes
    ----------
    key : str
        Its name in a form.
    is_bid : bool
        Whether it is about buying.
    rows : int64 [r]
        The trials that the price stands for.
    partner : int or None
        Whom to buy from or sell to; None where a price stands for several.
    position : int
        The block position.
    limit : float
        What buying is worth, or selling costs, credits: the mean over what a bid stands for, and the dearest
        buyer that an ask stands for.
    gain : float
        Of a bid: the fall of the loss that the trial found, nats an example.
    """

    key: str
    is_bid: bool
    rows: Ints
    partner: int | None
    position: int
    limit: float
    gain: float


def questions_of(consult: Consult, venue: str, organisation: int) -> list[Question]:
    """Return what an organisation is asked, bids first; nothing in it is another's private knowledge."""
    pairs, appraisal = consult.prospects.pairs, consult.prospects.appraisal
    bids, asks = bid_quotes(venue, pairs.buyer, pairs.position), ask_quotes(venue, pairs.listing)
    value, cost = bids.mean(appraisal.value), asks.maximum(appraisal.cost)
    gain = bids.mean(consult.prospects.gain)
    asked = []
    for is_bid, quotes, own, other, limit in (
        (True, bids, pairs.buyer, pairs.seller, value),
        (False, asks, pairs.seller, pairs.buyer, cost),
    ):
        for number in np.flatnonzero(own[quotes.row] == organisation):
            rows = np.flatnonzero(quotes.quote == number)
            asked.append(
                Question(
                    key=f"{'bid' if is_bid else 'ask'}-{number}",
                    is_bid=is_bid,
                    rows=rows,
                    partner=int(other[rows[0]]) if len(np.unique(other[rows])) == 1 else None,
                    position=int(pairs.position[rows[0]]),
                    limit=float(limit[number]),
                    gain=float(gain[number]) if is_bid else 0.0,
                )
            )
    return asked


def read_answers(
    questions: Sequence[Question], said: Mapping[str, object], funds: float
) -> tuple[Answers, dict[str, str]]:
    """Return the prices that a form names, and what is wrong with it, a sentence for each key.

    Parameters
    ----------
    questions : sequence of Question
        What was asked.
    said : mapping
        Texts by key; what is missing or blank is no bid, or not for sale. Other keys are not looked at.
    funds : float
        What the organisation can pay, credits.
    """
    answers: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for question in questions:
        text = str(said.get(question.key, "")).strip()
        answers[question.key] = price = _number(text)
        if not text:
            continue
        if THOUSANDS.fullmatch(text):
            wrong[question.key] = ambiguous(text)
        elif not math.isfinite(price):
            wrong[question.key] = "Write a number, such as 0.25, or leave the field empty."
        elif price < 0:
            wrong[question.key] = "A price cannot be below 0."
        elif question.is_bid and price > funds:
            wrong[question.key] = (
                f"You have {thousandths(funds):.3f} credits: a bid above that would be refused."
            )
        elif price > HIGHEST_ASK:
            wrong[question.key] = f"An ask can be at most {HIGHEST_ASK:,.0f} credits."
    return answers, wrong


def offers_with(consult: Consult, decided: Sequence[tuple[Sequence[Question], Answers]]) -> Offers:
    """Return the strategies' offers with those of people in their place: questions and answers of each."""
    bid, ask = consult.offers.bid.copy(), consult.offers.ask.copy()
    for questions, answers in decided:
        for question in questions:
            (bid if question.is_bid else ask)[question.rows] = answers[question.key]
    return Offers(bid, ask)


def thousandths(amount: float) -> float:
    """Round an account down to what is shown of it, so that whoever bids all that is shown can pay it."""
    return math.floor(1000 * amount) / 1000


def ambiguous(text: str) -> str:
    """Ask what a comma means before three digits: 1,000 can be 1 or 1000."""
    whole = text.replace(",", "")
    if text.count(",") > 1:
        return f"Write {whole} without commas, if that is what you mean."
    return f"Do you mean {text.replace(',', '.')} or {whole}? Write it with a point, or without a comma."


def _number(text: str) -> float:
    return float(text.replace(",", ".")) if NUMBER.fullmatch(text) else math.nan
