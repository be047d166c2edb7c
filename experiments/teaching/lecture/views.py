"""What the pages show, as plain values: each person what its organisation may know, the teacher everything.

Core Objects: student_view, student_version, teacher_view, teacher_version, result_view
"""

import math
from typing import Any

import numpy as np

from experiments.command_line.listing import first_line
from experiments.teaching.lecture.lecture import Lecture, Seat, Stage
from experiments.teaching.lecture.questions import thousandths
from experiments.teaching.lecture.results import RoundResult
from markets.accounts.money import MICRO
from sim.market import ParameterMarket

View = dict[str, Any]

TRUTH = {
    "dominant": "whatever the others do, nobody on this side can gain by naming another price than the truth",
    "bayesian": "naming the truth is an equilibrium: best on average against others who do",
    "no": "naming the truth is not the best reply: it can pay to name another price",
}
"""What a mechanism declares of one side, in a sentence."""


def student_view(lecture: Lecture, seat: Seat) -> View:
    """Return what a person's page shows: its own account, trials, trades and results, and what is public."""
    with lecture.lock:
        view = _common(lecture) | {"name": seat.name, "organisation": seat.organisation, "sent": False}
        view["version"] = student_version(lecture, seat)
        if lecture.stage is Stage.OPEN and lecture.opened is not None:
            view |= _questions(lecture, seat)
        if lecture.stage in (Stage.RESULTS, Stage.FINISHED):
            view["own"] = [
                _own_result(result, seat.organisation)
                for result in lecture.results
                if result.names.get(seat.organisation) == seat.name
            ]
            view["model"] = _model(lecture, seat.organisation)
            view["results"] = _results(lecture) if lecture.stage is Stage.FINISHED else []
            view["totals"] = _totals(view["results"])
        return view


def student_version(lecture: Lecture, seat: Seat) -> str:
    """Return a text that changes when a person's page does."""
    return f"{lecture.stage} {lecture.number} {seat.answers is not None}"


def teacher_view(lecture: Lecture) -> View:
    """Return what the teacher's page shows."""
    with lecture.lock:
        results = _results(lecture) if lecture.stage in (Stage.RESULTS, Stage.FINISHED) else []
        return _common(lecture) | {
            "seats": [
                {"name": s.name, "organisation": s.organisation, "sent": s.answers is not None}
                for s in lecture.seats
            ],
            "door_open": lecture.door_open,
            "turned_away": lecture.turned_away and not lecture.crowds,
            "sent": sum(seat.answers is not None for seat in lecture.seats),
            "results": results,
            "totals": _totals(results),
            "version": teacher_version(lecture),
        }


def teacher_version(lecture: Lecture) -> str:
    """Return a text that changes when the teacher's page does."""
    with lecture.lock:
        seats = [(seat.name, seat.answers is not None) for seat in lecture.seats]
        door = lecture.door_open, lecture.crowds, lecture.turned_away
        return f"{lecture.stage} {lecture.number} {door} {seats}"


def _common(lecture: Lecture) -> View:
    mechanism = lecture.world.mechanism
    properties = mechanism.properties
    return {
        "stage": str(lecture.stage),
        "number": lecture.number,
        "organisations": lecture.world.organisations,
        "places": lecture.places,
        "trouble": lecture.trouble,
        "rule": first_line(type(mechanism).__doc__),
        "mechanism": mechanism.name.replace("_", " "),
        "never_more": properties.individually_rational,
        "truth": (TRUTH[properties.truthful_buyers], TRUTH[properties.truthful_sellers]),
        "truth_where": properties.truthful_domain,
        "models": isinstance(lecture.world, ParameterMarket),
        "noun": "organisation" if isinstance(lecture.world, ParameterMarket) else "trader",
        "demand": lecture.world.config.broker.demand,
        "trials": lecture.world.config.broker.trials.name,
        "exclusive": lecture.world.config.broker.licence == "exclusive",
        "past_prices": sorted(lecture.results[-1].prices.tolist()) if lecture.results else [],
    }


def _results(lecture: Lecture) -> list[View]:
    return [result_view(result) for result in lecture.results]


