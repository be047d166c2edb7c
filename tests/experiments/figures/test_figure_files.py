"""Figures are saved as the same bytes from the same records, with captions, and as large as was asked for."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest

from experiments.configuration.keys import FigureConfig
from experiments.figures import FIGURES, draw_figures
from experiments.figures.style import in_style
from experiments.findings.run_view import RunView
from tests.experiments.tiny_runs import ALL_ARMS, AUCTIONS, EDGES, TWO_ARMS, tiny_run

pytestmark = pytest.mark.xdist_group("figures")


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn and get their names and captions, but no files."""
    monkeypatch.setattr(
        "experiments.figures.save_figure",
        lambda folder, name, *_: [folder / f"{name}.{kind}" for kind in ("png", "svg")],
    )


@pytest.mark.usefixtures("unsaved")
def test_all_figures_that_apply_are_drawn_where_none_is_named(tmp_path: Path) -> None:
    drawn = draw_figures(tmp_path, RunView(*tiny_run(TWO_ARMS)))
    assert [one.name for one in drawn] == [name for name in FIGURES if name in AUCTIONS]


@pytest.mark.parametrize(
    "names",
    [
        # Lines with bands, bars with hatches, an image.
        pytest.param(["learning_curves", "welfare", "trade_network"], id="some"),
        pytest.param([name for name in FIGURES if name in AUCTIONS], id="all", marks=pytest.mark.slow),
    ],
)
def test_the_same_records_give_the_same_bytes_whatever_the_users_style(
    names: list[str], tmp_path: Path
) -> None:
    run = tiny_run(TWO_ARMS)
    first = draw_figures(tmp_path / "a", RunView(*run), names)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": None}):
        second = draw_figures(tmp_path / "b", RunView(*run), names)
    assert [one.name for one in first] == names
    for one, other in zip(first, second, strict=True):
        assert one.png.read_bytes() == other.png.read_bytes()
        assert one.svg.read_bytes() == other.svg.read_bytes()
        assert one.png.read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in one.svg.read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(
        f"{name}.{kind}" for name in names for kind in ("png", "svg")
    )


@pytest.mark.usefixtures("unsaved")
def test_captions_say_how_many_replicates_the_intervals_are_over(tmp_path: Path) -> None:
    several = draw_figures(tmp_path, RunView(*tiny_run(*EDGES["only autarky"])), ["welfare"])
    assert [one.caption.endswith("95% intervals over 2 replicates.") for one in several] == [True]
    single = draw_figures(tmp_path, RunView(*tiny_run(*EDGES["one replicate, one round"])), ["welfare"])
    assert ["no interval" in one.caption for one in single] == [True]


@pytest.mark.usefixtures("unsaved")
def test_only_figures_with_intervals_speak_of_them(tmp_path: Path) -> None:
    names = ["welfare", "trade_network"]
    captions = {one.name: one.caption for one in draw_figures(tmp_path, RunView(*tiny_run(ALL_ARMS)), names)}
    assert "95% intervals over" in captions["welfare"]
    assert "interval" not in captions["trade_network"]


def test_figures_for_print_have_the_width_and_the_text_that_were_asked_for(tmp_path: Path) -> None:
    config, tables, findings = tiny_run(ALL_ARMS)
    look = FigureConfig(width=3.5, font_size=8.0, pdf=True)
    config = replace(config, run=replace(config.run, figure=look))
    (one,) = draw_figures(tmp_path, RunView(config, tables, findings), ["learning_curves"])
    assert one.pdf is not None
    data = one.pdf.read_bytes()
    assert data.startswith(b"%PDF")
    assert b"/Type /Font" in data
    assert b"CreationDate" not in data
    width = float(re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+)", data)[1])  # type: ignore[index]
    assert width == pytest.approx(72 * 3.5)
    with in_style(look):
        figure = FIGURES["learning_curves"].draw(RunView(config, tables, findings))
        assert figure is not None
        figure.draw_without_rendering()
        sizes = {label.get_fontsize() for axes in figure.axes for label in axes.get_xticklabels()}
        assert [*sizes] == [pytest.approx(12 * 8 / 13)]
        legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.width
