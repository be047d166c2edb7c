"""Merge-weight curves."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from experiments.figures.bands import by_arm, draw_band
from experiments.figures.plan import Plan
from experiments.figures.style import BLACK, GREY, legend_above, new_figure
from experiments.findings.run_view import RunView

TRIAL = ["arm", "replicate", "round", "buyer", "seller", "position"]
SHOWN = 60
"""Most trials of a panel that are drawn one by one."""


def merge_weights(view: RunView) -> Figure | None:
    """Draw what each trial found by merge weight, in the first, the middle and the last round with trials.

    Reads `curves`.

    Returns
    -------
    Figure or None
        One panel a round, on one scale: change of the buyer's validation loss, trials one by one and, where
        all compared the same weights, means by arm with intervals over replicates. None where the run did not
        record the curves, or nothing was tried.
    """
    curves = view.tables.get("curves")
    if curves is None or curves.empty or curves["weight"].max() == 0:
        return None
    rounds = curves["round"].unique()
    chosen = list(dict.fromkeys(rounds[[0, len(rounds) // 2, -1]].tolist()))
    figure = new_figure(4.8)
    panels = figure.subplots(1, len(chosen), sharex=True, sharey=True, squeeze=False)[0]
    for axes, number in zip(panels, chosen, strict=True):
        rows = changes(curves[curves["round"] == number])
        draw_merge_curves(axes, rows)
        trials_of = rows.groupby("weight").size()
        if trials_of.min() == trials_of.max():
            means = rows.groupby(["arm", "replicate", "weight"])["change"].mean().reset_index()
            band = by_arm(means, "weight", "change")
            for arm in view.trading_arms:
                if arm in band:
                    draw_band(axes, arm, band[arm])
        axes.set_title(f"round {number}")
        axes.set(xlabel="merge weight", xlim=(-0.02, 1.02))
    panels[0].set_ylabel("change of validation loss\n(nats an example)")
    legend_above(figure, panels[0], 3)
    return figure


def changes(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the curves with `trial`, which counts them, and `change`, the loss less that at weight 0.

    Parameters
    ----------
    curves : DataFrame
        Rows of the table `curves`: the weights of each trial follow each other and rise from 0.
    """
    keys = curves[TRIAL]
    first = (keys != keys.shift()).any(axis=1).to_numpy()
    trial, loss = np.cumsum(first) - 1, curves["loss"].to_numpy()
    return curves.assign(trial=trial, change=loss - loss[first][trial])


def draw_merge_curves(axes: Axes, curves: pd.DataFrame) -> None:
    """Draw trials one by one as thin lines, each with a dot at its least loss.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    curves : DataFrame
        Rows of the table `curves` as `changes` returns them. Of more than `SHOWN` trials, as many are drawn,
        evenly spread over their order by gain.
    """
    by_gain = curves.groupby("trial")["change"].min().sort_values().index
    places = np.unique(np.linspace(0, len(by_gain) - 1, min(SHOWN, len(by_gain))).round().astype(int))
    shown = curves[curves["trial"].isin(by_gain[places])]
    lines = [rows[["weight", "change"]].to_numpy() for _, rows in shown.groupby("trial")]
    axes.add_collection(LineCollection(lines, colors=GREY, linewidths=0.8, alpha=0.5, label="a trial"))
    best = np.array([line[line[:, 1].argmin()] for line in lines])
    axes.plot(*best.T, linestyle="", marker="o", color=BLACK, markersize=3.5, label="its least loss")
    axes.axhline(0, color=BLACK, linewidth=1)
    axes.autoscale_view()


FIGURE = Plan(
    "merge_weights",
    "What trials find",
    "Validation loss of (1 - w) own + w bought, less that of the buyer's own model, by merge weight w: below "
    "0 a purchase helps, and the lowest point is the gain from trade. Lines with markers: means by arm.",
    merge_weights,
)