def _totals(results: list[View]) -> list[View]:
    """Return what each person gained in all rounds together, beside robots and truth."""
    totals: dict[tuple[str, int], View] = {}
    for seat in (seat for result in results for seat in result["seats"]):
        nothing = {**seat, "by_hand": True, "rounds": 0, "by_robot": 0}
        nothing |= {"profit": 0.0, "robot": 0.0, "truthful": 0.0}
        total = totals.setdefault((seat["name"], seat["organisation"]), nothing)
        for column in ("profit", "robot", "truthful"):
            total[column] += seat[column]
        total["rounds"] += 1
        total["by_robot"] += not seat["by_hand"]
    return list(totals.values())


def result_view(result: RoundResult) -> View:
    """Return the whole result of a round, for those who may see everything."""
    played, robots, truthful = (
        {"gains": outcome.gains, "efficiency": result.efficiency(outcome), "trades": len(outcome.deals.row)}
        for outcome in (result.played, result.robots, result.truthful)
    )
    return {
        "number": result.number,
        "books": result.venue == "books",
        "first_best": result.first_best,
        "played": played,
        "robots": robots,
        "truthful": truthful,
        "prices": result.prices.tolist(),
        "seats": [
            {
                "name": name,
                "organisation": one,
                "by_hand": one in result.by_hand,
                "profit": float(result.played.profit[one]),
                "robot": float(result.robot_profit[one]),
                "truthful": float(result.truthful.profit[one]),
            }
            for one, name in result.names.items()
        ],
        "trades": [
            {"buyer": int(buyer), "seller": int(seller), "price": float(paid) / MICRO}
            for buyer, seller, paid in zip(
                result.played.deals.buyer, result.played.deals.seller, result.played.deals.paid, strict=True
            )
        ],
    }


def _questions(lecture: Lecture, seat: Seat) -> View:
    assert lecture.opened is not None
    positions = lecture.world.laboratory.positions
    said = seat.answers or {}
    asked = [
        {
            "key": q.key,
            "is_bid": q.is_bid,
            "partner": q.partner,
            "limit": q.limit,
            "gain": q.gain,
            "partners": len(q.rows),
            "position": str(positions[q.position]) if len(positions) > 1 else "",
            "said": "" if math.isnan(said.get(q.key, math.nan)) else f"{said[q.key]:.10g}",
        }
        for q in seat.questions
    ]
    return {
        "bids": [q for q in asked if q["is_bid"]],
        "asks": [q for q in asked if not q["is_bid"]],
        "funds": thousandths(lecture.funds(seat.organisation)),
        "model": _model(lecture, seat.organisation),
        "delivery": lecture.world.config.setting.delivery,
        "sent": seat.answers is not None,
    }


def _own_result(result: RoundResult, organisation: int) -> View:
    """Return the result of one organisation, and of the round only what is public."""
    whole = result_view(result)
    deals = result.played.deals
    appraisal = result.consult.prospects.appraisal
    trades = [
        {
            "bought": bought,
            "partner": int(partner[at]),
            "price": float(money[at]) / MICRO,
            "limit": float(limit[deals.row[at]]),
        }
        for bought, own, partner, money, limit in (
            (True, deals.buyer, deals.seller, deals.paid, appraisal.value),
            (False, deals.seller, deals.buyer, deals.received, appraisal.cost),
        )
        for at in np.flatnonzero(own == organisation)
    ]
    return {
        "number": result.number,
        "trades": trades,
        "by_hand": organisation in result.by_hand,
        "profit": float(result.played.profit[organisation]),
        "robot": float(result.robot_profit[organisation]),
        "truthful": float(result.truthful.profit[organisation]),
        "income": None if result.income is None else float(result.income[organisation]),
        "efficiency": whole["played"]["efficiency"],
        "robots_efficiency": whole["robots"]["efficiency"],
        "prices": sorted(whole["prices"]),
    }


def _model(lecture: Lecture, organisation: int) -> View:
    """Return how good an organisation's model is on the broker's validation data, and its account."""
    world = lecture.world
    balance = float(world.ledger.balances[organisation]) / MICRO
    if not isinstance(world, ParameterMarket):
        return {"balance": thousandths(balance)}
    return {"balance": thousandths(balance), "quality": float(world.quality[organisation])}
