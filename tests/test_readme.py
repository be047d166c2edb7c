"""What the README shows is so: its table, its examples, its commands' presets."""

import re
from pathlib import Path

import numpy as np
import pytest

import conf
from agents.strategies import STRATEGIES
from experiments.command_line.explaining.records import records_page
from experiments.command_line.listing import mechanism_table, strategy_table
from experiments.configuration.composition import compose_config, set_up_hydra
from markets.checks.conformance import check_mechanism
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders

FOLDER = Path(__file__).parents[1]
README = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block(word):
    """Return the one Python example that holds a word."""
    (found,) = [text for text in BLOCKS if word in text]
    return found


def composed(override):
    set_up_hydra()
    return compose_config([override])


@pytest.mark.parametrize(
    ("page", "table"),
    [("mechanisms", mechanism_table()), ("strategies", strategy_table()), ("records", records_page())],
)
def test_the_tables_are_what_the_code_says(page, table):
    """`parabourse list --markdown` and `parabourse explain records --markdown` print them."""
    assert table in (FOLDER / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert f"docs/{page}.md" in README


def test_every_mechanism_and_strategy_is_named():
    for name in [*MECHANISMS, *STRATEGIES]:
        assert f"`{name}`" in README


def test_the_presets_it_names_exist():
    folder = Path(conf.__file__).parent / "experiment"
    named = set(re.findall(r"experiment=(\w+)", README))
    assert named == {path.stem for path in folder.glob("*.yaml")}


def test_the_example_of_a_mechanism_conforms():
    exec(compile(block("class HalfWay"), "README", "exec"), {})
    try:
        rng = np.random.default_rng(0)
        buyer, listing = (a.ravel() for a in np.indices((4, 3)))
        bid, ask = rng.random((2, 12))
        for capacity in (1, 2, 10):
            orders = Orders.of(
                buyer=buyer,
                seller=listing + 4,
                listing=listing,
                bid=bid,
                ask=ask,
                capacity=np.full(12, capacity),
            )
            check_mechanism(MECHANISMS.build("half_way"), orders)
            assert len(MECHANISMS.build("half_way").clear(orders, rng)) > 0
        assert composed("mechanism=half_way").mechanism.name == "half_way"
    finally:
        MECHANISMS._classes.pop("half_way", None)


def test_the_example_of_a_strategy_trades():
    exec(compile(block("class Frugal"), "README", "exec"), {})
    try:
        assert STRATEGIES.build({"name": "frugal", "share": 0.2}).share == 0.2
        assert composed("population=frugal").population.mix == {"frugal": 4}
    finally:
        STRATEGIES._classes.pop("frugal", None)


def test_the_example_in_python_runs():
    names: dict = {}
    exec(compile(block("market = ParameterMarket").replace("range(5)", "range(2)"), "README", "exec"), names)
    assert {"welfare", "test_accuracy", "trades"} <= set(names["rounds"])
    assert len(names["rounds"]) == 2


@pytest.mark.parametrize("word", ["sim/market.py", "CITATION.cff", "docs/welfare.png"])
def test_the_files_it_names_exist(word):
    assert word in README
    assert (Path(__file__).parents[1] / word).exists()
