"""Runs that start from files: whose is for whom, what is recognised, what is refused, and how they go on."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from agents.learning.networks.vgg import VGG
from experiments.command_line.cli import main
from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.runs.cells import cell_key
from experiments.runs.runner import read_config
from sim.cohort import Cohort
from sim.records.run_folder import RunFolder
from sim.saved_models.fitting import fitted, read_model
from tests.experiments.conftest import TINY_RUN, assert_same_records, interrupt, play, refused
from tests.experiments.test_saved_models import metadata_of

pytestmark = pytest.mark.xdist_group("run folders")
ONE = "models/competitive/0/organisation_01.safetensors"


def first_models(start, *overrides):
    """Return the models with which all worlds of a run begin, leaves [slots, ...], and their cohort."""
    set_up_hydra()
    config = compose_config([*TINY_RUN, f"start={start}", *overrides])
    cohort = Cohort(config.market(), config.arms, config.replicates, config.seed)
    return cohort.laboratory.fleet.models, cohort


def assert_held(models, slots, path):
    for slot in slots:
        for name, leaf in load_file(path).items():
            assert torch.equal(models[name][slot], leaf)


def test_a_file_is_for_everybody_a_folder_for_each_and_a_run_for_each_world(finished_run):
    held, _ = first_models(finished_run / ONE, "replicates=2")
    assert_held(held, range(8), finished_run / ONE)
    held, _ = first_models((finished_run / ONE).parent, "replicates=2")
    for i in (0, 1):
        assert_held(
            held, range(i, 8, 2), finished_run / f"models/competitive/0/organisation_0{i}.safetensors"
        )
    held, cohort = first_models(finished_run)
    for slot, path in enumerate(sorted(finished_run.glob("models/*/0/*"))):
        assert_held(held, [slot], path)
        assert cohort.laboratory.started_from[slot] == metadata_of(path)["content"]


def test_numbers_in_names_count_by_their_value(finished_run, tmp_path):
    for name, source in {"model_10": "autarky", "model_9": "competitive"}.items():
        shutil.copy(
            finished_run / f"models/{source}/0/organisation_00.safetensors", tmp_path / f"{name}.safetensors"
        )
    held, _ = first_models(tmp_path)
    assert_held(held, [0], tmp_path / "model_9.safetensors")
    assert_held(held, [1], tmp_path / "model_10.safetensors")


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model.net."])
def test_plain_tensors_are_recognised_whatever_wrapped_them(finished_run, tmp_path, prefix):
    tensors = {f"{prefix}{name}": leaf.double() for name, leaf in load_file(finished_run / ONE).items()}
    save_file(tensors, tmp_path / "plain.safetensors")
    held, _ = first_models(tmp_path / "plain.safetensors")
    assert_held(held, range(4), finished_run / ONE)


def test_running_statistics_come_along_and_counters_need_not(tmp_path):
    architecture = VGG(stages=[[4]]).bind((1, 8, 8), 10)
    plain = architecture.skeleton()
    state = {name: leaf + 1 for name, leaf in plain.state_dict().items()}
    for number, kept in enumerate([state, {name: v for name, v in state.items() if v.is_floating_point()}]):
        # A part that was compiled has its mark in the middle of names.
        names = {name.replace("layer0.", "layer0._orig_mod."): leaf for name, leaf in kept.items()}
        path = tmp_path / f"{number}.safetensors"
        save_file(names, path)
        found = fitted(read_model(path), architecture)
        assert set(found) == {*architecture.shapes, *architecture.statistics}
        assert all(torch.equal(leaf, state[name]) for name, leaf in found.items())


def test_a_run_that_started_from_files_goes_on_without_them(finished_run, tmp_path, monkeypatch):
    source = shutil.copytree(finished_run, tmp_path / "source")
    whole = play(tmp_path / "whole", f"start={source}")
    with monkeypatch.context() as patch:
        patch.setattr("experiments.runs.runner.round_metrics", interrupt)
        with pytest.raises(SystemExit):
            play(tmp_path / "stopped", f"start={source}")
    shutil.rmtree(source)
    assert main(["resume", str(tmp_path / "stopped")]) == 0
    assert_same_records(tmp_path / "stopped", whole)
    assert metadata_of(finished_run / ONE)["content"] in metadata_of(whole / ONE)["origin"]
    copies = [name for name in RunFolder(whole).entries if name.startswith("models/start/")]
    assert [(whole / name).read_bytes() for name in copies] == [
        path.read_bytes() for path in sorted(finished_run.glob("models/*/0/*"))
    ]


def test_a_run_whose_first_files_are_gone_looks_nowhere_else(finished_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    folder = play(tmp_path / "run", f"start={finished_run}", "rounds=1")
    shutil.rmtree(folder / "models")
    assert "organisation_00.safetensors must be a file of" in refused(capsys, "resume", folder, "rounds=2")
    assert main(["report", str(folder)]) == 0
    assert "models/start; they are gone" in refused(capsys, "resume", folder, "rounds=2")


def test_a_cell_is_named_by_what_it_starts_from(finished_run, tmp_path):
    source = shutil.copytree((finished_run / ONE).parent, tmp_path / "source")
    moved = shutil.copytree(source, tmp_path / "moved")
    set_up_hydra()

    def key(*how):
        return cell_key(compose_config([*TINY_RUN, *how]))

    assert key(f"start={source}") == key(f"start={moved}") != key()
    (moved / "organisation_00.safetensors").write_bytes((moved / "organisation_01.safetensors").read_bytes())
    assert key(f"start={source}") != key(f"start={moved}")


def changed(folder, source, change):
    """Save what a change makes of a model's tensors, twice, and return the folder."""
    tensors = load_file(source)
    change(tensors)
    for number in (0, 1):
        save_file(tensors, folder / f"{number}.safetensors")


