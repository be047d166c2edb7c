"""The report tells a run from its records alone, in one file that needs nothing else."""

import base64
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from experiments.figures import FIGURES
from experiments.findings.summary import METRICS, Findings
from experiments.reports.drawn import Drawn
from experiments.reports.pages import DASH, number
from experiments.reports.report import shown, write_report
from sim.records.tables import TABLES
from tests.experiments.tiny_runs import ALL_ARMS, EDGES, Run, tiny_run

pytestmark = pytest.mark.xdist_group("figures")

DRAWN = [*FIGURES, "of_tomorrow"]
"""A figure that no section of the page names is shown too."""

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Reads a page: its tags, their attributes, and its text; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(folder: Path, run: Run, drawn: list[Drawn]) -> Page:
    config, _, findings = run
    return Page(write_report(folder, config, findings, drawn).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    _, tables, _ = tiny_run(ALL_ARMS)
    (folder / "figures").mkdir()
    for name in DRAWN:
        (folder / f"figures/{name}.svg").write_text(f"<svg><title>{name}</title></svg>")
    for name in TABLES:
        tables[name].to_parquet(folder / f"{name}.parquet")
    (folder / "manifest.json").write_text(
        json.dumps(
            {
                "versions": {"python": "3.11.7", "numpy": "2.4.6", "<b>odd</b>": "1 & 2", "parabourse": None},
                "platform": "Linux",
                "device": "cpu",
                "accelerator": None,
                "threads": 2,
                "parameters": 8970,
                "seconds": {"train": 1.25, "try": 2.5},
            }
        )
    )
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("- organisations=2\n- arms=[autarky,competitive]\n")
    return folder


@pytest.fixture(scope="module")
def drawn(folder: Path) -> list[Drawn]:
    return [
        Drawn(n, f"Title {n}", 'A <i>"caption"</i>', folder / f"figures/{n}.png", folder / f"figures/{n}.svg")
        for n in DRAWN
    ]


@pytest.fixture(scope="module")
def page(folder: Path, drawn: list[Drawn]) -> Page:
    return report(folder, tiny_run(ALL_ARMS), drawn)


def test_every_figure_is_in_the_file_itself_with_a_text_that_stands_for_it(
    page: Page, drawn: list[Drawn]
) -> None:
    images = {attrs["src"]: attrs["alt"] for tag, attrs in page.tags if tag == "img"}
    assert len(images) == len(drawn)
    for one in drawn:
        source = "data:image/svg+xml;base64," + base64.b64encode(one.svg.read_bytes()).decode()
        assert images[source] == f"{one.title}. {one.caption}"


def test_the_page_needs_no_network_and_runs_nothing(page: Page, folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
    files = {
        attrs["href"] for tag, attrs in page.tags if tag == "a" and not str(attrs["href"]).startswith("#")
    }
    assert files == {f"{name}.parquet" for name in TABLES} | {"manifest.json"}
    anchors = {str(attrs["href"])[1:] for tag, attrs in page.tags if tag == "a"} - {f[1:] for f in files if f}
    assert anchors <= {attrs.get("id") for _, attrs in page.tags}


def test_text_from_outside_is_escaped(page: Page, folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>odd</b>" not in text
    assert html.escape("<b>odd</b>") in text
    assert "<i>" not in text
    assert "<b>odd</b> 1 & 2" in page.text


def test_numbers_are_those_of_the_table(page: Page) -> None:
    config, _, findings = tiny_run(ALL_ARMS)
    cells = [row for row in _rows(page) if row[0] in METRICS]
    assert {row[0] for row in cells} == set(findings.table["metric"])
    for metric, *values in cells:
        for arm, value in zip(config.arms, values, strict=True):
            assert value == str(shown(findings, arm, metric))
    assert f"competitive : {shown(findings, 'competitive', 'trades')}" in page.text
    for word in ("nan", "None", "inf"):
        assert not re.search(rf"\b{word}\b", page.text)


def _rows(page: Page) -> list[list[str]]:
    """Return the rows of the tables of metrics: the metric's name, then a text for each arm."""
    rows: list[list[str]] = []
    names = set(METRICS)
    words = [w.strip() for w in page.words if w.strip()]
    arms = len(tiny_run(ALL_ARMS)[0].arms)
    for place, word in enumerate(words):
        if word in names and (place == 0 or words[place - 1] in METRICS.values()):
            values: list[str] = []
            for text in words[place + 1 :]:
                if text.startswith("["):
                    values[-1] += f" {text}"
                elif len(values) == arms:
                    break
                else:
                    values.append(text)
            rows.append([word, *values])
    return rows


def test_a_run_can_be_made_again_from_its_report(page: Page) -> None:
    assert "parabourse run organisations=2 'arms=[autarky,competitive]'" in page.text
    assert "Seed 0." in page.text
    assert "numpy 2.4.6" in page.text
    assert "3.750 s: train 1.2 s, try 2.5 s" in page.text
    assert "8,970 parameters" in page.text


def test_records_are_listed_with_their_rows(page: Page) -> None:
    _, tables, _ = tiny_run(ALL_ARMS)
    for name in TABLES:
        assert re.search(rf"{name}\.parquet [^.]*? {len(tables[name])}\b", page.text)


def test_an_interval_that_includes_zero_is_called_no_difference(tmp_path: Path) -> None:
    config, _, findings = tiny_run(ALL_ARMS)
    told = {
        (-1.0, 2.0): "0.5 [−1.0, 2.0]: no difference can be told",
        (0.2, 0.8): "0.50 [0.20, 0.80]: more than alone",
        (-0.8, -0.2): "−0.50 [−0.80, −0.20]: less than alone",
    }
    for (low, high), words in told.items():
        row = {"mean": (low + high) / 2, "low": low, "high": high, "n": 2}
        table = _with(findings.table, "competitive", "accuracy_gain", row)
        page = report(tmp_path, (config, {}, Findings(findings.replicates, findings.gains, table)), [])
        assert f"competitive : test accuracy {shown(findings, 'competitive', 'test_accuracy')}" in page.text
        assert f"accuracy above autarky {words}." in page.text


def _with(table: pd.DataFrame, arm: str, metric: str, row: dict[str, float]) -> pd.DataFrame:
    kept = table[(table["arm"] != arm) | (table["metric"] != metric)]
    added = pd.DataFrame([{"arm": arm, "metric": metric, "meaning": METRICS[metric], **row}])
    return pd.concat([kept, added], ignore_index=True)


@pytest.mark.parametrize("edge", EDGES)
def test_runs_in_which_little_happened_have_a_report_too(edge: str, tmp_path: Path) -> None:
    config, _, findings = run = tiny_run(*EDGES[edge])
    page = report(tmp_path, run, [])
    for word in ("nan", "None", "inf"):
        assert not re.search(rf"\b{word}\b", page.text)
    assert ("How did the market work?" in page.text) == (config.arms != ["autarky"])
    assert ("nothing can be said of chance" in page.text) == (config.replicates == 1)
    assert ("No market of this run has rivals" in page.text) == (edge == "no rivals")
    assert f"{config.organisations} organisations" in page.text
    assert number(findings.table["mean"].iloc[0]) != DASH


def test_the_same_run_gives_the_same_page(folder: Path, drawn: list[Drawn], tmp_path: Path) -> None:
    config, _, findings = tiny_run(ALL_ARMS)
    first = write_report(folder, config, findings, drawn).read_bytes()
    again = tmp_path / folder.name
    shutil.copytree(folder, again)
    assert write_report(again, config, findings, drawn).read_bytes() == first


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.00001, "−0.0000100"),
        (0.8650417827298049, "0.865"),
        (31.609759521534933, "31.61"),
        (1039.4, "1,039"),
        (-2.5, "−2.500"),
        (441953280.0, "4.42\u00a0×\u00a010⁸"),
        (float("nan"), DASH),
        (float("inf"), DASH),
    ],
)
def test_numbers_as_text(value: float, text: str) -> None:
    assert number(value) == text


