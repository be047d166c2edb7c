"""Folders from strangers are data: whatever they hold is read, or refused in one sentence."""

import json
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.torch import load_file, save_file

from experiments.command_line.cli import main
from experiments.runs.conclusion import read_run
from markets.refusals import InputError
from sim.records.atomic import filled
from sim.records.run_folder import CHECKPOINT, RunFolder
from sim.records.signed_list import NAME
from tests.experiments.conftest import refused

pytestmark = pytest.mark.xdist_group("run folders")


def sign(folder, texts):
    """Write texts into a folder as a stranger would: signed."""
    RunFolder(folder).change({name: filled(text) for name, text in texts.items()})


def crafted_config(change):
    def craft(folder):
        fields = yaml.safe_load((folder / "config.yaml").read_text())
        sign(folder, {"config.yaml": yaml.safe_dump(change(fields), sort_keys=False)})

    return craft


def crafted_manifest(change):
    def craft(folder):
        sign(
            folder, {"manifest.json": json.dumps(change(json.loads((folder / "manifest.json").read_text())))}
        )

    return craft


def crafted_table(name, column, change):
    def craft(folder):
        table = pq.read_table(folder / f"{name}.parquet")
        place = table.column_names.index(column)
        array = change(table[column].combine_chunks())
        table = table.set_column(place, column, array)
        RunFolder(folder).change({f"{name}.parquet": lambda path: pq.write_table(table, path)})

    return craft


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(12)
)
CRAFTED = {
    "configuration is a list": lambda folder: sign(folder, {"config.yaml": "[1, 2]\n"}),
    "configuration is empty": lambda folder: sign(folder, {"config.yaml": ""}),
    "configuration is a bomb": lambda folder: sign(folder, {"config.yaml": BOMB}),
    "configuration is deep": lambda folder: sign(folder, {"config.yaml": "a: " + "[" * 5000 + "]" * 5000}),
    "configuration is large": lambda folder: sign(folder, {"config.yaml": "# " + "x" * (1 << 20) + "\n"}),
    "configuration is no YAML": lambda folder: sign(folder, {"config.yaml": "foo: ["}),
    "configuration makes objects": lambda folder: sign(
        folder, {"config.yaml": "!!python/object/apply:os.system [id]\n"}
    ),
    "configuration has dates": crafted_config(lambda fields: fields | {"seed": "2020-01-01"}),
    "integer keys": crafted_config(lambda fields: fields | {1: 2}),
    "an arm too many": crafted_config(lambda fields: fields | {"arms": [*fields["arms"], "cooperative"]}),
    "another arm": crafted_config(lambda fields: fields | {"arms": ["autarky", "cooperative"]}),
    "an unknown key": crafted_config(lambda fields: fields | {"further": 1}),
    "nested": crafted_config(lambda fields: fields | {"seed": {"seed": 0}, "network": [[fields["network"]]]}),
    "a part that is null": crafted_config(lambda fields: fields | {"learning": None, "data": None}),
    "interpolation": crafted_config(
        lambda fields: fields | {"device": "${oc.env:HOME}", "seed": "${rounds}"}
    ),
    "a huge number": lambda folder: sign(folder, {"config.yaml": f"seed: 0x{'f' * 5000}"}),
    "a million organisations": crafted_config(lambda fields: fields | {"organisations": 10**6}),
    "manifest is a list": crafted_manifest(lambda _: [1]),
    "manifest with text for seconds": crafted_manifest(lambda found: found | {"seconds": "long"}),
    "manifest with texts in seconds": crafted_manifest(lambda found: found | {"seconds": {"train": "long"}}),
    "manifest with a list of versions": crafted_manifest(lambda found: found | {"versions": ["1"]}),
    "manifest is deep": lambda folder: sign(folder, {"manifest.json": "[" * 99_999 + "]" * 99_999}),
    "text in rounds": crafted_table("rounds", "welfare", lambda column: column.cast(pa.string())),
    "nulls in rounds": crafted_table("rounds", "round", lambda column: pa.nulls(len(column), pa.int64())),
    "null texts": crafted_table("ledger", "reason", lambda column: pa.nulls(len(column), pa.large_string())),
    "another round": crafted_table("rounds", "round", lambda column: pa.array([7] * len(column))),
    "a buyer too many": crafted_table("trials", "buyer", lambda column: pa.array([2] * len(column))),
    "a negative seller": crafted_table("orders", "seller", lambda column: pa.array([-1] * len(column))),
    "lists": crafted_table("trades", "paid", lambda column: pa.array([[1.0]] * len(column))),
    "overrides are no list": lambda folder: sign(folder, {".hydra/overrides.yaml": "a: b\n"}),
    "overrides are a bomb": lambda folder: sign(folder, {".hydra/overrides.yaml": BOMB}),
    "a list that names what is outside": lambda folder: (folder / NAME).write_text("0" * 64 + "  ../x\n"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_what_a_stranger_crafted_is_refused_in_one_sentence(run, name, capsys, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    CRAFTED[name](run)
    told = refused(capsys, "report", run)
    assert str(run) in told
    assert len(told) < 500


def test_nothing_of_a_strangers_folder_is_interpolated(run, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    monkeypatch.setenv("PRECIOUS", "a secret of mine")
    sign(run, {".hydra/overrides.yaml": "- device=${oc.env:PRECIOUS}\n"})
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    assert "a secret of mine" not in page
    assert "oc.env" in page


@pytest.mark.parametrize("name", ["figures", "summary.csv", "config.yaml", ".hydra", "rounds.parquet"])
def test_no_link_of_a_strangers_folder_is_followed(run, name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    outside = tmp_path / "outside"
    if (run / name).exists():
        (run / name).rename(outside)
    else:
        outside.mkdir()
    (run / name).symlink_to(outside)
    before = outside.read_bytes() if outside.is_file() else sorted(outside.iterdir())
    assert "it is a link, and none is followed" in refused(capsys, "report", run)
    assert (outside.read_bytes() if outside.is_file() else sorted(outside.iterdir())) == before


@pytest.mark.parametrize("name", ["parts", "tensorboard", "wandb", CHECKPOINT])
def test_resume_writes_through_no_link(half, name, tmp_path, capsys):
    outside = tmp_path / "outside"
    if (half / name).exists():
        (half / name).rename(outside)
    else:
        outside.mkdir()
    (half / name).symlink_to(outside)
    before = outside.read_bytes() if outside.is_file() else sorted(outside.iterdir())
    assert "it is a link, and none is followed" in refused(capsys, "resume", half)
    assert (outside.read_bytes() if outside.is_file() else sorted(outside.iterdir())) == before


def tampered(change):
    def tamper(folder):
        with_seconds = {"seconds": '{"train": 1.0}'}
        state = load_file(folder / CHECKPOINT)
        found = change(state)
        metadata = found.pop("metadata", with_seconds)
        RunFolder(folder).change({CHECKPOINT: lambda path: save_file(found, path, metadata=metadata)})

    return tamper


def another(state, end, make):
    name = next(name for name in state if name.endswith(end))
    return state | {name: make(state[name])}


TAMPERED = {
    "a tensor is missing": lambda state: dict(list(state.items())[1:]),
    "a column is missing": lambda state: {k: v for k, v in state.items() if not k.endswith("lineage")},
    "a column is another's": lambda state: another(state, "active", lambda v: v.float()),
    "a column is longer": lambda state: another(state, "validation_loss", lambda v: v.repeat(2)),
    "rounds are negative": lambda state: {
        name: column - 9 if name.endswith(".steps") else column for name, column in state.items()
    },
    "more rounds than there are": lambda state: another(state, "world.0.steps", lambda v: v + 7),
    "a parameter is another's": lambda state: another(state, "learning_rate", lambda v: v[:1]),
    "seconds are a text": lambda state: state | {"metadata": {"seconds": '"long"'}},
    "seconds are none": lambda state: state | {"metadata": {"other": ""}},
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_checkpoints_are_refused_in_one_sentence(half, name, capsys):
    tampered(TAMPERED[name])(half)
    assert CHECKPOINT in refused(capsys, "resume", half)


def mutated(value, draw):
    """Return a value of plain data with something in it exchanged."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(list(value))
        if draw.random() < 0.1:
            return {name: entry for name, entry in value.items() if name != key}
        return value | {key: mutated(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        return [mutated(entry, draw) if draw.random() < 0.5 else entry for entry in value]
    odd = [None, True, -1, 0, 2**63, 10**30, 1e308, float("nan"), float("inf"), "", "x" * 300, "${a}", [], {}]
    return draw.choice([*odd, [value], {"name": value}, {1: value}, [[[]]]])


@pytest.mark.parametrize("number", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_whatever_a_configuration_holds_is_read_or_refused(finished_run, tmp_path, number):
    folder, draw = Path(shutil.copytree(finished_run, tmp_path / "run")), random.Random(number)
    fields = yaml.safe_load((folder / "config.yaml").read_text())
    read = 0
    for _ in range(number):
        found = fields
        for _ in range(draw.randint(1, 3)):
            found = mutated(found, draw)
        sign(folder, {"config.yaml": yaml.safe_dump(found, sort_keys=False)})
        with suppress(InputError):
            read_run(RunFolder(folder))
            read += 1
    assert 0 < read < number
