"""docs/data.md: its files are made, and every command finds data that can be learnt from and divided."""

import re
import shlex
from pathlib import Path

import pytest

from experiments.configuration.composition import check_run, set_up_hydra
from parabourse import ParameterMarket
from sim.config.data import load_examples
from sim.data.datasets import DATASETS
from sim.data.endowments import ENDOWMENTS
from tests.test_documents import write_data

FILE = Path(__file__).parents[1] / "docs" / "data.md"
PAGE = FILE.read_text(encoding="utf-8")
LINES = re.findall(r"^    parabourse run (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The files that the page makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("data"))
        write_data(FILE)
        yield


@pytest.mark.parametrize("line", LINES)
def test_every_command_finds_its_data(line):
    set_up_hydra()
    check_run(shlex.split(line, comments=True))


def test_the_line_of_python_plays():
    (typed,) = re.findall(r"`ParameterMarket\((.*?)\)`", PAGE)
    market = eval(f"ParameterMarket({typed})", {"ParameterMarket": ParameterMarket})
    market.step()
    assert load_examples(market.config.data).organisation_names == ("north", "south", "west")


def test_every_dataset_and_rule_is_named():
    assert len(LINES) == 8
    for name in [*DATASETS, *ENDOWMENTS]:
        assert f"`{name}`" in PAGE
