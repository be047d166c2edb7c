"""A run's folder: changed in whole steps whoever is killed, damage is named, and no link is followed."""

import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from sim.records.run_folder import CHECKPOINT, LOCK, PARTS, RecordError, RunFolder
from sim.records.signed_list import NAME, ListError, SignedList
from tests.sim import killed_steps
from tests.sim.killed_steps import STEPS, play, write

FIRST = {"config.yaml": "rounds: 1\n", f"{PARTS}/rounds-000001.parquet": "one", CHECKPOINT: "after one"}


def contents(path):
    """Return all files of a folder but its lock, by name."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != LOCK)
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    folder = RunFolder(path)
    write(folder, FIRST)
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_a_step_happens_or_not_whenever_its_process_is_killed(folder, tmp_path, step):
    before = contents(folder.path)
    shutil.copytree(folder.path, tmp_path / "after")
    with RunFolder(tmp_path / "after").held() as whole:
        STEPS[step](whole)
    after, seen = contents(tmp_path / "after"), []
    words = [sys.executable, "-m", killed_steps.__name__, step, str(folder.path), str(tmp_path / "killed")]
    subprocess.run(words, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}, check=True)
    for path in sorted((tmp_path / "killed").iterdir(), key=lambda path: int(path.name)):
        with RunFolder(path).held() as left:
            assert left.damaged() == []
        found = contents(path)
        # Files that are dropped go last, and one that is not listed is none of the run's.
        assert {name: found[name] for name in [*RunFolder(path).entries, NAME]} in (before, after)
        assert not [name for name in found if "unfinished" in name]
        assert not [name for name in found if name.startswith(PARTS) and name not in left.entries]
        seen.append(found[NAME] == after[NAME])
    assert seen == sorted(seen)
    assert not seen[0]
    assert seen[-1]
    assert len(seen) > 9


def test_a_list_is_what_sha256sum_checks_and_knows_every_flipped_bit(folder):
    play(folder)
    path = folder.path / NAME
    data = path.read_bytes()
    assert re.fullmatch(rb"(#[^\n]*\n|[0-9a-f]{64}  [\w./-]+\n)+", data)
    for bit in range(0, 8 * len(data), 7):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(ListError):
            SignedList(path)


def test_a_torn_end_of_a_list_does_not_count_and_is_written_over(folder):
    path = folder.path / NAME
    before = SignedList(path).entries
    size = path.stat().st_size
    play(folder)
    data = path.read_bytes()
    for end in range(size, len(data)):
        path.write_bytes(data[:end])
        assert SignedList(path).entries == before
    play(RunFolder(folder.path))
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", FIRST)
def test_a_damaged_file_is_named_with_what_can_be_done(folder, name):
    path = folder.path / name
    for damage in (partial(path.write_text, "another"), path.unlink, path.mkdir):
        damage()
        fresh = RunFolder(folder.path)
        assert fresh.damaged() == [name]
        with pytest.raises(RecordError, match=rf"{name} must be .* \(put it back as it was, or start"):
            fresh.check()
    assert RunFolder(folder.path, checked=False).check() == []


def test_files_that_a_report_makes_again_stop_nobody(folder):
    write(folder, {"summary.csv": "a", "figures/gini.svg": "<svg/>", "rounds.parquet": "rows"})
    for name in ("summary.csv", "figures/gini.svg"):
        (folder.path / name).write_text("b")
    assert RunFolder(folder.path).check() == ["summary.csv", "figures/gini.svg"]
    (folder.path / "rounds.parquet").unlink()
    with pytest.raises(RecordError, match=r"rounds\.parquet must be a file of .*; it is gone"):
        RunFolder(folder.path).check()


def test_a_folder_without_a_list_is_read_at_the_readers_risk_alone(folder):
    (folder.path / NAME).unlink()
    with pytest.raises(RecordError, match=f"digests of its files in {NAME}; there is no such list"):
        RunFolder(folder.path).file("config.yaml")
    unchecked = RunFolder(folder.path, checked=False)
    assert unchecked.file("config.yaml").read_text() == FIRST["config.yaml"]
    write(unchecked, {"summary.csv": "a"})
    assert not (folder.path / NAME).exists()


def test_one_process_at_a_time(folder):
    order = []

    def second():
        with RunFolder(folder.path).held(wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with folder.held():
        another = RunFolder(folder.path).held()
        with pytest.raises(RecordError, match="in use by one process at a time"):
            another.__enter__()
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


@pytest.mark.parametrize("name", [NAME, LOCK, "summary.csv", CHECKPOINT, PARTS, "figures"])
def test_no_link_is_followed(folder, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "rounds-000001.parquet").write_text("one")
    target = outside if name in (PARTS, "figures") else outside / "rounds-000001.parquet"
    link = folder.path / name
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    before = contents(outside)
    texts = {"summary.csv": "a", f"{PARTS}/x.parquet": "b", "figures/a.svg": "c", CHECKPOINT: "d"}

    def use():
        with RunFolder(folder.path).held() as own:
            own.check()
            write(own, texts)

    with pytest.raises(RecordError, match=f"{name} must be the folder's own; it is a link"):
        use()
    assert contents(outside) == before


@pytest.mark.parametrize("name", ["../stolen", "/etc/passwd", "a/../../b", "a b", ".", "a/./b", "a//b"])
def test_a_list_names_files_of_its_folder_alone(tmp_path, name):
    listed = SignedList(tmp_path / NAME)
    listed.replace({name: "0" * 64})
    with pytest.raises(ListError):
        SignedList(tmp_path / NAME)


def test_what_a_link_pretends_to_be_unfinished_is_removed_and_not_written(folder, tmp_path):
    outside = tmp_path / "precious.txt"
    outside.write_text("precious")
    for name in (".summary.csv.unfinished", ".report.html.unfinished", ".rounds.parquet.unfinished"):
        (folder.path / name).symlink_to(outside)
    with folder.held():
        write(folder, {"summary.csv": "a", "report.html": "b", "rounds.parquet": "c"})
    assert outside.read_text() == "precious"
    assert not list(folder.path.glob(".*.unfinished"))