BAD = {
    "nothing": (
        lambda folder, _: folder.rmdir(),
        "a folder of such files or the folder of a run; there is no ",
    ),
    "empty": (
        lambda *_: None,
        "start must have *.safetensors for everybody or for arm autarky, replicate 0; ",
    ),
    "pickles": (
        lambda folder, _: torch.save({}, folder / "model.pt"),
        "has none (what torch.save writes can hold code and is not read)",
    ),
    "a pickle in disguise": (
        lambda folder, _: torch.save({}, folder / "0.safetensors"),
        "0.safetensors must be a file of tensors, as safetensors.torch.save_file writes it (what torch.save",
    ),
    "three": (
        lambda folder, source: [shutil.copy(source, folder / f"{i}.safetensors") for i in range(3)],
        "start must have one file for all, or one for each of 2 organisations;",
    ),
    "other arms": (
        lambda folder, source: shutil.copytree(source.parent, folder / "cooperative/0"),
        "has cooperative/0 (start=",
    ),
    "no tensor": (
        lambda folder, source: changed(folder, source, lambda t: t.pop("head.bias")),
        "0.safetensors must hold the tensors of mlp:1x8x8-8-10 and no others; it lacks head.bias",
    ),
    "one more": (
        lambda folder, source: changed(
            folder, source, lambda t: t.update(more=torch.ones(1), less=torch.ones(1))
        ),
        "and no others; it has less, more",
    ),
    "other shape": (
        lambda folder, source: changed(folder, source, lambda t: t.update({"head.bias": torch.ones(9)})),
        "head.bias of ",
    ),
    "whole numbers": (
        lambda folder, source: changed(folder, source, lambda t: t.update({"head.bias": torch.arange(10)})),
        "must be real numbers (10,) in mlp:1x8x8-8-10; got int64 (10,)",
    ),
    "no numbers": (
        lambda folder, source: changed(folder, source, lambda t: t["head.bias"].fill_(torch.nan)),
        "must hold finite numbers; it holds others",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_nobody_can_start_from_is_refused(finished_run, tmp_path, monkeypatch, capsys, case):
    make, told = BAD[case]
    folder = tmp_path / "start"
    folder.mkdir()
    make(folder, finished_run / ONE)
    monkeypatch.chdir(tmp_path)
    assert told in refused(capsys, "run", *TINY_RUN, f"start={folder}")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["network.widths=[9]"], "must be of architecture mlp:1x8x8-9-10; it is of mlp:1x8x8-8-10"),
        (["learning.same_start=true"], "learning.same_start must be false where start has a file for each"),
        (["arms=[cooperative]"], "for arm cooperative, replicate 0"),
        (["replicates=2"], "for arm autarky, replicate 1"),
        (["start=3"], "there is no 3"),
    ],
)
def test_a_run_whose_start_does_not_fit_is_refused(
    finished_run, tmp_path, monkeypatch, capsys, overrides, told
):
    monkeypatch.chdir(tmp_path)
    given = [f"start={finished_run}"] * ("start=3" not in overrides)
    typed = [one for one in TINY_RUN if one.split("=")[0] not in [o.split("=")[0] for o in overrides]]
    assert told in refused(capsys, "run", *typed, *given, *overrides)
    assert read_config(finished_run).start is None
