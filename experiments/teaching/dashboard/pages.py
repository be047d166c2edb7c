"""The pages: one market, two side by side, and a recorded run.

Step, play and Reset are the model controller of Mesa's `SolaraViz`. Its page is not used whole, for it
numbers its tabs instead of naming them, and lays them out in a grid that does not fit a telephone.
"""

# ruff: noqa: N802 - components are named as Solara names its own.

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import solara
from mesa.visualization.solara_viz import ModelController
from mesa.visualization.utils import update_counter
from pydantic import ValidationError

from experiments.command_line.sentences import one_sentence
from experiments.runs.runner import read_config
from experiments.teaching.dashboard.choices import Choices, Rule
from experiments.teaching.dashboard.controls import RuleControls, SharedControls
from experiments.teaching.dashboard.recordings import find_recordings, read_recording
from experiments.teaching.dashboard.stage import MOST_ROUNDS, Stage
from experiments.teaching.dashboard.story import CSS, Story
from markets.refusals import InputError

Made = TypeVar("Made")

RUNS = "PARABOURSE_RUNS"
"""The variable of the environment that names the folder of recorded runs."""


PAGES = {"Market": "/", "Compare": "/compare", "Replay": "/replay"}
"""The address of each page, by its tab in the bar."""


@solara.component
def Bar() -> None:
    """Show the name of the application, and the tabs that lead to its pages."""
    solara.Title("Parabourse")
    solara.Style(CSS)
    with solara.AppBar(), solara.lab.Tabs(align="center"):
        for name, path in PAGES.items():
            solara.lab.Tab(name, path_or_route=path)


@solara.component
def MarketPage() -> None:
    """Play one market."""
    Bar()
    choices, rule = solara.use_reactive(Choices()), solara.use_reactive(Rule())
    with solara.Sidebar():
        RuleControls("Market", rule)
        SharedControls(choices)
    Playing(choices.value, (rule.value,)).key(repr((choices.value, rule.value)))


@solara.component
def ComparisonPage() -> None:
    """Play two markets side by side, which share data, initial weights and random numbers."""
    Bar()
    choices = solara.use_reactive(Choices(licence="copies for everybody"))
    rules = (
        solara.use_reactive(Rule()),
        solara.use_reactive(Rule(mechanism="k_double_auction")),
    )
    with solara.Sidebar():
        RuleControls("Left", rules[0])
        RuleControls("Right", rules[1])
        SharedControls(choices)
    shown = tuple(rule.value for rule in rules)
    Playing(choices.value, shown).key(repr((choices.value, shown)))


@solara.component
def Playing(choices: Choices, rules: Sequence[Rule]) -> None:
    """Make the worlds, and step through them; made anew, with worlds of its own, for other choices.

    The worlds are made in a thread, and meanwhile the buttons are there but disabled: a click on those of the
    worlds before would be lost.
    """
    built = solara.lab.use_task(lambda: _build(choices, rules), dependencies=[], prefer_threaded=True)
    what = " | ".join(str(rule) for rule in rules)
    solara.HTML(
        tag="div",
        unsafe_innerHTML=f"{what}; {choices.organisations} organisations"
        '<span class="hint"> (controls: the menu ☰ above)</span>',
        classes=["current"],
    )
    if isinstance(built.value, Stage) and built.finished:
        Stepping(built.value, rules, choices.seed)
        return
    IdleButtons()
    if isinstance(built.value, str):
        solara.Error(built.value)
    else:
        solara.Info("Preparing the market...")


@solara.component
def IdleButtons() -> None:
    """Show the buttons of a market that is not there, where they will be."""
    with solara.Row(justify="space-between"):
        for label in ("Reset", "▶", "Step"):
            solara.Button(label, color="primary", disabled=True)


@solara.component
def Stepping(made: Stage, rules: Sequence[Rule], seed: int) -> None:
    """Step through worlds that are made, and show them."""
    model: solara.Reactive[Stage] = solara.use_reactive(made)
    interval = solara.use_reactive(100)
    rounds_a_step = solara.use_reactive(1)
    threads = solara.use_reactive(False)

    def stop_when_left() -> None:
        model.value.running = False

    solara.use_effect(lambda: stop_when_left, [])
    update_counter.get()
    stage = model.value
    ModelController(
        model,
        model_parameters={"markets": tuple(c.market for c in stage.chronicles), "seed": seed},
        play_interval=interval,
        render_interval=rounds_a_step,
        use_threads=threads,
    )
    if not stage.running:
        solara.Info(f"{MOST_ROUNDS} rounds are the most that are played here; Reset starts again.")
    Story(stage.chronicles, [str(rule) for rule in rules], stage.steps)


@solara.component
def ReplayPage() -> None:
    """Watch a recorded run."""
    Bar()
    root = Path(os.environ.get(RUNS, "runs"))
    found = solara.use_memo(lambda: find_recordings(root), [])
    name = solara.use_reactive("")
    if not found:
        solara.Info(f"There is no finished run under {root.resolve()}: parabourse run makes one.")
        return
    shown = name.value if name.value in found else next(iter(found))
    with solara.Sidebar(), solara.Card("Recorded run", margin=1):
        solara.Select("Run", list(found), shown, name.set)
    Recording(found[shown]).key(shown)


@solara.component
def Recording(folder: Path) -> None:
    """Choose a world of a recorded run, and show it."""
    arm, replicate = solara.use_reactive(""), solara.use_reactive(0)
    config = solara.use_memo(lambda: _attempt(lambda: read_config(folder)), [])
    if isinstance(config, str):
        solara.Error(f"This run cannot be shown: {config}.")
        return
    shown = arm.value if arm.value in config.arms else config.arms[-1]
    with solara.Sidebar(), solara.Card("World", margin=1):
        solara.Select("Arm", list(config.arms), shown, arm.set)
        solara.Select("Replicate", list(range(config.replicates)), replicate)
    World(folder, shown, replicate.value).key(f"{shown} {replicate.value}")


@solara.component
def World(folder: Path, arm: str, replicate: int) -> None:
    """Show a world of a recorded run."""
    chronicle = solara.use_memo(lambda: _attempt(lambda: read_recording(folder, arm, replicate)), [])
    if isinstance(chronicle, str):
        solara.Error(f"This run cannot be shown: {chronicle}.")
    else:
        Story([chronicle], [""], len(chronicle))


def _build(choices: Choices, rules: Sequence[Rule]) -> Stage | str:
    """Return the worlds, or a sentence on why they cannot be made."""
    try:
        return Stage(tuple(choices.market(rule) for rule in rules), choices.seed)
    except ValidationError as error:
        return f"These choices do not go together: {one_sentence(error)}."
    except InputError as error:
        sentence = one_sentence(error)
        return f"{sentence[0].upper()}{sentence[1:]}."


def _attempt(make: Callable[[], Made]) -> Made | str:
    """Return what is made, or a sentence on why it cannot be."""
    try:
        return make()
    except InputError as error:
        return one_sentence(error)
