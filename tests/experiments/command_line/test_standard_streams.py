"""Nothing that is computed depends on whether somebody can or will read what is printed."""

import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from experiments.command_line.cli import main
from experiments.command_line.standard_streams import steady_streams

TINY = ["organisations=2", "rounds=1", "replicates=1", "data.examples=300", "network.widths=[8]"]
PRINTED = [["list"], ["explain", "exp3"], ["textbook"], ["reproduce"], ["lessons", "l"]]
FULL = Path("/dev/full")


pytestmark = [
    pytest.mark.usefixtures("own_folder"),
    pytest.mark.filterwarnings("error::ResourceWarning"),
    pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning"),
]
"""Files that are left open fail the tests."""


def broken_pipe():
    """Return the descriptor of the writing end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.fixture
def stream_to(monkeypatch):
    """Put a text stream over a descriptor, or None, in the place of a standard one; close it at the end."""
    streams = []

    def put(name, descriptor, encoding="utf-8"):
        stream = None
        if descriptor is not None:
            # As Python's own: buffered, strict.
            stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w")), encoding)
            streams.append(stream)
        monkeypatch.setattr(sys, name, stream)

    yield put
    monkeypatch.undo()
    for stream in streams:
        with suppress(OSError):  # What a broken pipe or a full disk did not take.
            stream.close()


def run(folder):
    return main(["run", *TINY, "run=tables_only", f"hydra.run.dir={folder}"])


@pytest.mark.parametrize("command", [*PRINTED, ["list", "--help"]])
@pytest.mark.parametrize("kind", ["pipe", "full", "closed", "ascii"])
def test_no_command_fails_of_its_output(stream_to, command, kind, capsys):
    if kind == "full" and not FULL.exists():
        pytest.skip("this system has no /dev/full")
    if kind == "pipe":
        stream_to("stdout", broken_pipe())
    elif kind == "closed":
        stream_to("stdout", None)
    else:
        path = FULL if kind == "full" else Path("told")
        stream_to("stdout", os.open(path, os.O_WRONLY | os.O_CREAT), "ascii" if kind == "ascii" else "utf-8")
    try:
        code = main(command)
    except SystemExit as end:
        code = end.code or 0
    told = capsys.readouterr().err
    assert code == (1 if kind == "full" else 0)
    assert ("standard output cannot be written" in told) == (kind == "full")
    assert "Traceback" not in told
    if kind == "ascii":
        assert Path("told").read_bytes().decode("ascii")


@pytest.mark.parametrize("out", ["pipe", "closed"])
def test_a_run_is_whole_whatever_becomes_of_its_streams(stream_to, out):
    stream_to("stdout", broken_pipe() if out == "pipe" else None)
    stream_to("stderr", broken_pipe() if out == "pipe" else None)
    assert run("run") == 0
    assert {"summary.csv", "manifest.json", "rounds.parquet"} <= {path.name for path in Path("run").iterdir()}
    assert run("run") == 2, "what is refused is refused, though nobody hears of it"


def test_a_sweep_into_a_closed_pipe_plays_its_cells(stream_to):
    stream_to("stdout", broken_pipe())
    typed = ["seed=0,1", "hydra.sweep.dir=sweep", "hydra/launcher=basic", "run=tables_only"]
    assert main(["run", "-m", *TINY, *typed]) == 0
    assert len(list(Path("sweep").glob("cells/*/summary.csv"))) == 2
    assert Path("sweep/comparison.csv").is_file()


def test_what_an_encoding_lacks_is_spelled(stream_to):
    stream_to("stdout", os.open("told", os.O_WRONLY | os.O_CREAT), "ascii")
    with steady_streams():
        print("0.5 ± 0.1 credits² of läufe\udcff – ≥ 3")
    assert Path("told").read_text() == "0.5 +- 0.1 credits^2 of l\\xe4ufe\\udcff - >= 3\n"


def test_streams_are_what_they_were_afterwards(stream_to):
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), steady_streams():
        raise ZeroDivisionError
    assert (sys.stdout, sys.stderr) == before


def test_a_process_without_streams_writes_into_no_file_of_its_own():
    """Files get the descriptors that are free: what is printed must not land in one."""
    code = (
        "import os, sys; from experiments.command_line.standard_streams import steady_streams\n"
        "with steady_streams():\n"
        "    file = open('mine', 'w'); print('lost'); print('lost', file=sys.stderr); os.write(1, b'lost')\n"
        "    file.write('kept')"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    line = f'{sys.executable} -c "$CODE" <&- >&- 2>&-'
    assert subprocess.run(line, shell=True, env=environment | {"CODE": code}, check=False).returncode == 0
    assert Path("mine").read_text() == "kept"
