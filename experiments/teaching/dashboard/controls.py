"""The controls: what is to be played.

Core Objects: SharedControls, RuleControls
"""

# ruff: noqa: N802 - components are named as Solara names its own.

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import solara

from agents.strategies import STRATEGIES
from experiments.command_line.listing import first_line
from experiments.teaching.dashboard.choices import (
    ALIGNMENT,
    FIRST_OF_VENUE,
    FOLLOWERS,
    LICENCES,
    ORGANISATIONS,
    PASSES,
    RIVALRY,
    SETTINGS_WITH_A_MARKET,
    SIZES,
    SKEW,
    TOUGHNESS,
    Choices,
    Rule,
    mechanisms_of,
    strategies,
)
from markets.mechanisms import MECHANISMS
from sim.settings import SETTINGS


@solara.component
def SharedControls(choices: solara.Reactive[Choices]) -> None:
    """Choose what all worlds on the page have in common."""

    def choose(name: str) -> Callable[[Any], None]:
        return lambda value: choices.set(replace(choices.value, **{name: value}))

    now = choices.value
    with solara.Card("Organisations", margin=1):
        solara.Select("Organisations", list(ORGANISATIONS), now.organisations, choose("organisations"))
        solara.Select("Strategy", strategies(), now.strategy, choose("strategy"))
        _explain(STRATEGIES[now.strategy].__doc__)
        if now.strategy != "truthful":
            solara.Select(
                "Who follows it (the others tell the truth)",
                list(FOLLOWERS),
                now.followers,
                choose("followers"),
            )
        solara.Select("Passes over own examples a round", list(PASSES), now.passes, choose("passes"))
        solara.InputInt("Seed", now.seed, choose("seed"))
    with solara.Card("Data", margin=1):
        solara.Select("Skew: what is known of the other classes", list(SKEW), now.skew, choose("skew"))
        solara.Select("Sizes of endowments", list(SIZES), now.sizes, choose("sizes"))
    with solara.Card("Consumers and broker", margin=1):
        solara.Select("Rivalry: who shares consumers", list(RIVALRY), now.rivalry, choose("rivalry"))
        solara.Select("Competition", list(TOUGHNESS), now.toughness, choose("toughness"))
        solara.Select(
            "Licence: how often a block is sold a round", list(LICENCES), now.licence, choose("licence")
        )
        if LICENCES[now.licence] == "copy":
            _note("With unlimited copies nobody competes for a block, so its price falls to the ask.")
        solara.Select("Alignment before merging", list(ALIGNMENT), now.alignment, choose("alignment"))


@solara.component
def RuleControls(title: str, rule: solara.Reactive[Rule]) -> None:
    """Choose setting, venue and mechanism; a venue has mechanisms of its own."""

    def choose(**changes: str) -> None:
        rule.set(replace(rule.value, **changes))

    now = rule.value
    with solara.Card(title, margin=1):
        solara.Select(
            "Setting",
            list(SETTINGS_WITH_A_MARKET),
            now.setting,
            lambda setting: choose(setting=setting),
        )
        _explain(SETTINGS[now.setting].__doc__)
        solara.Select(
            "Venue",
            list(FIRST_OF_VENUE),
            now.venue,
            lambda venue: choose(mechanism=FIRST_OF_VENUE[venue]),
        )
        solara.Select(
            "Mechanism",
            mechanisms_of(now.venue),
            now.mechanism,
            lambda mechanism: choose(mechanism=mechanism),
        )
        _explain(MECHANISMS[now.mechanism].__doc__)


def _explain(doc: str | None) -> None:
    _note(first_line(doc))


def _note(sentence: str) -> None:
    solara.Text(sentence, style={"font-size": "0.85rem", "color": "#555555"})
