"""Published experiments as presets: they resolve at every size, are paired, and go on where they stopped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import conf
from experiments.command_line.cli import main
from experiments.command_line.listing import preset_line
from experiments.configuration.choices import choices_of
from experiments.configuration.composition import check_world, compose_config, set_up_hydra
from experiments.studies.reproduction.arms import ARMS
from experiments.studies.reproduction.cells import RECORDS
from experiments.studies.reproduction.composition import compose_experiment
from experiments.studies.reproduction.convergence import convergence_table
from experiments.studies.reproduction.play import play_preset
from experiments.studies.reproduction.rate import rate_table
from experiments.studies.reproduction.summary import compare_arms, gains, summarise
from sim.baselines import BASELINES
from sim.data.datasets import DATASETS
from tests.experiments.conftest import whole_run
from tests.sim.test_datasets import write_cache

CONF = Path(conf.__file__).parent
PRESETS = sorted(path.stem for path in (CONF / "reproduction").glob("*.yaml"))
TINY = [
    "scale=digits8",
    "network=mlp",
    "network.widths=[8]",
    "data.examples=400",
    "replicates=2",
    "rounds=2",
    "arms=[silo,unaligned,aligned,fedavg,deep_ensemble,{name: half, baseline: fedprox, mu: [0.0, 0.5]}]",
    "vary={data.kept:[0.1,0.5]}",
    "targets=[2.0]",
]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The folder of a small experiment without its tables and figure, and its records."""
    folder = tmp_path_factory.mktemp("reproduction") / "skew"
    play_preset("skew", TINY, folder)
    return folder, pd.read_parquet(folder / "records.parquet")


@pytest.fixture(scope="module")
def drawn(played):
    """The same folder after the command, which plays no cell again."""
    folder = played[0]
    before = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    assert main(["reproduce", "skew", *TINY, "--output", str(folder)]) == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()} == before
    return folder


@pytest.mark.parametrize("command", ["figures", "report", "resume"])
def test_the_folder_of_an_experiment_is_refused_with_the_command_for_its_figures(played, command, capsys):
    folder = played[0]
    assert main([command, str(folder)]) == 2
    told = capsys.readouterr().err
    assert f"another command made: for its figures, parabourse reproduce skew --output {folder}" in told


def test_the_command_of_an_experiment_draws_its_figures_from_its_records(drawn):
    assert (drawn / "skew.png").is_file()
    for name in ("summary", "differences", "gains", "convergence"):
        assert len(pd.read_csv(drawn / f"{name}.csv"))


FEW = {("two_organisations", "mnist"), ("layers", "mnist"), ("towers", "mnist"), ("networks", "cifar10")}
FULL = [
    pytest.param(preset, scale, marks=[] if (preset, scale) in FEW else pytest.mark.slow)
    for preset in PRESETS
    for scale in ("mnist", "cifar10")
]


@pytest.mark.parametrize("organisations", [2, 5])
def test_presets_adapt_to_the_organisations(organisations):
    """There are no more groups of classes than organisations to hold them."""
    experiment = compose_experiment("three_organisations", [f"organisations={organisations}"])
    assert experiment.config.data.groups == min(3, organisations)
    for cell in experiment.cells:
        check_world(cell.arguments["config"].market(), 1, 0)


LAST = {
    "optimisers": "learning=sgd_plain",
    "operators": "merge_operator=dare",
    "merge_weight": "merge_weight=half",
}
"""Of presets that vary a group, the last choice alone: each takes a composition of its own."""


def of_one_choice(preset):
    key, _, last = LAST.get(preset, "").partition("=")
    return [f"vary={{{key}:[{last}]}}"] if key else []


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_resolves(preset):
    """Its file says its question and its command; what it varies in a group are choices of the group."""
    assert compose_experiment(preset, of_one_choice(preset)).config.replicates >= 5
    path = CONF / "reproduction" / f"{preset}.yaml"
    for group, choices in yaml.safe_load(path.read_text(encoding="utf-8")).get("vary", {}).items():
        if preset in LAST:
            assert set(choices) <= set(choices_of(group))
    assert f"#   parabourse reproduce {preset}\n" in path.read_text(encoding="utf-8")
    assert preset_line(path)


@pytest.mark.slow
@pytest.mark.parametrize("preset", LAST)
def test_every_choice_that_a_preset_varies_resolves(preset):
    assert len(compose_experiment(preset, []).cells) > 1


