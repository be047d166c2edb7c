"""Reports in Chromium: at both widths nothing sticks out, every picture is there, and nothing is fetched."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments.figures import draw_figures
from experiments.findings.run_view import RunView
from experiments.reports.report import write_report
from experiments.reports.sweep_conclusion import OUTCOMES, conclude_sweep
from tests.experiments.browser import browser, needs_chromium
from tests.experiments.made_up_sweep import write_sweep
from tests.experiments.tiny_runs import ALL_ARMS, tiny_run

pytestmark = [needs_chromium, pytest.mark.xdist_group("browser")]

A4_WITHOUT_MARGINS = 673
"""Width of the page's text in print, CSS pixels."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    config, tables, findings = tiny_run(ALL_ARMS)
    (folder / "run").mkdir()
    names = ["learning_curves", "welfare", "gains"]
    drawn = draw_figures(folder / "run/figures", RunView(config, tables, findings), names)
    write_report(folder / "run", config, findings, drawn)
    conclude_sweep(write_sweep(folder / "sweep"), True, OUTCOMES[:1])
    return {kind: folder / kind / "report.html" for kind in ("run", "sweep")}


@pytest.fixture(scope="module")
def chromium() -> Iterator[SimpleNamespace]:
    """One browser for all pages, and what they asked for."""
    asked: list[str] = []
    with browser(asked) as visit:
        yield SimpleNamespace(visit=visit, asked=asked)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_pages_fit_screens_and_paper_and_fetch_nothing(
    reports: dict[str, Path], chromium: SimpleNamespace, kind: str
) -> None:
    address = reports[kind].as_uri()
    chromium.asked.clear()
    for width in (1280, 390):
        page = chromium.visit(address, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert page.evaluate("document.images.length") == 3
    page = chromium.visit(address, A4_WITHOUT_MARGINS)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_WITHOUT_MARGINS
    unbroken = "[...document.querySelectorAll('figure, tr')].map(e => getComputedStyle(e).breakInside)"
    assert set(page.evaluate(unbroken)) == {"avoid"}
    # 20 cm is less than a page, so that a figure that is kept whole fits on one.
    heights = page.evaluate("[...document.images].map(i => i.getBoundingClientRect().height)")
    assert max(heights) <= 20 / 2.54 * 96 + 1
    assert {url for url in chromium.asked if not url.startswith("data:")} == {address}
