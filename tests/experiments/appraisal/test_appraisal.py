"""Appraisals are the trials of a market, to the bit, and need no market."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from experiments.appraisal.appraisal import appraise, barrier
from experiments.appraisal.composition import compose_setup
from experiments.appraisal.figure import draw_appraisal
from experiments.command_line.cli import main
from parabourse import load_model
from sim.cohort import Cohort
from sim.saved_models.fitting import read_model
from sim.saved_models.model_file import content_of, encoded
from sim.saved_models.saving import MarketModels, files_of
from tests.experiments.conftest import refused
from tests.experiments.test_saved_models import metadata_of
from tests.sim.conftest import small

pytestmark = pytest.mark.xdist_group("run folders")
SKEWED = {"examples": 300, "endowment": "class_skew", "kept": 0.3}
FAST = {"optimiser": {"name": "adamw", "lr": 0.03}, "local_epochs": 2}
WORLDS = {
    "interpolation, weak trials, own units": {
        "data": {**SKEWED, "standardise": True},
        "broker": {"trials": "weak", "trial_classes": 6},
    },
    "unaligned, parabola": {"broker": {"alignment": "none", "weight_search": "quadratic"}},
    "batch normalised": {"network": {"name": "vgg", "stages": [[4]]}, "organisations": 2},
    "fisher, golden section": {
        "broker": {"weight_search": "golden"},
        "learning": {"merge_operator": "fisher"},
    },
    "regmean": {"learning": {"merge_operator": {"name": "regmean", "examples": 40}}},
    "ties from one start": {"learning": {"merge_operator": "ties", "same_start": True}},
    "dare": {"learning": {"merge_operator": "dare"}},
    "soup of two tasks": {
        "data": {"dataset": "digits_and_parity", "examples": 300, "endowment": "iid"},
        "learning": {"merge_operator": "uniform_soup"},
    },
}


@pytest.mark.parametrize("world", WORLDS)
def test_an_appraisal_finds_what_the_trial_of_a_run_found(world, tmp_path):
    """Loss before and after, gain and weight, of every pair of a replicate in the second round."""
    choices = {"organisations": 3, "data": SKEWED} | WORLDS[world]
    choices["learning"] = FAST | choices.get("learning", {})
    cohort = Cohort(small(**choices), ("autarky", "competitive"), replicates=2, seed=5)
    market = MarketModels(cohort)
    cohort.step()
    table = cohort.step(market.watch)["trials"]
    paths = {}
    for name, write in files_of(cohort, market.kept):
        paths[name] = tmp_path / name.replace("/", "-")
        write(paths[name])
    trials = table[(table["arm"] == "competitive") & (table["replicate"] == 1)]
    assert len(trials) == choices["organisations"] * (choices["organisations"] - 1)
    assert trials["gain"].max() > 0
    for trial in trials.iloc[:: max(1, len(trials) // 3)].to_dict("records"):
        pair = [
            read_model(paths[f"models/competitive/1/organisation_{trial[side]:02d}.safetensors"])
            for side in ("buyer", "seller")
        ]
        setup = compose_setup(*pair, [])
        assert setup.remarks == ()
        own = dataclasses.replace(setup, operator=setup.config.learning.merge_operator.name)
        found = appraise(*pair, own).operators.iloc[0]
        for column in ("loss_before", "loss_after", "gain", "weight"):
            assert found[column] == trial[column], column
        assert found["test_loss_before"] > 0


@pytest.fixture(scope="module")
def pair(saved_run):
    """The files of a buyer and a seller as they came to the market of the last round."""
    folder = saved_run / "models/rounds/0002/competitive/0"
    return folder / "organisation_00.safetensors", folder / "organisation_01.safetensors"


@pytest.fixture(scope="module")
def appraised(pair, tmp_path_factory):
    """The folder of an appraisal by command, with the merged model."""
    folder = tmp_path_factory.mktemp("appraised")
    given = [*map(str, pair), "--save", str(folder / "merged.safetensors"), "--output", str(folder)]
    assert main(["appraise", *given, "merge_operator=interpolation"]) == 0
    return folder


def read(folder, name):
    return pd.read_csv(folder / f"{name}.csv")


def test_the_command_writes_the_trial_and_saves_what_the_purchase_delivered(pair, appraised, saved_run):
    trials = pd.read_parquet(saved_run / "trials.parquet")
    [trial] = trials.query("arm == 'competitive' and round == 2 and buyer == 0").to_dict("records")
    aligned, unaligned = read(appraised, "operators").to_dict("records")
    assert [aligned["alignment"], unaligned["alignment"]] == ["weight_matching", "none"]
    for column in ("loss_before", "loss_after", "gain", "weight"):
        assert aligned[column] == trial[column]
    assert trial["traded"]
    merged, bought = (
        load_file(appraised / "merged.safetensors"),
        load_file(saved_run / "models/competitive/0" / pair[0].name),
    )
    assert all(torch.equal(merged[name], leaf) for name, leaf in bought.items())
    told = metadata_of(appraised / "merged.safetensors")
    assert json.loads(told["merged"]) == {
        "operator": "interpolation",
        "weight": trial["weight"],
        "buyer": metadata_of(pair[0])["content"],
        "seller": metadata_of(pair[1])["content"],
    }
    assert json.loads(told["lineage"]) == [0, 1]
    assert load_model(appraised / "merged.safetensors")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    assert {path.name for path in appraised.iterdir()} >= {"appraisal.png", "appraisal.svg", "appraisal.json"}


def test_tables_agree_with_each_other(appraised):
    operators, curves, classes = (read(appraised, name) for name in ("operators", "curves", "classes"))
    for row in operators.to_dict("records"):
        curve = curves[curves["alignment"] == row["alignment"]]
        assert curve["weight"].tolist() == np.linspace(0, 1, 11).tolist()
        assert curve["loss"].min() == pytest.approx(row["loss_after"], abs=1e-12)
        assert row["barrier"] == pytest.approx(barrier(curve["weight"].to_numpy(), curve["loss"].to_numpy()))
    assert set(classes["model"]) == {"buyer", "seller", "interpolation", "interpolation, unaligned"}
    # Every class has eight test examples or so, each counts once.
    weights = classes.groupby("model")["accuracy"].mean()
    assert weights["buyer"] == pytest.approx(operators["score_before"][0], abs=0.03)


def test_every_operator_is_tried_and_the_best_is_told(pair, own_folder, capsys):
    assert main(["appraise", *map(str, pair)]) == 0
    [folder] = (own_folder / "runs").iterdir()
    found = read(folder, "operators")
    assert {"dare", "fisher", "interpolation", "regmean", "slerp", "ties", "uniform_soup"} <= set(
        found["operator"]
    )
    best = found.loc[found["gain"].idxmax()]
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) < 120 for line in lines if line.startswith("│"))
    told = " ".join(" ".join(lines).split())
    untried = found.dropna(subset="note")
    assert untried["operator"].tolist() == ["lora_svd"]
    assert f"lora_svd is not tried: {untried['note'].iloc[0]}" in told
    assert f"Merged by {best['operator']}" in told
    assert f"by {best['gain']:.4f} nats" in told


@pytest.fixture
def undrawn(monkeypatch):
    """Let commands draw nothing, which takes seconds."""
    monkeypatch.setattr("experiments.appraisal.command.save_figure", lambda folder, name, _: [folder / name])


@pytest.mark.usefixtures("undrawn")
def test_plain_tensors_need_a_network_and_data_and_are_told_to_be_strangers(pair, own_folder, capsys):
    """The validation examples of seed 0, replicate 0 are those of the run."""
    for path in pair:
        save_file({f"module.{name}": leaf for name, leaf in load_file(path).items()}, path.name)
    given = [path.name for path in pair]
    typed = ["network.widths=[8]", "data.examples=300", "merge_operator=interpolation", "--output", "out"]
    assert main(["appraise", *given, "--network", "mlp", "--data", "digits", *typed]) == 0
    assert "not known to be of this division of the data" in " ".join(capsys.readouterr().out.split())
    again = appraise(
        *(settled := [read_model(path) for path in pair]),
        compose_setup(*settled, ["merge_operator=interpolation"]),
    )
    columns = ["weight", "loss_before", "loss_after", "gain", "barrier", "moved"]
    pd.testing.assert_frame_equal(
        read(own_folder / "out", "operators")[columns], again.operators[columns], check_exact=True
    )


@pytest.mark.usefixtures("undrawn")
def test_a_model_is_worth_nothing_to_itself(pair, own_folder, capsys):
    assert (
        main(["appraise", str(pair[0]), str(pair[0]), "--save", "merged.safetensors", "merge_operator=slerp"])
        == 0
    )
    told = capsys.readouterr().out
    assert "the seller's is worth nothing to it" in told
    assert "nothing is saved as merged.safetensors" in told
    assert not (own_folder / "merged.safetensors").exists()


def test_the_figure_names_its_axes_and_units(pair):
    models = [read_model(path) for path in pair]
    found = appraise(*models, compose_setup(*models, []))
    figure = draw_appraisal(found)
    curves, classes = figure.axes
    assert curves.get_xlabel() == "merge weight"
    assert curves.get_ylabel() == "validation loss\n(nats an example)"
    assert classes.get_ylabel() == "test accuracy (%)"
    told = [text.get_text() for text in curves.get_legend().get_texts()]
    assert len(told) == len(set(told)) == 7
    assert "interpolation, unaligned" in told
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in curves.lines[:-1]}
    assert len(looks) == 7
    without_classes = dataclasses.replace(found, classes=found.classes.iloc[:0], merged=None)
    assert len(draw_appraisal(without_classes).axes) == 1


def test_blocks_are_tried_one_by_one_where_they_are_asked_for(pair):
    models = [read_model(path) for path in pair]
    found = appraise(
        *models, compose_setup(*models, ["broker.blocks=layers", "merge_operator=interpolation"])
    )
    aligned = found.operators[found.operators["alignment"] == "weight_matching"]
    assert aligned["block"].tolist() == ["layer0", "head"]
    block = found.merged.row["block"]
    assert aligned.set_index("block")["gain"].idxmax() == block
    own = load_file(pair[0])
    changed = {
        name.split(".")[0] for name, leaf in found.merged.tensors.items() if not torch.equal(leaf, own[name])
    }
    assert changed == {block}
    assert block in draw_appraisal(found).axes[0].get_title(loc="left")


def test_data_of_one_s_own_are_named_again_and_divided_as_they_were(own_folder, capsys):
    draw = np.random.default_rng(0)
    inputs, labels = draw.normal(size=(160, 5)).astype(np.float32), draw.integers(0, 3, 160)
    np.savez("mine.npz", inputs=inputs, labels=labels)
    own = ["data=file", "data.path=mine.npz", "data.endowment=iid", "data.validation=0.3"]
    tiny = ["organisations=2", "rounds=1", "replicates=1", "network.widths=[8]", "run=tables_only"]
    assert main(["run", *tiny, *own, "run.save_models=every_round", "hydra.run.dir=run"]) == 0
    trial = pd.read_parquet("run/trials.parquet").query("buyer == 1").iloc[0]
    paths = [Path(f"run/models/rounds/0001/competitive/0/organisation_0{i}.safetensors") for i in (1, 0)]
    assert "data must be given for run/models/rounds" in refused(capsys, "appraise", *paths)
    models = [read_model(path) for path in paths]
    assert b"mine.npz" not in paths[0].read_bytes()
    for named in (["data.path=mine.npz"], ["data=file", "data.path=mine.npz"]):
        setup = dataclasses.replace(compose_setup(*models, named), operator="interpolation")
        found = appraise(*models, setup).operators.iloc[0]
        assert (found["loss_before"], found["gain"]) == (trial["loss_before"], trial["gain"])


@pytest.mark.parametrize(
    ("losses", "expected"), [([2, 3, 1], 1.5), ([2, 1.5, 1], 0), ([1, 0, 1], 0), ([1, 2, np.inf], np.nan)]
)
def test_a_barrier_is_the_rise_above_the_chord(losses, expected):
    assert barrier(np.array([0, 0.5, 1]), np.array(losses, dtype=float)) == pytest.approx(
        expected, nan_ok=True
    )
    assert np.isnan(barrier(np.array([0, 0.5]), np.array([1.0, 2.0])))


def rewritten(path, into, **told):
    """Save a model of a run with other metadata; None leaves one out."""
    changed = metadata_of(path) | told
    into.write_bytes(
        encoded(load_file(path), {name: text for name, text in changed.items() if text is not None})
    )
    return into


CARDS = {
    "no JSON": ({"task": "{"}, "must have metadata as a run writes them"),
    "nothing told": ({"task": None}, "it lacks 'task'"),
    "another kind": ({"lineage": '["a"]'}, "lineage.0: input should be a valid integer"),
    "an interpolation": ({"network": '{"name": "${oc.env:HOME}"}'}, "a text in it has ${"),
    "too deep": ({"network": "[" * 9999 + "]" * 9999}, "must have metadata as a run writes them"),
    "code": ({"network": '{"name": "mlp", "factory": "os:system"}'}, "network must be given for"),
    "unknown network": ({"network": '{"name": "transformer"}'}, "network must be one of"),
    "unknown field": (
        {"network": '{"name": "mlp", "depth": 3}'},
        "network.depth must be allowed by network mlp",
    ),
    "other network": (
        {"network": '{"name": "mlp", "widths": [9]}'},
        "must be of architecture mlp:1x8x8-9-10",
    ),
    "other classes": ({"vocabulary": json.dumps(list("abcdefghij"))}, "must tell apart 0, 1, 2"),
    "other units": ({"scaling": '{"mean": [0.5], "deviation": [1.0]}'}, "data.standardise must be true for"),
    "no data": ({"world": "{}"}, "must tell its data, broker, learning and groups"),
    "strange data": (
        {"world": '{"data": {"kept": 7}, "broker": {}, "learning": {}, "groups": {}}'},
        "data.kept",
    ),
    "other tensors": ({"content": "0" * 64}, "must hold the tensors that were written"),
}


@pytest.mark.parametrize("case", CARDS)
def test_what_a_file_tells_is_data_and_is_checked(pair, own_folder, capsys, case):
    told, sentence = CARDS[case]
    path = rewritten(pair[0], own_folder / "x.safetensors", **told)
    assert sentence in refused(capsys, "appraise", path, pair[1])
    assert not (own_folder / "runs").exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["mechanism=first_price"], "an appraisal takes keys of network, data"),
        (["network.widts=[3]"], "network.widts is not a key; did you mean network.widths?"),
        (["network.widths=[3]"], "must be of architecture mlp:1x8x8-3-10; it is of mlp:1x8x8-8-10"),
        (["seed=0,1"], "seed must have one value"),
        (["broker.trials=none"], "broker.trials must be full or weak for an appraisal"),
        (["--save", "there"], "--save must be a new file in a folder that exists"),
        (["--save", "nowhere/new"], "--save must be a new file in a folder that exists"),
        (["--output", "there"], "--output must be a folder"),
        (["data.examples=9999"], "data.examples must be at most 1797"),
    ],
)
def test_what_is_typed_is_checked(pair, own_folder, capsys, typed, sentence):
    (own_folder / "there").write_text("mine")
    assert sentence in refused(capsys, "appraise", *pair, *typed)
    assert (own_folder / "there").read_text() == "mine"
    assert [path.name for path in own_folder.iterdir()] == ["there"]


def test_files_that_are_none_are_refused(pair, own_folder, capsys):
    plain = own_folder / "plain.safetensors"
    save_file(load_file(pair[0]), plain)
    torch.save({}, own_folder / "pickle.pt")
    assert "there is no nothing" in refused(capsys, "appraise", "nothing", pair[1])
    assert "what torch.save writes can hold code" in refused(capsys, "appraise", "pickle.pt", pair[1])
    assert "network must be given where no file tells it" in refused(capsys, "appraise", plain, plain)
    assert "data must be given where no file tells it" in refused(
        capsys, "appraise", plain, plain, "network=mlp"
    )
    assert content_of(load_file(plain)) == metadata_of(pair[0])["content"]
