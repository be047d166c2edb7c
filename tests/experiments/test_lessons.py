"""Lessons run, what they claim holds, and the outputs committed with them are those of their code."""

import ast
import base64
import logging
import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from ipykernel.kernelapp import IPKernelApp
from jupyter_client import KernelManager
from nbclient import NotebookClient

from experiments.command_line.cli import main
from experiments.teaching.lessons import LESSONS
from tests.experiments.own_process import FORK

# One process keeps one kernel for all lessons.
pytestmark = pytest.mark.xdist_group("lessons")

ROOT = Path(__file__).parents[2]
MARKS = {"2_auction_rules": pytest.mark.heavy, "5_bargaining": ()}
"""Of lessons that are played at full size alone, since smaller they say nothing."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


class ForkedKernel(KernelManager):
    """Manages a kernel that is a fork of this process: to import torch anew takes longer than a lesson."""

    has_kernel = True

    def start(self):
        self.write_connection_file()
        self.process = FORK.Process(target=_serve, args=(self.connection_file,), daemon=True)
        self.process.start()

    def is_alive(self):
        return self.process.is_alive()

    async def _async_is_alive(self):
        """Answer clients that wait for the kernel's first heartbeat, as they do on a busy machine."""
        return self.is_alive()

    def stop(self):
        self.process.kill()
        self.process.join()
        self.cleanup_connection_file()
        self.cleanup_ipc_files()


def _serve(connection_file):
    os.chdir(ROOT)
    # What a run before this in the same process logged to is closed by now.
    logging.getLogger().handlers.clear()
    kernel = IPKernelApp.instance(connection_file=connection_file)
    kernel.initialize([])
    kernel.start()


@pytest.fixture(scope="module")
def kernel_manager(tmp_path_factory):
    """One kernel for all lessons of this process."""
    folder = tmp_path_factory.mktemp("kernel")
    manager = ForkedKernel(transport="ipc", connection_file=str(folder / "kernel.json"))
    manager.start()
    yield manager
    manager.stop()


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=MARKS.get(path.stem, pytest.mark.slow)) for path in LESSONS],
)
def test_a_lesson_runs_and_its_committed_outputs_are_up_to_date(path, kernel_manager):
    """A cell that fails is a claim that is false."""
    committed = nbformat.read(path, as_version=4)
    played = nbformat.from_dict(committed)
    played.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    NotebookClient(played, km=kernel_manager, resources={"metadata": {"path": str(ROOT)}}).execute()
    for number, (fresh, old) in enumerate(zip(played.cells[1:], committed.cells, strict=True), start=1):
        said, numbers = _told(fresh)
        said_before, numbers_before = _told(old)
        assert said == said_before, f"cell {number}"
        # Another processor rounds otherwise, and training carries that on.
        assert numbers == pytest.approx(numbers_before, rel=0.15, abs=0.01), f"cell {number}"


@pytest.mark.parametrize(
    "path", [path for path in LESSONS if path.stem not in MARKS], ids=lambda path: path.stem
)
def test_the_code_of_a_lesson_runs_small(path, monkeypatch):
    """Every cell but its claims, which small worlds do not bear out."""
    monkeypatch.chdir(ROOT)
    names = {"display": lambda *_: None}
    with plt.rc_context(), plt.ioff():
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "code":
                source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
                exec(compile(Small().visit(ast.parse(source)), f"{path.stem}, cell {number}", "exec"), names)
        drawn = plt.get_fignums()
        plt.close("all")
    assert drawn


class Small(ast.NodeTransformer):
    """Makes a lesson's worlds small, and leaves out its claims."""

    most = {
        "ROUNDS": 2,
        "REPLICATES": 2,
        "GOODS": 50,
        "replicates": 2,
        "local_epochs": 1,
        "markets": 50,
        "groups": 50,
        "orders": 500,
        "examples": 400,
    }

    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for name, value in zip(target.elts, node.value.elts, strict=True):
                    self._bound(getattr(name, "id", None), value)
            self._bound(getattr(target, "id", None), node.value)
        return node

    def visit_keyword(self, node):
        self.generic_visit(node)
        self._bound(node.arg, node.value)
        return node

    def visit_Dict(self, node):
        self.generic_visit(node)
        for key, value in zip(node.keys, node.values, strict=True):
            self._bound(getattr(key, "value", None), value)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if getattr(node.func, "id", None) == "range" and len(node.args) == 1:
            self._bound("replicates" if getattr(node.args[0], "value", 0) > 20 else None, node.args[0])
        return node

    def _bound(self, name, value):
        """Let a whole number that is given to a name be at most what small worlds have of it."""
        if name in self.most and isinstance(value, ast.Constant) and isinstance(value.value, int):
            value.value = min(value.value, self.most[name])


def test_the_page_of_lessons_shows_them_all_with_a_figure_of_each():
    page = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    names = re.findall(r"\.\./experiments/teaching/lessons/(\w+)\.ipynb", page)
    assert names == [path.stem for path in LESSONS]
    assert len(names) == 7
    for path in LESSONS:
        drawn = [
            base64.b64decode(one["data"]["image/png"])
            for cell in nbformat.read(path, as_version=4).cells
            for one in cell.get("outputs", [])
            if "image/png" in one.get("data", {})
        ]
        assert f"lessons/{path.stem}.png" in page
        assert (ROOT / "docs" / "lessons" / f"{path.stem}.png").read_bytes() in drawn


def test_lessons_are_copied_to_be_edited_and_never_written_over(tmp_path, capsys):
    assert main(["lessons", str(tmp_path / "class")]) == 0
    copies = sorted((tmp_path / "class").iterdir())
    assert [copy.read_bytes() for copy in copies] == [path.read_bytes() for path in LESSONS]
    assert main(["lessons", str(tmp_path / "class")]) == 2
    assert str(copies[0]) in capsys.readouterr().err


def _told(cell):
    """Return what a cell prints and returns: its words with a sign for each number, and the numbers."""
    outputs = cell.get("outputs", [])
    texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs]
    text = " ".join(" ".join(texts).split())
    return NUMBER.sub("#", text), [float(found) for found in NUMBER.findall(text)]