def test_digits_stop_at_the_second_of_the_half_length() -> None:
    table = pd.DataFrame(
        [
            # The quick start's figures: 32.6 -+ 6.4, and a ratio close to one.
            {"arm": "a", "metric": "withheld", "mean": 32.6, "low": 26.232309, "high": 38.967691, "n": 5},
            {
                "arm": "a",
                "metric": "price_of_anarchy",
                "mean": 1.00385,
                "low": 0.99925,
                "high": 1.00845,
                "n": 5,
            },
            {"arm": "a", "metric": "gini", "mean": 0.25, "low": float("nan"), "high": float("nan"), "n": 1},
            {"arm": "a", "metric": "minimum", "mean": float("nan"), "low": 0.0, "high": 0.0, "n": 0},
        ]
    )
    findings = Findings(pd.DataFrame(), pd.DataFrame(), table)
    assert str(shown(findings, "a", "withheld")) == "32.6 [26.2, 39.0]"
    assert shown(findings, "a", "withheld").sign == 1
    ratio = shown(findings, "a", "price_of_anarchy", null=1.0)
    assert (str(ratio), ratio.sign, ratio.told) == ("1.004 [0.999, 1.008]", 0, True)
    assert str(shown(findings, "a", "gini")) == "0.250"
    assert not shown(findings, "a", "gini").told
    assert str(shown(findings, "a", "minimum")) == str(shown(findings, "b", "gini")) == DASH
