import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest
from omegaconf import OmegaConf
from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from markets.mechanisms import MECHANISMS, Mechanism
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.refusals import InputError


def test_names():
    assert list(MECHANISMS) == [
        "all_pay",
        "ascending_assignment",
        "assignment",
        "chatterjee_samuelson",
        "clarke_pivot",
        "continuous_double_auction",
        "dop",
        "first_price",
        "k_double_auction",
        "kalai_smorodinsky",
        "lindahl",
        "mcafee",
        "monopoly_price",
        "moulin",
        "muda",
        "myerson",
        "myerson_satterthwaite",
        "nash_bargaining",
        "posted_price",
        "private_bargaining",
        "provision_point",
        "reserve_auction",
        "rsop",
        "rubinstein",
        "sbba",
        "second_price",
        "take_it_or_leave_it",
        "trade_reduction",
        "two_sided_vcg",
        "vcg_bundles",
        "voluntary_contributions",
    ]


def wrong_clear():
    def clear(self, orders):
        return orders

    return {"clear": clear}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (wrong_clear(), r"clear must take \(self, orders, rng\); got \(self, orders\)"),
        ({"venue": "bazaar"}, "venue must be one of listings, books, bilateral; got 'bazaar'"),
        ({"properties": "many"}, "must define the property `properties`"),
        ({"__doc__": None}, "must have a docstring"),
    ],
)
def test_a_wrong_mechanism_fails_when_it_registers(body, sentence):
    fields = {"__doc__": "A rule.", "__annotations__": {"name": str}, "name": "wrong"}
    cls = dataclass(frozen=True)(type("Wrong", (FirstPrice,), fields | body))
    with pytest.raises(TypeError, match=sentence):
        MECHANISMS.register(cls)
    assert "wrong" not in MECHANISMS


def test_a_mapping_without_a_name_is_refused_with_the_names():
    with pytest.raises(InputError, match=r"must be given by its name, one of all_pay, .*; got \{'k': 0.5\}"):
        MECHANISMS.build({"k": 0.5})


def test_where_docstrings_are_dropped_none_is_asked_for(monkeypatch):
    """Under ``python -OO`` no class has one; a dataclass may then have its signature."""
    fields = {"__annotations__": {"name": str}, "name": "silent"}
    for told in (None, "Silent(name: str = 'silent')"):
        silent = dataclass(frozen=True)(type("Silent", (FirstPrice,), fields | {"__doc__": told}))
        with pytest.raises(TypeError, match="mechanism Silent must have a docstring"):
            MECHANISMS.check(silent)
        monkeypatch.setattr(sys, "flags", SimpleNamespace(optimize=2))
        MECHANISMS.check(silent)
        monkeypatch.undo()


def test_an_unfinished_mechanism_fails_when_it_registers():
    @dataclass(frozen=True)
    class Unfinished(Mechanism):
        """A rule without clear."""

        name: str = "unfinished"
        venue: ClassVar[str] = "listings"

    with pytest.raises(TypeError, match="must extend Mechanism and define clear, properties"):
        MECHANISMS.register(Unfinished)


def test_a_name_is_taken_once():
    class Other(FirstPrice):
        """Another rule."""

    with pytest.raises(TypeError, match="registered twice"):
        MECHANISMS.register(dataclass(frozen=True)(Other))
    assert MECHANISMS["first_price"] is FirstPrice
    # As a module leaves it that is executed again.
    assert MECHANISMS.register(FirstPrice) is FirstPrice


@pytest.mark.parametrize("name", list(MECHANISMS))
def test_parameters_are_a_structured_configuration(name):
    assert OmegaConf.structured(MECHANISMS[name]).name == name
    assert MECHANISMS.build(name).name == name
    assert MECHANISMS.build(name).properties.reference


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "k_double_auction", "k": 1.5},
        {"name": "k_double_auction", "k": float("nan")},
        {"name": "posted_price", "price": -1.0},
        {"name": "nash_bargaining", "disagreement": "sulk"},
        {"name": "first_price", "price": 1.0},
        {"name": "provision_point", "excess": "burn"},
        {"name": "clarke_pivot", "cost": -1.0},
        {"name": "assignment", "k": -0.1},
        {"name": "ascending_assignment", "increment": float("inf")},
        {"name": "reserve_auction", "reserve": float("nan")},
        {"name": "reserve_auction", "reserve": float("inf")},
        {"name": "reserve_auction", "reserve": -0.1},
        {"name": "reserve_auction", "reserve": None},
        {"name": "reserve_auction", "reserve": True},
        {"name": "reserve_auction", "reserve": {"name": "uniform", "low": 1.0, "high": 1.0}},
        {"name": "monopoly_price", "prior": "normal"},
        {"name": "monopoly_price", "prior": 0.5},
        {"name": "myerson", "prior": "past_bids"},
        {"name": "myerson", "priors": {0: {"name": "empirical", "sample": [1.0]}}},
    ],
)
def test_parameters_out_of_range_are_refused(spec):
    with pytest.raises(ValidationError):
        MECHANISMS.build(spec)
