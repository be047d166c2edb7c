"""What the figures of a market plot agrees with the orders, trades and trials, counted in another way."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import StepPatch

from experiments.figures.market.books import at, busiest, quoted, true
from experiments.figures.market.order_book_depth import resting
from experiments.figures.market.price_paths import convergence, equilibria, sellers_share
from experiments.figures.welfare.lorenz import lorenz_band
from markets.books.order_book import OrderBook
from tests.experiments.tiny_runs import ALL_ARMS, figure_of, tiny_run

pytestmark = pytest.mark.xdist_group("figures")

BOOKS = (
    "arms=[autarky,competitive]",
    "mechanism=k_double_auction",
    "broker.licence=exclusive",
    "population=shading",
    "organisations=5",
)


def lines(axes: Axes) -> dict[str, np.ndarray]:
    return {str(line.get_label()): line.get_xydata() for line in axes.get_lines()}  # type: ignore[misc]


def test_demand_and_supply_are_the_sorted_quotes_and_the_truth_behind_them() -> None:
    _, tables, _ = tiny_run(*BOOKS)
    place = busiest(tables["trades"], "competitive")
    assert place is not None
    orders, trials = at(tables["orders"], place), at(tables["trials"], place)
    bids, asks, values, costs = {}, {}, {}, {}
    for row in orders.itertuples():
        bids[row.buyer], asks[row.listing] = row.bid, row.ask
    for buyer, rows in trials.groupby("buyer"):
        if rows["value"].mean() > 0:
            values[buyer] = rows["value"].mean()
    for listing, rows in trials.groupby("listing"):
        if rows["buyer"].isin(list(values)).any():
            costs[listing] = rows["cost"].max()
    expected = [
        sorted(values.values(), reverse=True),
        sorted(costs.values()),
        sorted(bids.values(), reverse=True),
        sorted(asks.values()),
    ]
    axes = figure_of("supply_and_demand", *BOOKS).axes[0]
    drawn = [patch.get_data()[0] for patch in axes.patches if isinstance(patch, StepPatch)]
    assert len(drawn) == 4
    for found, right in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(found, right)
    quantity = max(k for k in range(5) if k == 0 or expected[0][k - 1] >= expected[1][k - 1])
    np.testing.assert_array_equal(lines(axes)["equilibrium"][1:, 0], [quantity, quantity])
    trades = at(tables["trades"], place)
    assert f"traded {len(trades)}, in equilibrium {quantity}" in axes.get_xlabel()


def test_a_licence_for_copies_offers_one_to_every_buyer_that_came() -> None:
    orders = pd.DataFrame(
        {
            "buyer": [0, 0, 1, 2],
            "listing": [1, 2, 2, 1],
            "bid": [5.0, 5.0, 4.0, 9.0],
            "ask": [1.0, 2.0, 2.0, 1.0],
            "outcome": ["traded", "no trade", "no trade", "refused"],
        }
    )
    assert quoted(orders, 10).bids.tolist() == [5.0, 4.0]
    assert quoted(orders, 10).asks.tolist() == [1.0, 2.0, 2.0]
    assert quoted(orders, 1).asks.tolist() == [1.0, 2.0]
    trials = orders.assign(value=[5.0, 3.0, 4.0, 0.0], cost=[1.0, 2.0, 3.0, 8.0])
    assert true(trials, 10).bids.tolist() == [4.0, 4.0]
    assert true(trials, 10).asks.tolist() == [3.0, 3.0, 8.0]
    assert quoted(orders[:0], 10).margin.quantity == 0
    assert np.isnan(quoted(orders[:0], 10).price)


def test_pairs_are_drawn_with_their_bids_asks_and_prices() -> None:
    _, tables, _ = tiny_run(ALL_ARMS)
    place = busiest(tables["trades"], "competitive")
    assert place is not None
    axes = figure_of("supply_and_demand", ALL_ARMS).axes[1]
    drawn = [line.get_ydata() for line in axes.get_lines() if len(line.get_xdata())]  # type: ignore[arg-type]
    orders = at(tables["orders"], place).sort_values("bid", ascending=False)
    for found, column in zip(drawn, (orders["bid"], orders["ask"]), strict=False):
        np.testing.assert_array_equal(found, column)
    np.testing.assert_array_equal(np.sort(drawn[2]), np.sort(at(tables["trades"], place)["paid"]))


def test_alpha_is_the_root_mean_square_distance_from_each_positions_own_equilibrium() -> None:
    trades = pd.DataFrame(
        {
            "arm": "competitive",
            "replicate": 0,
            "round": [1, 1, 1, 2, 2],
            "position": [0, 0, 1, 0, 1],
            "paid": [9.0, 12.0, 3.0, 10.0, 5.0],
        }
    )
    equilibria = pd.DataFrame(
        {
            "arm": "competitive",
            "replicate": 0,
            "round": [1, 1, 2, 2],
            "position": [0, 1, 0, 1],
            "equilibrium": [10.0, 2.0, 10.0, 1e-9],
        }
    )
    found = convergence(trades, equilibria).set_index("round")["measure"]
    assert found[1] == pytest.approx(100 * np.sqrt((0.1**2 + 0.2**2 + 0.5**2) / 3))
    assert found[2] == 0


def test_a_call_markets_price_is_drawn_at_the_equilibrium_of_truthful_traders() -> None:
    keys = [key for key in BOOKS if not key.startswith("population")]
    truthful, figure = tiny_run(*keys), figure_of("price_paths", *keys)
    paid = lines(figure.axes[0])["price of a trade"][:, 1]
    trades = truthful[1]["trades"]
    np.testing.assert_array_equal(paid, trades[trades["replicate"] == 0]["paid"])
    known = trades.merge(equilibria(truthful[1]["trials"], 1), on=["arm", "replicate", "round", "position"])
    assert len(known) == len(trades)
    # Bids, asks and prices are rounded to micro-credits.
    assert (abs(known["paid"] - known["equilibrium"]) < 2e-6).all()
    first = known["round"] == 1
    by_hand = [
        100 * np.sqrt((((rows["paid"] - rows["equilibrium"]) / rows["equilibrium"]) ** 2).mean())
        for _, rows in known[first].groupby("replicate")
    ]
    assert lines(figure.axes[1])["competitive"][0, 1] == pytest.approx(np.mean(by_hand))


def test_sellers_share_is_what_they_got_over_all_gains() -> None:
    trades = pd.DataFrame(
        {
            "arm": "competitive",
            "replicate": [0, 0, 1],
            "round": 1,
            "received": [3.0, 5.0, 1.0],
            "measured_cost": [1.0, 4.0, 1.0],
            "measured_value": [5.0, 6.0, 1.0],
        }
    )
    assert sellers_share(trades)["measure"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)


@pytest.mark.parametrize("capacity", [1, 3])
def test_what_rests_is_what_an_order_book_holds(capacity: int) -> None:
    rng = np.random.default_rng(capacity)
    buyers, listings = np.arange(6), np.arange(100, 104)
    bid, ask = rng.integers(1, 9, len(buyers)), rng.integers(1, 9, len(listings))
    book = OrderBook()
    arrivals = [(int(b), True, float(p), 1) for b, p in zip(buyers, bid, strict=True)]
    arrivals += [(int(k), False, float(p), capacity) for k, p in zip(listings, ask, strict=True)]
    fills = []
    for number, place in enumerate(rng.permutation(len(arrivals))):
        fills += book.submit(number, *arrivals[place])
    traded = {(fill.buyer, fill.seller) for fill in fills}
    assert traded
    orders = pd.DataFrame(
        [
            (b, k, bid[b], ask[k - 100], "traded" if (b, k) in traded else "no trade")
            for b in buyers
            for k in listings
        ],
        columns=["buyer", "listing", "bid", "ask", "outcome"],
    )
    found, right = resting(orders, capacity), book.depth()
    for column in ("bid_price", "bid_quantity", "ask_price", "ask_quantity"):
        np.testing.assert_array_equal(getattr(found, column), getattr(right, column))
    assert resting(orders, capacity, before=True).ask_quantity.sum() == capacity * len(listings)


def test_merge_curves_end_up_at_the_gains_of_the_trials() -> None:
    config, tables, _ = tiny_run(ALL_ARMS)
    figure = figure_of("merge_weights", ALL_ARMS)
    trials = tables["trials"]
    for axes, number in zip(figure.axes, (1, 2), strict=True):
        (drawn,) = (one for one in axes.collections if isinstance(one, LineCollection))
        own = trials[trials["round"] == number]
        assert len(drawn.get_segments()) == len(own)
        found = lines(axes)["its least loss"]
        np.testing.assert_allclose(np.sort(-found[:, 1]), np.sort(own["gain"]), atol=1e-12)
        np.testing.assert_array_equal(np.sort(found[:, 0]), np.sort(own["weight"]))
        curves = tables["curves"][(tables["curves"]["round"] == number)]
        for arm in config.arms[1:]:
            mean = curves[curves["arm"] == arm].groupby("weight")["loss"].mean()
            np.testing.assert_allclose(lines(axes)[arm][:, 1], mean - mean.loc[0], atol=1e-12)


def test_lorenz_curves_are_means_over_replicates_without_losses() -> None:
    gains = pd.DataFrame({"replicate": [0, 0, 1, 1, 2, 2], "net": [3.0, 1.0, 1.0, 1.0, -1.0, 5.0]})
    band = lorenz_band(gains)
    assert band.index.tolist() == [0, 0.5, 1]
    assert band["mean"].tolist() == pytest.approx([0, (0.25 + 0.5) / 2, 1])
    assert lorenz_band(gains[gains["replicate"] == 2])["mean"].isna().all()
