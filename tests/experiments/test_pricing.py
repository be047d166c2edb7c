"""The experiment on prices under information, at a small size."""

import numpy as np
import pandas as pd
import pytest

from experiments.command_line import cli
from experiments.studies.pricing import command
from experiments.studies.pricing.command import play_pricing
from experiments.studies.pricing.gains import GAINS, measure_gains
from experiments.studies.pricing.information import EVERYTHING, NORMS, PAST, PRIOR, PROBES, SLOPES, STEEPEST
from experiments.studies.pricing.markets import FULL_INFORMATION, RULES, Observer, market_of, markets_of
from experiments.studies.pricing.prices import OFFER, READINGS, price_table
from sim.cohort import Cohort

NUMBERS = {"rounds": 3, "replicates": 2, "seed": 0}


@pytest.fixture(scope="module")
def played() -> dict[str, pd.DataFrame]:
    return play_pricing(markets_of(2), **NUMBERS)


@pytest.fixture(scope="module")
def prices(played) -> pd.DataFrame:
    return played["prices"]


def of(prices: pd.DataFrame, told: str, rule: str, setting: str = "competitive") -> pd.DataFrame:
    return prices.query("told == @told and rule == @rule and setting == @setting")


@pytest.mark.parametrize("setting", ["independent", "competitive"])
def test_who_knows_everything_pays_the_price_of_full_information(prices, setting) -> None:
    full = of(prices, EVERYTHING, READINGS, setting)
    np.testing.assert_allclose(full["distance"], 0, atol=1e-9)
    np.testing.assert_allclose(full[["deals", "gains", "hold"]], 1)
    np.testing.assert_allclose(full[["buyer", "seller"]], 0.5)
    alone = of(prices, EVERYTHING, OFFER, setting)
    np.testing.assert_allclose(alone[["seller", "deals"]], 1)
    np.testing.assert_allclose(alone["buyer"], 0, atol=1e-9)


def test_nobody_loses_by_a_deal_and_no_deal_brings_more_than_there_is(prices) -> None:
    assert (prices[["buyer", "seller"]] >= -1e-12).to_numpy().all()
    assert (prices["gains"] <= 1 + 1e-12).all()
    np.testing.assert_allclose(prices["buyer"] + prices["seller"], prices["gains"])
    assert prices.loc[prices["rule"] == OFFER, "distance"].isna().all()


def test_probes_bring_prices_near_and_deals_about(prices) -> None:
    for setting in ("independent", "competitive"):
        told = of(prices, STEEPEST, READINGS, setting).groupby("probes")[["distance", "gains"]].mean()
        assert list(told.index) == list(PROBES)
        assert told["distance"].iloc[-1] < 0.1 * told["distance"].iloc[0]
        assert told["gains"].iloc[-1] > 0.95


def test_true_bounds_hold_and_norms_tell_no_more_than_slopes(prices) -> None:
    assert (prices.loc[prices["told"].isin([PRIOR, PAST, STEEPEST, EVERYTHING]), "hold"] == 1).all()
    true = prices[prices["told"] == STEEPEST]
    np.testing.assert_allclose(true[["steepness", "covers"]], 1)
    assert (of(prices, NORMS, READINGS)["steepness"] > of(prices, SLOPES, READINGS)["steepness"].max()).all()
    assert prices.loc[prices["told"] == PRIOR, "steepness"].isna().all()
    by_norms, by_slopes = (of(prices, told, READINGS)["distance"].to_numpy() for told in (NORMS, SLOPES))
    assert (by_norms[2:] >= by_slopes[2:]).all()


def test_the_table_has_the_paired_difference_to_past_rounds(prices) -> None:
    table = price_table(prices).set_index(["told", "probes", "rule", "setting", "measure"])["mean"]
    where = (0, READINGS, "competitive")
    difference = table[PRIOR, *where, "distance"] - table[PAST, *where, "distance"]
    assert table[PRIOR, *where, "above_past"] == pytest.approx(difference)
    assert table[PAST, *where, "above_past"] == 0


def test_gains_are_those_that_the_market_recorded(played) -> None:
    """Rivals without a market are the arm autarky; with full information both sides have half of a deal."""
    gains = played["gains"].query("rule == @FULL_INFORMATION")
    np.testing.assert_allclose(gains["as_buyer"], gains["as_seller"], atol=1e-5)
    cohort = Cohort(
        market_of(2, RULES[FULL_INFORMATION]), ["autarky", "independent", "competitive"], 2, NUMBERS["seed"]
    )
    rounds = [cohort.step() for _ in range(NUMBERS["rounds"])]
    tables = {name: pd.concat([one[name] for one in rounds]) for name in rounds[0]}
    organisations = tables["organisations"]
    net = organisations.pivot_table("net", ["arm", "replicate"], "organisation", aggfunc="sum")
    above = net.loc["competitive"] - net.loc["autarky"]
    measured = gains.query("setting == 'competitive'")
    np.testing.assert_allclose(measured["organisation"], above.mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(measured["least"], above.min(axis=1), atol=1e-9)
    consumers = tables["rounds"].pivot_table("consumer_surplus", "replicate", "arm", aggfunc="sum")
    expected = (consumers["competitive"] - consumers["autarky"]) / 2
    np.testing.assert_allclose(measured["consumers"], expected, atol=1e-9)
    alone = organisations.query("arm == 'autarky'")
    again = measure_gains(cohort.config, FULL_INFORMATION, tables, alone)
    np.testing.assert_allclose(again[list(GAINS)], gains[list(GAINS)])


def test_pairs_are_worth_what_the_market_says() -> None:
    cohort = Cohort(market_of(2, RULES[FULL_INFORMATION]), ["competitive"], 1, 0)
    observer = Observer(cohort)
    for _ in range(2):
        cohort.step(observer)
        (pairs,) = observer.pairs
        value, cost = pairs.money(pairs.gain[None])
        assert pairs.world.cleared is not None
        np.testing.assert_allclose(value[0], pairs.world.cleared.prospects.appraisal.value, rtol=1e-9)
        np.testing.assert_allclose(cost[0], pairs.world.cleared.prospects.appraisal.cost, rtol=1e-9)
        more = [each[0] for each in pairs.money(1.1 * pairs.gain[None])]
        assert (more[0] > value[0]).all()
        assert (more[1] > cost[0]).all()


def test_the_command_prints_saves_and_draws(played, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(command, "play_cells", lambda folder, cells: [played for _ in cells])
    numbers = [word for name, number in NUMBERS.items() for word in (f"--{name}", str(number))]
    folder = tmp_path / "new"
    assert cli.main(["pricing", "--organisations", "2", *numbers, "--output", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "2 organisations, competitive" in shown
    assert "Who gains from the market" in shown
    saved = {path.name for path in folder.iterdir()}
    assert saved == {"config.yaml", "prices.csv", "gains.csv", "prices_2.png", "prices_2.svg"}
    for name, table in played.items():
        pd.testing.assert_frame_equal(pd.read_csv(folder / f"{name}.csv"), table, check_exact=False)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--organisations", "2", "1"], "organisations must be a whole number >= 2; got 1"),
        (["--rounds", "1"], "rounds must be a whole number >= 2; got 1"),
        (["--replicates", "0"], "replicates must be a whole number >= 1; got 0"),
    ],
)
def test_wrong_numbers(option, sentence, capsys) -> None:
    assert cli.main(["pricing", *option]) == 2
    assert sentence in capsys.readouterr().err
