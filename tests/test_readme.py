"""What the README shows is so: its table, its examples, its commands' presets."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import conf
from agents.conformance import check_strategy
from agents.learning.networks import NETWORKS
from agents.learning.operators import MERGE_OPERATORS, Operands
from agents.learning.operators.conformance import check_operator
from agents.strategies import STRATEGIES
from experiments.command_line.explaining.records import records_page
from experiments.command_line.listing import mechanism_table, strategy_table
from experiments.configuration.composition import compose_config, set_up_hydra
from markets.checks.conformance import check_mechanism
from markets.mechanisms import MECHANISMS
from markets.orders.orders import Orders
from sim.data.conformance import check_dataset
from sim.data.datasets import DATASETS
from sim.market import ParameterMarket
from sim.settings import SETTINGS
from sim.settings.conformance import check_setting

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
        check_strategy(STRATEGIES.build("frugal"))
        assert composed("population=frugal").population.mix == {"frugal": 4}
    finally:
        STRATEGIES._classes.pop("frugal", None)


CHECKS = {MERGE_OPERATORS: check_operator, DATASETS: check_dataset, SETTINGS: check_setting}
TINY = ["organisations=2", "rounds=2", "data.endowment=class_skew", "network.widths=[8]"]


@pytest.mark.parametrize(
    ("registry", "name", "typed"),
    [
        (NETWORKS, "shallow", ["network=shallow", *TINY[:-1]]),
        (MERGE_OPERATORS, "clipped", ["merge_operator=clipped", *TINY]),
        (DATASETS, "wine", ["data=wine", *TINY]),
        (SETTINGS, "carefree", ["setting=carefree", *TINY]),
    ],
)
def test_the_example_of_a_component_trades(registry, name, typed):
    exec(compile(block(f"class {name.title()}"), "README", "exec"), {})
    try:
        if registry in CHECKS:
            CHECKS[registry](registry.build(name))
        set_up_hydra()
        config = compose_config(typed)
        market = ParameterMarket(config.market(), seed=0)
        for _ in range(2):
            market.step()
        assert len(market.report.tables["trials"]["gain"]) == 2
        assert market.datacollector.get_model_vars_dataframe()["trades"].sum() > 0
        architecture = market.laboratory.architecture
        inputs, plain = market.laboratory.materials.inputs[:3], market.agents[0].network()
        answers = architecture.forward(market.laboratory.fleet.models, inputs)[0].T
        torch.testing.assert_close(answers, plain.eval()(inputs))
        if registry is MERGE_OPERATORS:
            own, other = {"a": torch.zeros(1, 2)}, {"a": torch.tensor([[0.05, -3.0]])}
            merged = MERGE_OPERATORS.build(name).merge(Operands(own, other), torch.ones(1))
            assert merged["a"].tolist() == [pytest.approx([0.05, -0.1])]
    finally:
        registry._classes.pop(name, None)


def test_the_example_in_python_runs():
    names: dict = {}
    exec(compile(block("market = ParameterMarket").replace("range(5)", "range(2)"), "README", "exec"), names)
    assert {"welfare", "test_accuracy", "trades"} <= set(names["rounds"])
    assert len(names["rounds"]) == 2


@pytest.mark.parametrize("word", ["sim/market.py", "CITATION.cff", "docs/welfare.png"])
def test_the_files_it_names_exist(word):
    assert word in README
    assert (Path(__file__).parents[1] / word).exists()