@pytest.mark.heavy
@pytest.mark.parametrize(("preset", "scale"), FULL)
def test_the_full_size_twin_of_every_preset_resolves(preset, scale):
    """With the data, batches and networks as published, whether the data are at hand or not."""
    dataset = "mnist_and_fashion" if preset == "towers" else scale
    shape = DATASETS["cifar10" if dataset == "cifar10" else "mnist"].shape
    for cell in compose_experiment(preset, [f"scale={scale}", *of_one_choice(preset)]).cells:
        assert (cell.arguments["config"].data.dataset, cell.arguments["config"].learning.batch_size) == (
            dataset,
            512,
        )
        cell.arguments["config"].market().network.bind(shape, 10)


def test_every_baseline_and_every_published_arm_has_a_name():
    assert set(BASELINES) <= set(ARMS)
    assert {"silo", "aligned", "unaligned", "competitive", "fedavg_late"} <= set(ARMS)


def test_silo_is_the_autarky_of_a_run_bit_for_bit(played):
    """Same seed, same data, same initial weights: what a run calls autarky, whatever arms are beside it."""
    set_up_hydra()
    config = compose_config(
        [
            "data=digits", "data.examples=400", "data.kept=0.5", "data.disjoint=false",
            "data.standardise=true", "setting.regions=2",
            "network=mlp", "network.widths=[8]", "learning=adam", "learning.batch_size=48", "organisations=2",
            "replicates=2", "rounds=2", "arms=[autarky,independent]", "mechanism=nash_bargaining",
            "broker.merge_weights=10", "broker.weight_range=[0.05,0.95]", "population.cash=1000",
        ]
    )  # fmt: skip
    run = whole_run(config)["organisations"]
    _, records = played
    for arm, setting in (("silo", "autarky"), ("aligned", "independent")):
        own = records[(records["arm"] == arm) & (records["data.kept"] == "0.5")]
        same = run[run["arm"] == setting].sort_values(["replicate", "round", "organisation"])
        for column in ("validation_loss", "test_loss", "test_accuracy"):
            np.testing.assert_array_equal(own[column], same[column])


def test_records_say_what_was_spent_and_bought(played):
    _, records = played
    assert list(records) == ["data.kept", "learning_rate", "chosen", *RECORDS]
    assert len(records) == 2 * 2 * 2 * 2 * 7
    last = records[records["round"] == 2].set_index("arm")
    assert (last.loc["silo", "bought"] == 0).all()
    assert (last.loc["fedavg", "bought"] == 2).all()
    flops = last.groupby("arm")["flops"].mean()
    assert flops["aligned"] > flops["silo"] == flops["fedavg"] == flops["deep_ensemble"]
    # 64-8-10: two first layers, and the rest at weight 0 and at ten more, on the broker's 80 examples
    stem, trunk = 2 * 64 * 8, 2 * 8 * 10
    assert (last["examples"] * (2 * stem + 3 * trunk))["silo"].tolist() == last.loc["silo", "flops"].tolist()
    traded = last.loc["aligned", "flops"] - last.loc["aligned", "examples"] * (2 * stem + 3 * trunk)
    assert set(traded) == {2 * 80 * (stem + 11 * trunk)}
    traded = records[(records["arm"] == "aligned") & records["gain"].notna()]
    assert (traded["gain"] > 0).all()
    assert traded["weight"].between(0.05, 0.95).all()


def test_validation_data_choose_the_strength_of_the_proximal_term(played):
    _, records = played
    for _, own in records[(records["arm"] == "half") & (records["round"] == 2)].groupby("data.kept"):
        loss = own.groupby("pull")["validation_loss"].mean()
        assert own.loc[own["chosen"], "pull"].unique().tolist() == [loss.idxmin()]


def test_the_summary_is_over_replicates_of_means_over_organisations(played):
    _, records = played
    keys = ["data.kept"]
    own = records[(records["data.kept"] == "0.1") & (records["round"] == 2)]
    accuracy = own[own["chosen"]].pivot_table(index="arm", columns="replicate", values="test_accuracy")
    table = summarise(records, keys).set_index(["data.kept", "arm", "measure"])
    assert table.loc[("0.1", "fedavg", "test_accuracy"), "mean"] == pytest.approx(
        accuracy.loc["fedavg"].mean()
    )
    difference = compare_arms(records, keys).set_index(["data.kept", "arm", "against", "measure"])
    row = difference.loc[("0.1", "fedavg", "silo", "test_accuracy")]
    expected = (accuracy.loc["fedavg"] - accuracy.loc["silo"]).to_numpy()
    half = 12.7062 * np.abs(expected[0] - expected[1]) / 2  # Student's t of one degree of freedom
    assert (row["mean"], row["high"]) == pytest.approx((expected.mean(), expected.mean() + half), abs=1e-4)
    of_one = gains(records, keys).set_index(["data.kept", "arm", "measure", "organisation"])
    loss = own[own["organisation"] == 1].groupby("arm")["test_loss"].mean()
    assert of_one.loc[("0.1", "aligned", "test_loss", 1), "mean"] == pytest.approx(
        loss["silo"] - loss["aligned"]
    )


