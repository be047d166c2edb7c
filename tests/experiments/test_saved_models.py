"""The models that runs save: whose, when, what their files tell, and who can read them."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from experiments.command_line.cli import main
from experiments.runs.runner import read_config
from parabourse import load_model
from sim.cohort import Cohort
from sim.records.run_folder import CHECKPOINT, RunFolder
from sim.records.tables import load_checkpoint
from sim.saved_models.model_file import content_of, encoded
from sim.saved_models.saving import files_of, models_now
from tests.experiments.conftest import TINY_RUN, assert_same_records, interrupt, play, refused
from tests.sim.conftest import small

pytestmark = pytest.mark.xdist_group("run folders")
FINAL = "models/competitive/0/organisation_01.safetensors"


def metadata_of(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_final_models_are_those_of_the_checkpoint(finished_run):
    config = read_config(finished_run)
    cohort = Cohort(config.market(), config.arms, config.replicates, config.seed)
    cohort.restore(load_checkpoint(RunFolder(finished_run))[0])
    held = cohort.laboratory.fleet.models
    names = [
        f"models/{arm}/0/organisation_0{i}.safetensors" for arm in ("autarky", "competitive") for i in (0, 1)
    ]
    assert [name for name in RunFolder(finished_run).entries if name.startswith("models/")] == names
    for slot, name in enumerate(names):
        for tensor, leaf in load_model(finished_run / name).state_dict().items():
            assert torch.equal(leaf, held[tensor][slot]), (name, tensor)


def test_models_of_a_round_are_those_that_came_to_its_market(saved_run):
    config = read_config(saved_run)
    cohort = Cohort(config.market(), config.arms, config.replicates, config.seed)
    kept = []
    cohort.step(
        lambda phase: kept.append(cohort.laboratory.fleet.models_of(range(4))) if phase == "try" else None
    )
    for slot, path in enumerate(sorted(saved_run.glob("models/rounds/0001/*/0/*"))):
        for name, leaf in load_file(path).items():
            assert torch.equal(leaf, kept[0][name][slot])
    assert {path.name for path in (saved_run / "models/rounds").iterdir()} == {"0001", "0002"}
    # What was alone in the first round is its own work; what traded is another's too.
    lineages = [json.loads(metadata_of(path)["lineage"]) for path in sorted(saved_run.glob("models/*/0/*"))]
    assert lineages[:2] == [[0], [1]]
    assert lineages[2:] == [np.flatnonzero(row).tolist() for row in lineage_of(saved_run)]


def lineage_of(folder):
    return load_file(folder / CHECKPOINT)["world.1.lineage"].numpy()


def test_a_file_tells_all_of_its_model(finished_run):
    told = metadata_of(finished_run / FINAL)
    assert told["architecture"] == "mlp:1x8x8-8-10"
    assert json.loads(told["network"]) == {"name": "mlp", "widths": [8]}
    assert json.loads(told["task"]) == {"name": "classification", "input_shape": [1, 8, 8], "answers": 10}
    assert json.loads(told["vocabulary"]) == list("0123456789")
    assert json.loads(told["scaling"]) is None
    assert told["content"] == content_of(load_file(finished_run / FINAL))
    assert json.loads(told["origin"]) == {
        "arm": "competitive",
        "seed": 0,
        "replicate": 0,
        "organisation": 1,
        "organisations": 2,
        "round": 2,
        "start": "",
    }
    assert "data_home" not in json.loads(told["world"])["data"]


def test_the_same_model_has_the_same_bytes(finished_run):
    path = finished_run / FINAL
    for _ in range(9):  # A library's order of metadata would differ from one time to the next.
        assert encoded(load_file(path), metadata_of(path)) == path.read_bytes()


def test_a_stopped_run_saves_the_same_models_of_every_round(saved_run, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("experiments.runs.runner.round_metrics", interrupt)
        with pytest.raises(SystemExit):
            play(folder, "run.save_models=every_round")
    assert len(list(folder.glob("models/rounds/*/*/0/*"))) == 4
    assert main(["resume", str(folder)]) == 0
    assert_same_records(folder, saved_run)
    assert RunFolder(folder).damaged() == []


def test_no_models_are_saved_where_nobody_wants_them(tmp_path):
    assert not (play(tmp_path / "run", "run.save_models=none", "rounds=1") / "models").exists()


def test_a_damaged_model_is_told_and_stops_nobody_but_its_reader(run, capsys, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    path = run / FINAL
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert main(["report", str(run)]) == 0
    assert f"{FINAL} is not what was written, and nothing is made of it" in capsys.readouterr().err
    with pytest.raises(ValueError, match="must hold the tensors that were written"):
        load_model(path)
    path.unlink()
    assert main(["report", str(run)]) == 0
    assert FINAL in capsys.readouterr().err
    assert main(["resume", str(run), "rounds=3"]) == 0
    assert capsys.readouterr().err == ""
    assert load_model(path).training is False


@pytest.mark.parametrize(
    ("network", "fields"), [("mlp", {"widths": [4]}), ("vgg", {"stages": [[4]]}), ("resnet", {"channels": 4})]
)
def test_a_plain_module_answers_as_the_model_of_the_market_does(network, fields, tmp_path):
    config = small(network={"name": network, **fields}, organisations=2, data={"examples": 100})
    cohort = Cohort(config, ("competitive",), replicates=1, seed=0)
    cohort.step()
    for name, write in files_of(cohort, models_now(cohort)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name)
    laboratory = cohort.laboratory
    answers = laboratory.architecture.forward(laboratory.fleet.models, laboratory.materials.inputs[:9])
    for slot in (0, 1):
        path = tmp_path / f"models/competitive/0/organisation_0{slot}.safetensors"
        torch.testing.assert_close(load_model(path)(laboratory.materials.inputs[:9]), answers[slot].T)
        # The same in plain torch, strictly.
        plain = laboratory.architecture.skeleton()
        plain.load_state_dict(load_file(path))
        torch.testing.assert_close(plain.eval()(laboratory.materials.inputs[:9]), answers[slot].T)


NETS = """
import torch
from torch import nn

