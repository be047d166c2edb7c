"""Every preset resolves; run small, it plays; and the claims made for it hold."""

from pathlib import Path

import pytest

import conf
from agents.learning.training.optimisers import OPTIMISERS
from agents.strategies import STRATEGIES
from experiments.command_line.completion import candidates, choices
from experiments.configuration.choices import choices_of
from experiments.configuration.composing import composing
from experiments.configuration.composition import check_world, compose_config, parse_cells, set_up_hydra
from experiments.findings.statistics import paired_interval
from experiments.findings.summary import METRICS, summarise
from experiments.studies.cross.composition import compose_cross
from markets.choices import CHOICES as CHOSEN
from markets.orders.venues import VENUES
from sim.data.datasets import DATASETS
from sim.records.tables import OPTIONAL_TABLES, TABLES
from tests.experiments.conftest import whole_run

CONF = Path(conf.__file__).parent
PRESETS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
GROUPED = {"mixed_networks"}
"""Those whose groups count organisations, and have shares of the data of their own."""
ADAPTING = [preset for preset in PRESETS if preset not in GROUPED]


@pytest.fixture(autouse=True, scope="module")
def _hydra():
    set_up_hydra()


def composed_as_cells(typed):
    """Return configurations as sweeps compose them: once for every choice of groups."""
    with composing():
        return parse_cells(typed)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_plays_in_small(preset):
    config = compose_config(
        [f"experiment={preset}", "rounds=2", "replicates=2", "learning.local_epochs=1", "network.widths=[8]"]
    )
    tables = whole_run(config)
    assert set(tables) - set(OPTIONAL_TABLES) == set(TABLES)
    findings = summarise(config, tables)
    assert set(findings.table["metric"]) <= set(METRICS)
    assert set(findings.table["arm"]) == set(config.arms)


@pytest.mark.parametrize("preset", ADAPTING)
def test_presets_adapt_to_the_organisations(preset):
    """Whatever follows from their number follows it: groups of classes, pairs of rivals, who follows what."""
    numbers = [2, 3, 20]
    typed = [[f"experiment={preset}", "population=free_rider", f"organisations={n}"] for n in numbers]
    for organisations, config in zip(numbers, composed_as_cells(typed), strict=True):
        assert config.organisations == organisations
        assert sum(config.population.mix.values()) == organisations
        check_world(config.market(), 1, 0)


@pytest.mark.parametrize("preset", ADAPTING)
def test_presets_adapt_to_the_endowment(preset):
    """Shares that are drawn have no sizes."""
    drawn = compose_config([f"experiment={preset}", "data=digits_dirichlet"])
    assert drawn.data.sizes == []
    check_world(drawn.market(), 1, 0)
    if preset == "quickstart":
        assert compose_config([f"experiment={preset}"]).data.sizes == [4.0, 1.0]
        assert compose_config([f"experiment={preset}", "data.sizes=[3,1]"]).data.sizes == [3.0, 1.0]


@pytest.mark.parametrize("preset", sorted(GROUPED))
def test_presets_with_groups_say_what_they_do_not_adapt_to(preset):
    for typed, told in (
        ("organisations=3", r"population.groups must count as many organisations as there are \(3\)"),
        ("data.endowment=dirichlet", "share of a group must be 1 for endowment dirichlet"),
    ):
        with pytest.raises(ValueError, match=told):
            compose_config([f"experiment={preset}", typed])


@pytest.mark.parametrize("organisations", [2, 3, 9])
def test_the_cross_table_adapts_to_the_organisations(organisations):
    config, _ = compose_cross([f"organisations={organisations}"])
    assert config.followers == min(2, organisations - 1)


CHOICES = {
    group: choices(group)
    for group in (offered.rstrip("=") for offered in candidates(""))
    if group not in ("experiment", "broker", "venue")
}


@pytest.mark.parametrize("place", range(max(len(choices) for choices in CHOICES.values())))
def test_every_choice_of_every_group_resolves(place):
    """Composing takes long: the first choices of all groups go together, then the second, and so on."""
    typed = [f"{group}={choices[place]}" for group, choices in CHOICES.items() if place < len(choices)]
    assert compose_config(typed).organisations == 4


@pytest.mark.parametrize("group", ["broker", "venue"])
def test_every_broker_and_venue_resolves_with_a_mechanism_that_serves_it(group):
    served = {"bilateral": "nash_bargaining", "books": "k_double_auction", "bundles": "vcg_bundles"}
    for choice in choices(group):
        needs = [f"mechanism={served[choice]}"] if choice in served else []
        assert compose_config([f"{group}={choice}", *needs]).organisations == 4


@pytest.mark.parametrize(
    ("network", "signature"),
    [
        ("resnet20", "resnet:3x32x32-16x6-22-10"),
        ("resnet50", "resnet:3x32x32-16x6-52-10"),
        (
            "vgg16",
            "vgg:3x32x32-64.64-128.128-256.256.256-512.512.512-512.512.512-10",
        ),
    ],
)
def test_networks_of_full_size_fit_photographs(network, signature):
    """Whether the photographs are at hand or not."""
    config = compose_config([f"network={network}", "data=cifar10"])
    shape = DATASETS[config.data.dataset].shape
    assert config.market().network.bind(shape, 10).signature == signature


def test_every_component_has_a_choice():
    registries = {
        one.group: one.registry for one in CHOSEN.values() if one.group not in ("", "schema/optimiser")
    }
    others = {"learning": OPTIMISERS, "population": STRATEGIES, "data": DATASETS, "venue": VENUES}
    for group, registry in (registries | others).items():
        assert set(registry) <= set(choices_of(group))


def test_alignment_raises_gains_between_networks_from_different_starts():
    """Ainsworth, Hayase and Srinivasa 2023: networks trained apart merge better once their units match."""
    gains = []
    for alignment in ("weight_matching", "none"):
        config = compose_config(
            ["experiment=alignment", "arms=[independent]", "replicates=5", f"broker.alignment={alignment}"]
        )
        gains.append(summarise(config, whole_run(config)).replicates["trial_gain"].to_numpy())
    assert paired_interval(*gains).low > 0


@pytest.mark.slow
def test_quickstart_in_full():
    """Markets beat autarky in accuracy; cooperation yields at least the welfare of competition."""
    config = compose_config(["experiment=quickstart"])
    tables = whole_run(config)
    findings = summarise(config, tables)
    for arm in ("independent", "competitive", "cooperative"):
        assert findings.value(arm, "accuracy_gain").low > 0
    assert findings.value("cooperative", "welfare").mean >= findings.value("competitive", "welfare").mean
    assert findings.value("competitive", "withheld").mean > 0
    assert (tables["trades"]["paid"] <= tables["trades"]["bid"]).all()
    assert (tables["trades"]["received"] >= tables["trades"]["reserve"]).all()
