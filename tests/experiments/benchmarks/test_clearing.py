from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.benchmarks import clearing as benchmark_clearing
from experiments.benchmarks.clearing import clearing_tasks, run_clearing_benchmark
from experiments.benchmarks.plain_clearing import (
    plain_assignment,
    plain_auctions,
    plain_call,
    plain_validation,
)
from experiments.command_line import cli
from markets.theory import SHAPLEY_SHUBIK, vickrey_utilities

TASKS = [
    "call market, columns",
    "McAfee, columns",
    "call market, one book of pairs",
    "validation of orders, 100 bidders a listing",
    "first price, 100 bidders a listing",
    "second price, 100 bidders a listing",
    "assignment 20 x 20, columns",
    "assignment 20 x 20, pairs",
    "order book",
]


@pytest.mark.parametrize("orders", [100, 2500, 9999])
def test_plain_python_and_the_market_agree(orders: int) -> None:
    """Every task that has a plain way finds the same trades and prices by it."""
    compared = 0
    for task in clearing_tasks(orders):
        if task.plain is not None:
            np.testing.assert_allclose(task.ours(), task.plain(), rtol=1e-9, atol=1e-12)
            compared += 1
        if task.floor is not None:
            task.floor()
    assert compared == 9


def test_the_saved_table_and_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_clearing_benchmark(100, 1, tmp_path)
    table = pd.read_csv(tmp_path / "clearing.csv")
    assert table.task.tolist() == TASKS
    np.testing.assert_allclose(table.plain_over_ours, table.plain_ms / table.ours_ms)
    np.testing.assert_allclose(
        table.ours_over_floor.dropna(), (table.ours_ms / table.floor_ms).dropna(), rtol=1e-12
    )
    assert (tmp_path / "clearing.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"  # PNG specification, 5.2
    shown = capsys.readouterr().out
    assert all(task in shown for task in TASKS)


def test_a_rule_that_finds_something_else_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_clearing, "plain_call", lambda *given: (1, 0.0, 0.0))
    with pytest.raises(RuntimeError, match="call market, columns must give the same"):
        run_clearing_benchmark(100, 1, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--orders", "99"], "orders must be a whole number >= 100; got 99"),
        (["--repeats", "0"], "repeats must be a whole number >= 1; got 0"),
    ],
)
def test_mistakes_are_told(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["benchmark", "--tasks", "clearing", *given]) == 2
    assert message in capsys.readouterr().err


def test_plain_rules_by_hand() -> None:
    """Books of github.com/erelsgl/auctions (mcafee_protocol.py), and an auction of Vickrey's."""
    bids = [9.0, 17.0, 13.0, 14.0, 6.0]
    assert plain_call(bids, [11.0, 4.0, 5.0, 8.0, 1.0], 0.5) == (4, 8.5, 8.5)
    assert plain_call(bids, [11.0, 4.0, 5.0, 8.0, 1.0], None) == (4, 8.5, 8.5)
    assert plain_call(bids, [13.0, 4.0, 5.0, 8.0, 1.0], None) == (3, 9.0, 8.0)
    assert plain_call([4.0], [5.0], 0.5)[0] == 0
    assert plain_auctions([7, 7, 8, 7], [3.0, 5.0, 1.0, 4.0], 2.0, True) == ([1], [4.0])
    assert plain_auctions([7, 8], [3.0, 5.0], 2.0, True) == ([0, 1], [2.0, 2.0])
    assert plain_auctions([7, 7], [3.0, 5.0], 2.0, False) == ([1], [5.0])


def test_plain_validation_counts_the_good_rows() -> None:
    """Good; good; a repeated pair; an own listing; another seller; infinite; NaN; negative."""
    buyers, sellers, listings = [1, 2, 1, 0, 3, 4, 5, 6], [0, 0, 0, 0, 9, 0, 0, 0], [7] * 8
    bids = [1.0, 1.0, 1.0, 1.0, 1.0, float("inf"), float("nan"), -1.0]
    assert plain_validation(buyers, sellers, listings, bids, [0.0] * 8) == 2


def test_the_plain_assignment_finds_the_houses_and_vickrey_prices() -> None:
    """Shapley and Shubik 1971, section 3.3; Leonard 1983 on whole numbers, so exactly."""
    houses = SHAPLEY_SHUBIK
    surplus = np.maximum(np.array(houses.values).T - np.array(houses.reserves), 0.0)
    units, prices = plain_assignment(surplus.tolist())
    assert tuple(units.index(house) for house in range(3)) == houses.buyer_of_house
    assert tuple(np.array(prices) + houses.reserves) == houses.least_prices
    worth = np.random.default_rng(0).integers(0, 30, (7, 7)).astype(float)
    units, prices = plain_assignment(worth.tolist())
    gained = worth[np.arange(7), units] - np.array(prices)[units]
    np.testing.assert_allclose(gained, vickrey_utilities(worth), atol=1e-9)
