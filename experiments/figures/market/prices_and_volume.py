"""The market by round."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures.bands import by_arm, draw_band, from_zero, tell_coinciding
from experiments.figures.plan import Plan
from experiments.figures.style import legend_above, new_figure, whole_numbers
from experiments.findings.run_view import RunView

EVERYTHING = 1e-3
"""Share of the first-best gains below which what is lost could not be seen in a figure."""

EVERYTHING_GAINED = "allocative efficiency is 1 in every round and arm"
NOTHING_TO_GAIN = "no allocative efficiency: nothing could be gained in any round"


def market(view: RunView) -> Figure | None:
    """Draw prices, volume and allocative efficiency by round, one line a trading arm.

    Reads `trades` and `rounds`.

    Returns
    -------
    Figure or None
        Three panels, the last only where some gains were not realised; None without trading arms. The band of
        the price is the inter-quartile range over the trades of all replicates, the other bands are intervals
        over replicates. A round without trades has no price, and one where nothing could be gained has no
        efficiency: both are gaps.
    """
    arms = view.trading_arms
    if not arms:
        return None
    rounds = view.tables["rounds"]
    prices = price_band(view.tables["trades"], view.config.rounds)
    volume = by_arm(rounds, "round", "volume")
    efficiency = by_arm(rounds, "round", "allocative_efficiency")
    # Where all gains were realised in every round that had any, there is nothing to draw.
    everything = all((efficiency[arm]["mean"].dropna() > 1 - EVERYTHING).all() for arm in arms)
    figure = new_figure(5.4 if everything else 7.6)
    panels = list(figure.subplots(2 if everything else 3, 1, sharex=True))
    for arm in arms:
        if arm in prices:
            draw_band(panels[0], arm, prices[arm])
        draw_band(panels[1], arm, volume[arm])
        if not everything:
            draw_band(panels[2], arm, efficiency[arm])
    gained = any(efficiency[arm]["mean"].notna().any() for arm in arms)
    _label(panels, no_trades=not prices, told=EVERYTHING_GAINED if gained else NOTHING_TO_GAIN)
    for axes in panels:
        tell_coinciding(axes)
    legend_above(figure, panels[1])
    return figure


def price_band(trades: pd.DataFrame, rounds: int) -> dict[str, pd.DataFrame]:
    """Return mean price and quartiles by round for each arm with trades; NaN in rounds without trades."""
    settled = trades[trades["settled"].astype(bool)]
    every_round = pd.RangeIndex(1, rounds + 1, name="round")
    return {
        str(arm): pd.DataFrame(
            {
                "mean": by_round.mean(),
                "low": by_round.quantile(0.25),
                "high": by_round.quantile(0.75),
            }
        ).reindex(every_round)
        for arm, of_arm in settled.groupby("arm")
        for by_round in [of_arm.groupby("round")["paid"]]
    }


def _label(panels: list[Axes], no_trades: bool, told: str) -> None:
    price, volume, *efficiencies = panels
    price.set(ylabel="price\n(credits a block)")
    volume.set(ylabel="volume\n(credits a round)")
    for axes in (price, volume):
        from_zero(axes)
    for efficiency in efficiencies:
        efficiency.set(ylabel="allocative efficiency\n(share of first best)")
        low = efficiency.dataLim.y0
        efficiency.set_ylim(min(0.0, low) if pd.notna(low) else 0.0, 1.08)
    panels[-1].set_xlabel("round" if efficiencies else f"round\n{told}")
    whole_numbers(panels[-1])
    if no_trades:
        price.text(0.5, 0.5, "no trades", transform=price.transAxes, ha="center", va="center")


FIGURE = Plan(
    "market",
    "Prices, volume and efficiency",
    "Price: mean over trades, and the range of the middle half of them. Efficiency: gains from trade, as "
    "measured in trials, over the greatest that were possible. No price where a round had no trades.",
    market,
)
