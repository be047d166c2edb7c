"""Readings, verdicts and the page, from records made by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import conf
from experiments.command_line.sentences import UserError
from experiments.findings.statistics import Interval
from experiments.studies.reproduction.claims import CLAIMS, PRICING, Claim, Verdict
from experiments.studies.reproduction.page import judge_all, reproduce_all, write_page
from experiments.studies.reproduction.readings import (
    Reading,
    difference,
    differences_by_cell,
    gain_of_each,
    price_readings,
    trend,
)
from experiments.studies.reproduction.summary import MEASURES

GAIN = {"0.1": 0.3, "0.8": 0.05}
GAINERS = {"silo": 0, "aligned": 1, "pooled": 2}
NOISE = [0.0, 0.01, -0.01, 0.02]


def records(varies: bool = False) -> pd.DataFrame:
    """Two organisations; the second gains twice what the first gains, and noise is common to the arms."""
    rows = [
        {
            **({"data.kept": kept} if varies else {}),
            "arm": arm,
            "replicate": replicate,
            "organisation": organisation,
            "round": number,
            "chosen": True,
            **dict.fromkeys((m.column for m in MEASURES.values()), 1.0),
            "test_accuracy": 0.5
            + 10 * noise
            + (number == 2)
            * {"silo": 0, "aligned": 1, "pooled": 2}[arm]
            * (1 + organisation)
            * (gain + noise),
        }
        for kept, gain in (GAIN.items() if varies else [("", 0.3)])
        for arm in GAINERS
        for replicate, noise in enumerate(NOISE)
        for organisation in range(2)
        for number in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_readings_are_paired_differences_at_the_end() -> None:
    found = difference(records(), "aligned", "silo").found
    each = 1.5 * (0.3 + np.array(NOISE))
    half = stats.t.ppf(0.975, 3) * each.std(ddof=1) / 2
    assert (found.mean, found.low, found.n) == pytest.approx((each.mean(), each.mean() - half, 4))
    first, second = gain_of_each(records(), "aligned", "silo")
    assert second.found.mean == pytest.approx(2 * first.found.mean)
    assert first.label.startswith("organisation 1: aligned less silo: test accuracy")
    of_cells = differences_by_cell(records(True), "data.kept", "aligned", "silo")
    assert [r.label[:13] for r in of_cells] == ["data.kept=0.1", "data.kept=0.8"]
    steeper = trend(records(True), "data.kept", "aligned", "silo", "0.1", "0.8").found
    assert steeper.mean == pytest.approx(1.5 * 0.25)
    assert steeper.low == pytest.approx(1.5 * 0.25)
    with pytest.raises(ValueError, match="records must hold the arm 'fedavg'; got silo, aligned, pooled"):
        difference(records(), "fedavg", "silo")


def test_prices_are_read_against_the_state_before() -> None:
    distance = {
        ("prior", 0): 4.0,
        ("steepest slope", 0): 3.0,
        ("steepest slope", 4): 1.0,
        ("steepest slope", 16): 0.9,
    }
    prices = pd.DataFrame(
        [
            {
                "setting": "competitive",
                "rule": rule,
                "told": told,
                "probes": probes,
                "replicate": r,
                "distance": d,
            }
            for rule, factor in (("readings", 1), ("offer", 7))
            for (told, probes), d in ((key, factor * value) for key, value in distance.items())
            for r in range(3)
        ]
    )
    assert [reading.found.mean for reading in price_readings(prices)] == pytest.approx([1.0, 2.0, 0.1])


@pytest.mark.parametrize(
    ("lows", "verdict"),
    [
        ([0.1, 0.2], Verdict.REPRODUCED),
        ([0.1, 0.0], Verdict.NOT_REPRODUCED),
        ([0.1, np.nan], Verdict.NOT_REPRODUCED),
        ([0.1, -0.5], Verdict.NOT_REPRODUCED),
        ([], Verdict.NOT_TESTABLE),
    ],
)
def test_a_claim_needs_every_interval_above_0(lows, verdict) -> None:
    readings = [Reading("a number", Interval(0.5, low, 0.9, 5)) for low in lows]
    beside = Reading("another", Interval(-1.0, -2.0, 0.0, 5)).beside("of which nothing is claimed")
    claim = Claim("a claim", "", "", "two_organisations", lambda _: readings, ())
    assert claim.judge([*readings, beside]) is verdict


def test_a_bound_holds_unless_the_whole_interval_is_beyond_it() -> None:
    found = [Interval(0.0, -0.1, 0.1, 5), Interval(-0.2, -0.3, -0.1, 5)]
    near, beyond = (Reading("a bound", one, bound=True) for one in found)
    assert (near.holds, near.contradicts, beyond.holds, beyond.contradicts) == (True, False, False, True)
    assert Reading("a number", found[0]).holds is False


def test_one_contradiction_is_enough_and_a_bound_alone_is_not() -> None:
    claim = Claim("a claim", "", "", "two_organisations", lambda _: [], ())
    good, bad = (Reading("a number", Interval(m, m - 0.1, m + 0.1, 5)) for m in (0.5, -0.5))
    assert claim.judge([good, bad]) is Verdict.CONTRADICTED
    assert claim.judge([Reading("a bound", good.found, bound=True)]) is Verdict.NOT_TESTABLE


def test_claims_are_about_the_presets_as_they_are(tmp_path) -> None:
    with pytest.raises(UserError, match="all takes replicates, seed, jobs, device alone; got 'arms="):
        reproduce_all(tmp_path / "all", ["arms=[silo]"])
    assert not (tmp_path / "all").exists()


def test_the_page_tells_every_claim(tmp_path) -> None:
    own = [
        Claim(
            "Gain & more",
            "They gain.",
            "abstract",
            "p",
            lambda r: gain_of_each(r, "aligned", "silo"),
            ("full",),
        ),
        Claim("Elsewhere", "Nobody knows.", "abstract", "", None, ()),
    ]
    figure = tmp_path / "f.svg"
    figure.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    findings = judge_all({"p": records()}, own)
    page = write_page(tmp_path, findings, records(), {"p": figure}).read_text(encoding="utf-8")
    for piece in (
        "Of 2 claims: 1 reproduced, 0 not reproduced: contradicted, 0 not reproduced: inconclusive",
        "Gain &amp; more",
        "parabourse reproduce p",
        "4 replicates each",
        "data:image/svg+xml;base64,",
        "50% (50% to 50%)",
    ):
        assert piece in page
    assert "http" not in page.replace("http-equiv", "")
    table = pd.read_csv(tmp_path / "claims.csv")
    assert table["verdict"].tolist() == ["reproduced", "reproduced", "not testable here"]
    assert "| [Gain & more](#gain--more) | abstract | 2 of 2 | **reproduced** |" in (
        tmp_path / "claims.md"
    ).read_text(encoding="utf-8")


def test_every_claim_reads_a_preset() -> None:
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)
    presets = {path.stem for path in (Path(conf.__file__).parent / "reproduction").glob("*.yaml")}
    assert {claim.preset for claim in CLAIMS if claim.read} <= presets | {PRICING}
