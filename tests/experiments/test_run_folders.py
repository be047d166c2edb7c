"""Runs and their folders: damage, two processes at once, sudden ends, and more rounds."""

import random
import shutil
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest
import yaml

from experiments.command_line.cli import main
from experiments.configuration.composition import check_grammar
from experiments.configuration.overrides import quoted
from experiments.runs.conclusion import tell_damaged
from experiments.runs.jobs import check_folder
from sim.records.run_folder import CHECKPOINT, RecordError, RunFolder
from sim.records.signed_list import NAME
from tests.experiments.conftest import TINY_RUN, assert_same_records, interrupt, play, refused
from tests.experiments.own_process import Command, wait_before_it_begins

pytestmark = pytest.mark.xdist_group("run folders")


def flipped(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def noticed(folder, name):
    """Return whether whoever concludes or resumes this run says that a file is damaged."""
    try:
        return name in tell_damaged(RunFolder(folder))
    except RecordError as error:
        return name in str(error)


def bits(folder, number, seed):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    draw = random.Random(seed)
    for _ in range(number):
        path = draw.choice(files)
        yield path.relative_to(folder).as_posix(), draw.randrange(8 * path.stat().st_size)


@pytest.mark.parametrize("number", [60, pytest.param(1200, marks=pytest.mark.slow)])
def test_no_flipped_bit_goes_unnoticed(finished_run, stopped_run, tmp_path, number):
    for folder in (finished_run, stopped_run):
        copy = Path(shutil.copytree(folder, tmp_path / folder.name))
        for name, bit in bits(folder, number, seed=number):
            flipped(copy / name, bit)
            assert noticed(copy, name), (name, bit)
            shutil.copy(folder / name, copy / name)
        assert tell_damaged(RunFolder(copy)) == []


def test_a_run_with_damage_is_refused_by_every_command(run, capsys):
    flipped(run / "orders.parquet", 999)
    for command in ("report", "figures", "resume"):
        told = refused(capsys, command, run)
        assert f"orders.parquet must be what {NAME} says that was written" in told
        assert f"`parabourse report --damaged {run}` reads what is there at your own risk" in told


def test_damaged_records_are_reported_at_the_readers_risk_and_nothing_is_signed(run, capsys, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    listed = (run / NAME).read_bytes()
    flipped(run / "manifest.json", 8 * (run / "manifest.json").read_text().index("Linux"))
    assert main(["report", str(run), "--damaged"]) == 0
    assert "manifest.json is not what was written, and is read all the same" in capsys.readouterr().err
    page = (run / "report.html").read_text()
    assert "Made from damaged records" in page
    assert (run / NAME).read_bytes() == listed
    (run / "trades.parquet").write_bytes(b"PAR1")
    assert "trades.parquet must be a whole Parquet file" in refused_last(capsys, "report", run, "--damaged")


def refused_last(capsys, *command):
    capsys.readouterr()
    assert main(list(map(str, command))) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_damaged_summary_is_made_again_and_told(run, finished_run, capsys):
    (run / "summary.csv").write_text("arm,metric,mean\n")
    assert main(["resume", str(run), "rounds=3"]) == 0
    run = Path(shutil.copytree(finished_run, run.parent / "again"))
    flipped(run / "summary.csv", 99)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("experiments.figures.FIGURES", {})
        assert main(["report", str(run)]) == 0
    assert "summary.csv is not what was written, and is made again" in capsys.readouterr().err
    assert_same_records(run, finished_run)
    assert tell_damaged(RunFolder(run)) == []


def test_a_finished_run_is_read_without_its_checkpoint_and_does_not_go_on(run, capsys, monkeypatch):
    monkeypatch.setattr("experiments.figures.FIGURES", {})
    flipped(run / CHECKPOINT, 5000)
    assert f"{CHECKPOINT} must be what" in refused(capsys, "resume", run, "rounds=3")
    assert main(["report", str(run)]) == 0
    assert f"{CHECKPOINT} is not what was written, and the run cannot go on" in capsys.readouterr().err
    (run / CHECKPOINT).unlink()
    assert main(["report", str(run)]) == 0
    assert CHECKPOINT in capsys.readouterr().err
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().err == ""
    assert f"{CHECKPOINT} to go on from; it was not kept" in refused(capsys, "resume", run, "rounds=3")


@pytest.mark.parametrize("name", [CHECKPOINT, "parts/trades-000001.parquet", "config.yaml"])
@pytest.mark.parametrize("damage", ["flip", "delete", "exchange"])
def test_a_damaged_run_never_goes_on(half, capsys, name, damage):
    path = half / name
    if damage == "flip":
        flipped(path, 8 * (path.stat().st_size // 2))
    elif damage == "delete":
        path.unlink()
    else:
        shutil.copy(half / "parts/orders-000001.parquet", path)
    assert name in refused(capsys, "resume", half)


def test_an_edited_configuration_is_not_resumed(half, capsys):
    path = half / "config.yaml"
    path.write_text(path.read_text().replace("rounds: 2", "rounds: 3"))
    assert "config.yaml must be what" in refused(capsys, "resume", half)


def test_a_stopped_run_goes_on_and_leaves_nothing_behind(half, finished_run):
    (half / ".error.txt.unfinished").write_text("half")
    (half / "parts/.rounds-000002.parquet.0a1b2c3d.unfinished").write_text("half")
    assert main(["resume", str(half)]) == 0
    assert_same_records(half, finished_run)
    assert not list(half.rglob("*unfinished"))
    assert not (half / "parts").exists()


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """The folder of a run of four rounds; not to be changed."""
    return play(tmp_path_factory.mktemp("runs") / "long", "rounds=4")


@pytest.mark.parametrize("folder", ["run", "half"])
def test_more_rounds_are_the_rounds_of_a_longer_run(folder, request, long, capsys):
    short = request.getfixturevalue(folder)
    assert main(["resume", str(short), "rounds=4"]) == 0
    assert_same_records(short, long)
    assert (short / "config.yaml").read_bytes() == (long / "config.yaml").read_bytes()
    assert "rounds=4" in yaml.safe_load((short / ".hydra/overrides.yaml").read_text())
    assert tell_damaged(RunFolder(short)) == []


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=1", "changes no other key; got seed=1, which is 0 in this run"),
        ("network.widths=[9]", "changes no other key; got network.widths=[9], which is [8]"),
        ("mechanism=first_price", "changes no other key; got mechanism=first_price"),
        ("rouns=4", "rouns is not a key of this run"),
        ("rounds=2", "rounds must be more than the 2 of this run; got 2"),
        ("rounds=1", "rounds must be more than the 2 of this run; got 1"),
        ("rounds=many", "rounds must be more than the 2 of this run; got many"),
        ("rounds=3.5", "rounds must be more than the 2 of this run; got 3.5"),
        ("rounds=99999999", "rounds must be less than or equal to 1000000"),
        ("rounds=3,4", "rounds must have one value; got rounds=3,4"),
        ("rounds", "overrides must be KEY=VALUE"),
    ],
)
def test_a_run_gets_more_rounds_and_nothing_else(finished_run, override, told, capsys):
    before = (finished_run / NAME).read_bytes()
    assert told in refused(capsys, "resume", finished_run, override)
    assert (finished_run / NAME).read_bytes() == before


def test_a_run_that_was_stopped_while_it_was_extended_goes_on(run, long, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("experiments.runs.runner.round_metrics", interrupt)
        assert main(["resume", str(run), "rounds=4"]) == 130
    assert main(["resume", str(run)]) == 0
    assert_same_records(run, long)


def test_two_resumes_at_once_leave_one_whole_run(half, finished_run, tmp_path):
    both = [Command(tmp_path / name, "resume", str(half)) for name in ("one", "two")]
    codes, told = zip(*(command.ended() for command in both), strict=True)
    assert sorted(codes) == [0, 2]
    [refusal] = told[codes.index(2)].strip().splitlines()
    # One that comes late finds the run finished.
    assert "in use by one process at a time" in refusal or "this one has finished" in refusal
    assert_same_records(half, finished_run)


def test_a_folder_in_use_is_refused_by_every_command(run, capsys):
    with RunFolder(run).held():
        for command in ("report", "figures", "resume"):
            assert "in use by one process at a time" in refused(capsys, command, run)
    (run.parent / "new").mkdir()
    with RunFolder(run.parent / "new").held():
        told = refused(capsys, "run", *TINY_RUN, "rounds=1", f"hydra.run.dir={run.parent / 'new'}")
        assert "in use by one process at a time" in told
        assert [path.name for path in (run.parent / "new").iterdir()] == [".lock"]


def test_the_same_command_works_where_a_run_was_killed_before_it_began(tmp_path, finished_run):
    folder = tmp_path / "run"
    typed = ["run", *TINY_RUN, f"hydra.run.dir={folder}"]
    command = Command(tmp_path / "printed", *typed, before=wait_before_it_begins)
    while not (folder / ".lock").exists() and command.runs:
        time.sleep(0.001)
    command.send(signal.SIGKILL)
    assert command.ended()[0] == -signal.SIGKILL
    (folder / ".hydra").mkdir(exist_ok=True)
    (folder / ".config.yaml.0a1b2c3d.unfinished").write_text("half")
    assert not (folder / "config.yaml").exists()
    play(folder)
    assert_same_records(folder, finished_run)
    assert not list(folder.glob(".*unfinished"))


def test_a_look_whether_a_folder_can_be_written_that_was_killed_is_no_obstacle(tmp_path, monkeypatch):
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    # Where a system knows no files without names, a kill leaves one.
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(tempfile.NamedTemporaryFile, delete=False))
    for looks in (1, 2):
        check_folder(tmp_path)
        assert len(list(tmp_path.iterdir())) == looks


def test_a_folder_of_odd_characters_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "it's ${x} \\ = läufe, \\'eins'"
    folder = tmp_path / name
    override = f"hydra.run.dir={quoted(str(folder))}"
    assert check_grammar(override).value().replace("\\${", "${") == str(folder)


@pytest.mark.parametrize("command", ["resume", "report", "figures"])
def test_a_folder_in_which_nothing_began_is_refused_and_stays_as_it_was(tmp_path, capsys, command):
    (tmp_path / ".hydra").mkdir()
    assert "with config.yaml or multirun.yaml in it; there is neither" in refused(capsys, command, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hydra"]
