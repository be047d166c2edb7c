"""The report of a sweep tells it from its tables alone, in one file that needs nothing else."""

import re
from pathlib import Path

import pytest

from experiments.pages import shown_interval
from experiments.sweep_conclusion import conclude_sweep
from experiments.sweeps import compare
from tests.experiments.made_up_sweep import write_sweep
from tests.experiments.test_report import Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_sweep(folder, organisations=(2, 4), lost="mcafee-competitive-4-1")
    conclude_sweep(folder, True, ["welfare", "test_accuracy"], {"welfare": 0.25})
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


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