@pytest.mark.slow
def test_numbers_do_not_depend_on_who_shares_the_work(played, tmp_path):
    pd.testing.assert_frame_equal(play_preset("skew", [*TINY, "jobs=2"], tmp_path / "shared"), played[1])


def test_what_converged_and_how_fast_by_hand():
    """Two organisations; silo needs 2 and 4 rounds, the market 1 and 2, and a third target is missed."""
    losses = {"silo": ([3, 1.9, 1, 1], [3, 2.5, 2.1, 2]), "aligned": ([2, 1, 1, 1], [2.5, 2, 1, 1])}
    rows = [
        {"arm": arm, "replicate": r, "organisation": o, "round": n, "validation_loss": loss}
        for arm, each in losses.items()
        for r in range(2)
        for o, curve in enumerate(each)
        for n, loss in enumerate(curve, 1)
    ]
    records = pd.DataFrame(rows).assign(chosen=True, examples=lambda t: 10 * t["round"], flops=1.0)
    table = convergence_table(records, [], [2.0, 0.5]).set_index(["target", "arm", "cost"])
    row = table.loc[("2", "aligned", "round")]
    assert (row["mean"], row["reached"], row["ratio"], row["n"]) == (1.5, 1, 0.5, 2)
    assert table.loc[("2", "silo", "examples"), "mean"] == 30
    assert table.loc[("0.5", "aligned", "round"), "reached"] == 0
    assert np.isnan(table.loc[("0.5", "aligned", "round"), "mean"])
    # silo's own least losses are 1 and 2, reached in rounds 3 and 4; in the market in rounds 2 and 2
    assert table.loc[("silo", "silo", "round"), "mean"] == 3.5
    assert table.loc[("silo", "aligned", "round"), "mean"] == 2


def test_the_slope_of_gradients_that_fall_as_theory_bounds():
    rows = [
        {"rounds": str(T), "arm": "silo", "replicate": r, "round": n, "gradient": (r + 1) / np.sqrt(T)}
        for T in (4, 16, 64)
        for r in range(2)
        for n in range(1, T + 1)
    ]
    (found,) = rate_table(pd.DataFrame(rows).assign(chosen=True)).to_dict("records")
    assert found["slope"] == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["nothing"], "reproduction must be one of"),
        (
            ["skew", "data.kept=0.3"],
            "data.kept varies in preset skew: set its values with vary={data.kept:[...]}",
        ),
        (["start", "data.kept=0.1,0.2"], "what varies is in vary={KEY:[...]}"),
        (["start", "vary={colour:[1]}"], "vary must name keys or groups that can be set; got colour"),
        (["start", "vary={data.kept:[]}"], "vary.data.kept must name at least one value"),
        (["start", "arms=[silos]"], "arms must be among silo, "),
        (["start", "arms=[{name: mine, pace: 2}]"], "either a baseline or a setting"),
        (["start", "replicates=1"], "replicates must be greater than or equal to 2; got 1"),
        (
            ["start", "broker.blocks=layer9"],
            "broker.blocks must be one of chosen, layers, model, trunk, or among layer0",
        ),
        (
            ["start", "--multirun"],
            "parabourse reproduce takes KEY=VALUE and --output FOLDER; got '--multirun'",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_one_sentence(typed, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *typed]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
def test_a_full_size_twin_starts_when_the_data_are_in_the_cache(tmp_path):
    """The cache holds 120 images in MNIST's format, made by hand."""
    draw = np.random.default_rng(0)
    targets = ["a", "b", "c"] * 40
    pixels = draw.integers(0, 256, size=(120, 784))
    write_cache(tmp_path / "cache", 554, pixels, targets)
    typed = [
        "scale=mnist",
        f"data.data_home={tmp_path / 'cache'}",
        "rounds=6",
        "replicates=2",
        "data.validation=0.2",
    ]
    records = play_preset("two_organisations", typed, tmp_path / "run")
    assert set(records["arm"]) == set(compose_experiment("two_organisations", []).config.arm_names)
    bought = records[records["arm"] == "fedavg_late"].groupby("round")["bought"].max()
    assert bought.tolist() == [0, 0, 0, 0, 1, 2]  # trading starts with the fifth epoch
    assert np.isfinite(records["test_loss"]).all()
