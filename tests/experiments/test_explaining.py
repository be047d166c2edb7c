"""`parabourse explain`: every key is documented, and what it prints is what the code holds."""

from typing import Annotated

import pytest
from omegaconf import OmegaConf
from pydantic import Field
from pydantic.dataclasses import dataclass

from agents.learning.training.optimisers import OPTIMISERS
from agents.strategies import STRATEGIES
from experiments.command_line.cli import main
from experiments.command_line.completion import candidates, choices
from experiments.command_line.explaining.command import COMMANDS, keys_of_command
from experiments.command_line.explaining.keys import keys_of
from experiments.command_line.explaining.kinds import kind_of
from experiments.configuration.choices import CONF
from experiments.configuration.composition import compose_config, set_up_hydra
from markets.choices import CHOICES
from markets.orders.venues import VENUES
from sim.data.datasets import DATASETS

# Composing what every command takes is the larger part of the work.
pytestmark = pytest.mark.xdist_group("explaining")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_is_documented(command):
    keys = keys_of_command(command)
    assert keys
    assert not [key for key in keys if not key.meaning.strip() or not key.kind.strip()]


def test_a_key_that_nobody_documents_has_no_meaning():
    @dataclass(frozen=True)
    class Lacking:
        """A configuration.

        Parameters
        ----------
        told : int
            What it is for.
        """

        told: int = 1
        silent: int = 2

    assert {key.path: key.meaning for key in keys_of(Lacking())} == {"told": "What it is for.", "silent": ""}


def test_no_key_of_a_composed_run_is_left_out():
    set_up_hydra()
    known = {key.path for key in keys_of_command("run")}
    composed = OmegaConf.structured(compose_config([]).broker)
    assert {f"broker.{name}" for name in composed} <= known
    for path in ("setting.demand.tau", "learning.optimiser.lr", "network.widths", "run.threads"):
        assert path in known


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Field(ge=1)], "whole number, at least 1"),
        (Annotated[float, Field(gt=0, lt=0.5)], "number, more than 0, less than 0.5"),
        (
            Annotated[int | None, Field(ge=1, le=1_000_000)],
            "whole number, at least 1, at most 1,000,000 or null",
        ),
        (Annotated[str, Field(pattern="^(a|b)$")], "one of a, b"),
        (list[bool], "list of true or false"),
        (dict[str, int], "mapping from names to whole number"),
        (tuple[float, float], "list of 2: number"),
    ],
)
def test_kinds_are_told_in_words(annotation, words):
    assert kind_of(annotation) == words


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["broker.alignment"], ["weight_matching", "default: weight_matching"]),
        (["tau"], ["setting.demand.tau", "at least 1e-09", "default: 0.05"]),
        (["mechanism.k"], ["of k_double_auction", "of assignment"]),
        (["mcafee"], ["Rule: with bids falling"]),
        (["venue"], ["choices: auto, bilateral, books, listings"]),
        (["sizes", "--of", "textbook mcafee"], ["at most 500"]),
        (["followers"], ["parabourse cross"]),
        (["Gini"], ["a metric", "Gini index"]),
        (["lorenz"], ["a figure"]),
        (["sizes"], ["endowment (data.endowment)", "data.sizes", "Relative sizes"]),
        (["quickstart"], ["a preset", "four duopolies"]),
        (["paid"], ["a column of the table organisations", "a column of the table trades", "credits"]),
        (["trades"], ["a metric", "trades.parquet", "realised_value"]),
        (["rounds"], ["Rounds to play", "rounds.parquet", "allocative_efficiency"]),
        (["records"], ["ledger.parquet", "micro-credits", "curves.parquet"]),
    ],
)
def test_the_command_tells(capsys, asked, told):
    assert main(["explain", *asked]) == 0
    printed = capsys.readouterr().out
    for part in told:
        assert part in printed


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["broker.alignmnt"], "broker.alignment"),
        (["seed", "--of", "walk"], "run, cross"),
        (["measured_valu"], "measured_value"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_near(capsys, asked, told):
    assert main(["explain", *asked]) == 2
    assert told in capsys.readouterr().err


def test_completion_offers_groups_choices_and_keys():
    assert "mechanism=" in candidates("mech")
    assert "mechanism=mcafee" in candidates("mechanism=mc")
    assert "broker.alignment=" in candidates("broker.ali")
    assert candidates("experiment=quick") == ["experiment=quickstart"]


REGISTRIES = {choice.group: choice.registry for choice in CHOICES.values() if choice.group} | {
    "learning": OPTIMISERS,
    "population": STRATEGIES,
    "data": DATASETS,
}


@pytest.mark.parametrize("group", [name.rstrip("=") for name in candidates("")])
def test_completion_offers_every_file_and_every_class(group):
    files = {path.stem for path in (CONF / group).glob("*.yaml")}
    registered = {*VENUES, "auto"} if group == "venue" else set(REGISTRIES.get(group, ()))
    assert choices(group) == sorted(files | registered) != []


def test_completion_offers_every_group_of_what_is_registered():
    of_others = {"schema/optimiser", "values", "costs"}
    assert REGISTRIES.keys() - of_others <= {name[:-1] for name in candidates("")}
