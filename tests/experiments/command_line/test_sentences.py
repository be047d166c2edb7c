"""What was given gets a sentence; a fault in code, a user's own above all, gets its traceback."""

import ast
import sys
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.truthful import Truthful
from experiments.command_line.cli import main
from markets.mechanisms.auctions.first_price import FirstPrice
from markets.refusals import InputError

TINY = ["run", "organisations=2", "rounds=2", "replicates=1", "data.examples=300", "network.widths=[4]"]
MIX = "population.mix={broken:2}"
LAYERS = ("markets", "agents", "sim", "experiments")


@dataclass(frozen=True)
class Broken(Truthful):
    """Fails where it bids."""

    name: str = "broken"
    how: str = "value"

    def bid(self, view):
        if self.how == "file":
            return Path("prices of mine.csv").read_text()
        if self.how == "input":
            raise InputError("prices must be mine; got others")
        return int("a dozen")


def no_clearing(mechanism, orders, rng):
    return float("a fair price")


@pytest.fixture(autouse=True)
def _user_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["parabourse"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setitem(STRATEGIES._classes, "broken", Broken)


def run(*overrides):
    with pytest.raises(SystemExit) as ended:
        main([*TINY, *overrides])
    return ended.value.code


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("value", "ValueError: invalid literal for int() with base 10: 'a dozen'"),
        ("file", "FileNotFoundError: [Errno 2] No such file or directory: 'prices of mine.csv'"),
    ],
)
def test_an_error_in_a_users_strategy_has_its_traceback(how, told, capfd):
    assert run(MIX, f"+population.parameters.broken.how={how}") == 1
    shown = capfd.readouterr().err
    assert told in shown
    assert f'File "{__file__}", line' in shown
    assert "in bid" in shown


def test_an_error_in_a_users_mechanism_has_its_traceback_when_a_run_goes_on(capfd, monkeypatch):
    """`resume` is no application of Hydra, so that the error ends the interpreter as any other does."""
    monkeypatch.setattr(FirstPrice, "clear", no_clearing)
    assert run("mechanism=first_price") == 1
    folder = next(Path("runs").rglob("config.yaml")).parent
    with pytest.raises(ValueError, match="a fair price") as fault:
        main(["resume", str(folder)])
    assert not isinstance(fault.value, InputError)
    assert fault.traceback[-1].path == Path(__file__)


def test_what_user_code_refuses_is_a_sentence_unless_the_full_error_is_asked_for(capfd, monkeypatch):
    assert run(MIX, "+population.parameters.broken.how=input") == 2
    assert capfd.readouterr().err.strip() == "parabourse: prices must be mine; got others."
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(InputError, match="prices must be mine"):
        main([*TINY, MIX, "+population.parameters.broken.how=input"])


def test_the_full_error_of_a_bad_key_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match="rounds"):
        main([*TINY, "rounds=0"])


@pytest.mark.parametrize("layer", LAYERS)
def test_no_code_of_ours_raises_an_error_that_is_taken_for_a_users_fault(layer):
    """A plain ``ValueError`` of ours would be shown with a traceback where a sentence was meant."""
    root = Path(__file__).parents[3] / layer
    texts = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    assert texts
    found = [
        f"{path}:{node.lineno}"
        for path, text in texts.items()
        if "ValueError" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        if isinstance(node.exc.func, ast.Name) and node.exc.func.id == "ValueError"
    ]
    assert found == []