def make(input_shape, answers):
    base = nn.Linear(64, 6)
    base.requires_grad_(False)
    with torch.no_grad():
        base.weight.copy_(torch.linspace(-1, 1, 384).view(6, 64))
    return nn.Sequential(nn.Flatten(), base, nn.ReLU(), nn.Linear(6, answers))
"""


def test_a_module_of_one_s_own_is_named_by_who_reads_it(own_folder, capsys, monkeypatch):
    monkeypatch.setattr("experiments.appraisal.command.save_figure", lambda folder, name, _: [folder / name])
    for folder in ("here", "there"):
        (own_folder / folder).mkdir()
        (own_folder / folder / f"nets_{folder}.py").write_text(NETS)
    network = ["network=module", "network.factory=./here/nets_here.py:make"]
    tiny = [one for one in TINY_RUN if not one.startswith("network")] + ["rounds=1"]
    assert main(["run", *tiny, *network, "hydra.run.dir=run"]) == 0
    paths = [Path(f"run/models/competitive/0/organisation_0{i}.safetensors") for i in (0, 1)]
    # The base, which nobody trains, does not travel.
    assert set(load_file(paths[0])) == {"3.weight", "3.bias"}
    assert "network must be given for" in refused(capsys, "appraise", *paths)
    with pytest.raises(ValueError, match="network must be given for"):
        load_model(paths[0])
    moved = {"name": "module", "factory": "./there/nets_there.py:make"}
    assert load_model(paths[0], moved)[1].weight[0, 0] == -1
    again = ["network=module", "network.factory=./there/nets_there.py:make"]
    assert main(["appraise", *map(str, paths), *again, "merge_operator=slerp"]) == 0
    assert main(["run", *tiny, *again, "start=run", "hydra.run.dir=next"]) == 0
    # What is there besides must be what the module has.
    whole = load_model(paths[0], moved).state_dict()
    save_file(whole, "whole.safetensors")
    assert main(["run", *tiny, *again, "start=whole.safetensors", "hydra.run.dir=third"]) == 0
    save_file(whole | {"1.bias": whole["1.bias"] + 1}, "whole.safetensors")
    told = refused(capsys, "run", *tiny, *again, "start=whole.safetensors", "hydra.run.dir=fourth")
    assert "1.bias of whole.safetensors must be as in module:" in told


def test_what_the_page_says_is_so(own_folder, monkeypatch):
    monkeypatch.setattr("experiments.appraisal.command.save_figure", lambda folder, name, _: [folder / name])
    page = (Path(__file__).parents[2] / "docs/checkpoints.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    parabourse (.*)$", page, re.MULTILINE)
    both = r"(\S*)\{0,1\}(\S*)", r"\g<1>0\2 \g<1>1\2"  # As a shell understands braces.
    commands = [shlex.split(re.sub(*both, line)) for line in lines]
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict = {}
    for command in commands:
        if "mine.safetensors" in command:
            for block in blocks:
                exec(compile(block, "checkpoints.md", "exec"), names)
            shutil.copy("mine.safetensors", "theirs.safetensors")
        small = ["data.examples=300", "replicates=1", "run=tables_only"] if command[0] == "run" else []
        assert main([*command, *small]) == 0
    inputs = torch.rand(5, 1, 8, 8)
    assert torch.equal(names["model"](inputs), names["plain"].eval()(inputs))
    assert load_file("mine.safetensors").keys() == names["model"].state_dict().keys()
    assert [command[0] for command in commands] == ["run", "run", "appraise", "appraise"]
