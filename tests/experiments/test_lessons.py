"""Lessons run, what they claim holds, and the outputs committed with them are those of their code."""

import re
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "experiments" / "lessons").glob("*.ipynb"))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def kernel_manager():
    """One kernel for all lessons of this process: to import torch anew takes longer than a lesson."""
    manager = KernelManager(transport="ipc")
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
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
        assert numbers == pytest.approx(numbers_before, rel=0.3, abs=0.02), f"cell {number}"


def test_the_page_of_lessons_names_them_all():
    assert len(LESSONS) == 7
    page = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    assert re.findall(r"\.\./experiments/lessons/(\w+\.ipynb)", page) == [path.name for path in LESSONS]


def _told(cell):
    """Return what a cell prints and returns: its words with a sign for each number, and the numbers."""
    outputs = cell.get("outputs", [])
    texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs]
    text = " ".join(" ".join(texts).split())
    return NUMBER.sub("#", text), [float(found) for found in NUMBER.findall(text)]
