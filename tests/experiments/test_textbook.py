"""Every textbook preset plays in small, agrees with theory, and is told of in the docs as it is."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import conf
from experiments.command_line.cli import main
from experiments.configuration.choices import choices_of
from experiments.findings.statistics import Interval
from experiments.studies.textbook import TEXTBOOK
from experiments.studies.textbook.application import compose_preset, set_up_textbook
from experiments.studies.textbook.base import RESULTS, joined, play_part
from experiments.studies.textbook.findings import COLUMNS, ROUNDING, Findings, ratio_samples, within
from experiments.studies.textbook.printing import agreement, markdown
from sim.data.distributions import DISTRIBUTIONS

CONF = Path(conf.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "textbook.md"

TINY = {
    "bargaining": ["pairs=400"],
    "commons": ["people=[2,5]", "groups=60"],
    "false_names": ["goods=[1,2]", "markets=12"],
    "gode_sunder": ["markets=6", "steps=600"],
    "market": ["markets=20", "rounds=2"],
    "mcafee": ["sizes=[1,3]", "markets=60"],
    "revenue_equivalence": ["bidders=[2,3]", "auctions=200", "reserves=[0,0.5]"],
    "rsop": ["sizes=[2,20]", "auctions=60"],
    "smith": ["markets=3", "days=2", "steps=60"],
}


@pytest.fixture(autouse=True)
def _textbook(own_folder):
    set_up_textbook()


def play(preset):
    """Return the tables of a preset."""
    return joined([play_part(preset, part) for part in preset.parts])


def far_from_theory(results):
    """Return the rows whose theory lies outside an interval five times as wide."""
    half = 5 * (results["high"] - results["low"]) / 2 + 10 * ROUNDING
    difference = results["measured"] - results["theory"]
    off = {
        "=": difference.abs() > half,
        ">=": difference < -half,
        "<=": difference > half,
    }
    return results[np.logical_or.reduce([off[r] & (results["relation"] == r) for r in off])]


def test_every_preset_has_a_file_and_a_small_size():
    files = {path.stem for path in (CONF / "textbook").glob("*.yaml")}
    assert files == set(TEXTBOOK) == set(TINY)


@pytest.mark.parametrize("side", ["values", "costs"])
def test_every_distribution_has_a_choice(side):
    assert choices_of(side) == list(DISTRIBUTIONS)
    for name in DISTRIBUTIONS:
        preset = compose_preset("market", [f"{side}={name}"])
        assert getattr(preset, side) == DISTRIBUTIONS.build(name)


@pytest.mark.parametrize("name", TINY)
def test_every_preset_plays_in_small_and_agrees_with_theory(name):
    preset = compose_preset(name, TINY[name])
    tables = play(preset)
    results = tables[RESULTS]
    assert list(results) == list(COLUMNS)
    assert np.isfinite(results["measured"]).all()
    assert results["theory"].notna().any()
    assert far_from_theory(results).empty, far_from_theory(results)
    assert isinstance(preset.draw(tables), Figure)
    assert preset.caption


def test_a_run_leaves_everything_and_can_be_reported_again(capsys):
    name = "mcafee"
    typed = ["textbook", name, *TINY[name]]
    assert main([*typed, "--output", "one"]) == 0
    assert main([*typed, "--output", "two", "figures=false"]) == 0
    one, two = Path("one"), Path("two")
    for file in ("results.parquet", "results.csv", "results.md"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    assert json.loads((one / "manifest.json").read_text())["preset"] == name
    assert not (two / f"{name}.png").exists()
    png, svg = ((one / f"{name}.{kind}").read_bytes() for kind in ("png", "svg"))
    told = capsys.readouterr().out
    assert "within?" in told
    assert main(["report", "one"]) == 0
    assert ((one / f"{name}.png").read_bytes(), (one / f"{name}.svg").read_bytes()) == (png, svg)
    assert "Theory agrees" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["mcafe"], ["mcafe", "bargaining, commons"]),
        (["mcafee", "size=3"], ["size", "parabourse textbook mcafee --cfg job"]),
        (["mcafee", "+sede=1"], ["sede", "parabourse textbook mcafee --cfg job"]),
        (["mcafee", "sizes=[0]"], ["sizes", "greater than or equal to 1", "got 0"]),
        (["mcafee", "markets=1"], ["markets", "greater than or equal to 2", "got 1"]),
        (["mcafee", "markets=many"], ["markets", "whole number", "many"]),
        (["mcafee", "markets=5,6"], ["one value", "markets=5,6"]),
        (["mcafee", "-m"], ["no sweeps"]),
        (["mcafee", "hydra.run.dir=here"], ["--output", "hydra.run.dir=here"]),
        (["commons", "cost=1.5"], ["cost", "less than 1", "got 1.5"]),
        (["market", "values=normal"], ["values", "uniform", "normal"]),
        (["market", "values.high=0"], ["high must be above low"]),
        (["market", "mechanism=rsop"], ["broker.licence", "copy", "rsop"]),
        (["market", "organisations=3"], ["organisations", "10", "3"]),
        (["market", "population.mix={honest:10}"], ["honest"]),
    ],
)
def test_bad_input_is_refused_in_one_sentence(capsys, typed, told):
    assert main(["textbook", *typed]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (sentence,) = captured.err.strip().splitlines()
    for word in told:
        assert word in sentence
    assert not Path("runs").exists()


def test_broken_records_are_named(capsys):
    assert main(["textbook", "rsop", *TINY["rsop"], "figures=false", "--output", "run"]) == 0
    capsys.readouterr()
    whole = Path("run/results.parquet").read_bytes()
    Path("run/results.parquet").write_bytes(whole[:50])
    assert main(["report", "run"]) == 2
    assert "results.parquet must be what SHA256SUMS says" in capsys.readouterr().err
    Path("run/results.parquet").write_bytes(whole)
    Path("run/config.yaml").write_text("name: cookbook")
    assert main(["report", "run"]) == 2
    assert "config.yaml must be what SHA256SUMS says" in capsys.readouterr().err


def test_the_list_of_presets(capsys):
    assert main(["textbook"]) == 0
    told = capsys.readouterr().out
    for name in TEXTBOOK:
        assert name in told


@pytest.mark.parametrize("rule", ["mcafee", "second_price", "nash_bargaining"])
def test_any_rule_and_strategy_can_be_played(rule):
    preset = compose_preset(
        "market", ["markets=5", f"mechanism={rule}", "population=shading", "values=exponential", "buyers=3"]
    )
    assert len(play(preset)["markets"]) == 5


def test_a_textbook_market_in_which_nothing_can_be_gained_is_drawn_without_efficiency():
    preset = compose_preset("market", ["markets=3", "values.high=0.1", "costs.low=0.5"])
    tables = play(preset)
    assert tables["markets"]["efficiency"].isna().all()
    assert "realised / first-best gains" not in set(tables["results"]["quantity"])
    preset.draw(tables)


def test_within_judges_values_and_bounds():
    """An equality needs theory in the interval; a bound needs the whole interval on its right side."""
    found = Interval(1.0, 0.9, 1.1, 50)
    assert within(found, "=", 1.05)
    assert not within(found, "=", 1.2)
    assert within(found, ">=", 0.8)
    assert not within(found, ">=", 1.0)
    assert within(found, "<=", 1.2)
    assert not within(found, "<=", 1.0)
    assert within(found, "=", float("nan")) is None


def test_findings_skip_what_is_unknown_and_count_agreement():
    findings = Findings()
    findings.add("price", [1.0, float("nan"), 3.0], 2.0, case="a")
    findings.add("price", [1.0, 1.0], 2.0, case="b")
    findings.add("price", [1.0, 1.0], case="c")
    table = findings.table()
    assert table["samples"].tolist() == [2, 2, 2]
    assert table["within"].tolist() == [True, False, pd.NA]
    assert agreement(table).startswith("Theory agrees with 1 of 2 intervals")
    assert "| b | price | 1.0000 | 1.0000 to 1.0000 | 2.0000 | NO |" in markdown(table, "size")
    with pytest.raises(ValueError, match="relation must be one of"):
        findings.add("price", [1.0], relation="~")


def test_ratios_of_means():
    numerator, denominator = np.array([1.0, 3.0, 2.0]), np.array([2.0, 4.0, 6.0])
    assert ratio_samples(numerator, denominator).mean() == pytest.approx(0.5)
    assert np.ptp(ratio_samples(2 * denominator, denominator)) < 1e-12


def test_the_page_names_the_presets_and_nothing_else():
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"parabourse textbook (\w+)", page)) == set(TEXTBOOK)
    for name in TEXTBOOK:
        if name != "market":
            assert f"](textbook/{name}.png)" in page
            assert f"](textbook/{name}.md)" in page
            for kind in ("png", "md"):
                assert (PAGE.parent / "textbook" / f"{name}.{kind}").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TINY if name != "market"])
def test_the_page_holds_the_numbers_of_the_commands(name):
    """The tables in the docs are what the documented commands write, and theory agrees with nearly all."""
    assert main(["textbook", name, "figures=false", "--output", "full"]) == 0
    written = Path("full/results.md").read_text(encoding="utf-8")
    assert written in (PAGE.parent / "textbook" / f"{name}.md").read_text(encoding="utf-8")
    judged = pd.read_parquet("full/results.parquet").dropna(subset="within")
    assert judged["within"].mean() >= 0.9
