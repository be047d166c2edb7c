"""The report of a sweep tells it from its tables alone, in one file that needs nothing else."""

import json
import re
import shutil
from pathlib import Path

import pytest

from experiments.command_line.cli import main
from experiments.reports.pages import shown_interval
from experiments.reports.sweep_conclusion import conclude_sweep
from experiments.sweeping.sweeps import compare
from sim.records.atomic import filled
from sim.records.run_folder import RunFolder
from tests.experiments.conftest import refused
from tests.experiments.made_up_sweep import write_sweep
from tests.experiments.reports.test_report import Page
from tests.experiments.tiny_runs import draw_no_figures

# One process draws the figures that all tests look at.
pytestmark = pytest.mark.xdist_group("sweep report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_sweep(folder, organisations=(2, 4), lost="mcafee-competitive-4-1")
    conclude_sweep(folder, True, ["welfare", "test_accuracy"], {"welfare": 0.25})
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the sweep, whose report has no figures."""
    draw_no_figures(monkeypatch)
    return Path(shutil.copytree(folder, tmp_path / "sweep"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["replicates.csv", "manifest.json", "config.yaml", "SHA256SUMS"])
def test_a_damaged_cell_is_named_and_read_at_the_readers_risk_alone(
    copy: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = next(path for path in sorted((copy / "cells").iterdir()) if (path / name).is_file())
    flip(cell / name)
    for command in ("report", "figures"):
        told = refused(capsys, command, copy)
        assert f"{cell / name} must be what was written; it is not (the sweep's command plays" in told
    listed = (copy / "SHA256SUMS").read_bytes()
    # A flipped bit may leave nothing that can be read.
    assert main(["report", str(copy), "--damaged"]) in (0, 2)
    assert f"{cell / name} is not what was written, and is read all the same" in capsys.readouterr().err
    assert (copy / "SHA256SUMS").read_bytes() == listed


@pytest.mark.parametrize("name", ["sweep.json", "multirun.yaml", "SHA256SUMS"])
def test_a_damaged_plan_is_refused(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    flip(copy / name)
    assert str(copy / name) in refused(capsys, "report", copy)


def test_damaged_tables_of_a_sweep_are_made_again_and_told(
    copy: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("sweep.parquet", "replicates.parquet", "comparison.csv", "differences.csv")
    for name in names:
        flip(copy / name)
    assert main(["report", str(copy), "--half-width", "welfare=0.25"]) == 0
    told = capsys.readouterr().err
    for name in names:
        assert f"{copy / name} is not what was written, and is made again" in told
        assert (copy / name).read_bytes() == (folder / name).read_bytes()


def test_a_plan_from_a_stranger_names_no_folder_outside(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = json.loads((copy / "sweep.json").read_text())
    for key in ("../../outside", "/etc", "..", ["x"]):
        plan["cells"][0]["key"] = key
        RunFolder(copy).change({"sweep.json": filled(json.dumps(plan))})
        assert "sweep.json must be the plan of a sweep" in refused(capsys, "report", copy)


def test_the_page_has_every_figure_and_needs_no_network(page: Page, folder: Path) -> None:
    sources = [str(attrs["src"]) for tag, attrs in page.tags if tag == "img"]
    drawn = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert {attrs.get("id") for tag, attrs in page.tags if tag == "figure"} == drawn
    assert len(sources) == len(drawn) == 6
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    anchors = {str(attrs["href"]) for tag, attrs in page.tags if tag == "a"}
    names = {attrs.get("id") for _, attrs in page.tags}
    assert {anchor[1:] for anchor in anchors if anchor.startswith("#")} <= names
    assert all((folder / anchor).is_file() for anchor in anchors if not anchor.startswith("#"))


def test_differences_are_those_of_the_comparison(page: Page, folder: Path) -> None:
    table = compare(folder, {"welfare": 0.25}).differences
    chosen = table[
        (table["key"] == "mechanism")
        & (table["setting"] == "independent")
        & (table["organisations"] == 4)
        & (table["arm"] == "independent")
        & (table["metric"] == "welfare")
    ]
    (row,) = chosen.to_dict("records")
    student = shown_interval(row["mean"], row["low"], row["high"], row["n"])
    assert f"mcafee, organisations=4 independent {student}" in page.text
    assert f"{row['effect_size']:.2f}".replace("-", "−") in page.text
    assert f"{row['replicates_needed']:.0f} 0.250" in page.text
    for word in ("nan", "None", "inf"):
        assert not re.search(rf"\b{word}\b", page.text)


def test_the_page_tells_what_was_asked_what_is_missing_and_how_to_make_it_again(page: Page) -> None:
    assert "What do mechanism and setting and organisations change?" in page.text
    assert "15 cells, 2 seeds, 3 replicates a cell." in page.text
    assert "mcafee-competitive-4-1 : memory was <full>." in page.text
    assert "parabourse run -m mechanism=first_price,mcafee" in page.text
    assert "numpy 2.4.6" in page.text
    # The best choice: competitive, first_price, 4 organisations.
    assert "The competitive arm of mechanism=first_price, setting=competitive, organisations=4" in page.text
