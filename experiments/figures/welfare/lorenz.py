"""Inequality of net profits."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.figures.bands import draw_band, over_replicates
from experiments.figures.plan import Plan
from experiments.figures.style import GREY, legend_above, new_figure
from experiments.findings.run_view import RunView
from experiments.findings.statistics import Interval
from sim.consumers.welfare import lorenz


def lorenz_curves(view: RunView) -> Figure | None:
    """Draw the Lorenz curves of net profits over the whole run, one line an arm, with Gini coefficients.

    Reads the findings' net profits by arm, replicate and organisation, and its metric `gini`.

    Returns
    -------
    Figure
        Means over replicates, those with a net loss left out: there inequality is not defined.
    """
    figure = new_figure(6.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, label="equal")
    for arm in view.config.arms:
        draw_band(axes, arm, lorenz_band(view.findings.gains[view.findings.gains["arm"] == arm]))
        axes.lines[-1].set_label(f"{arm}: {_told(view.findings.value(arm, 'gini'))}")
    axes.set(
        xlabel="share of organisations, the poorest first",
        ylabel="their share of all net profits",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        aspect="equal",
    )
    legend_above(figure, axes, 2, last="equal")
    return figure


def lorenz_band(gains: pd.DataFrame) -> pd.DataFrame:
    """Return the mean Lorenz curve over replicates and its interval, by share of organisations.

    Parameters
    ----------
    gains : DataFrame
        Columns `replicate` and `net`, one row a replicate and organisation.
    """
    curves = [lorenz(net.to_numpy()) for _, net in gains.groupby("replicate")["net"]]
    share = np.linspace(0, 1, len(curves[0]))
    points = pd.DataFrame({"share": np.tile(share, len(curves)), "held": np.concatenate(curves)})
    return over_replicates(points, "share", "held")


def _told(gini: Interval | None) -> str:
    if gini is None or np.isnan(gini.mean):
        return "not defined, a net loss"
    return f"Gini {gini.mean:.3f}" + ("" if np.isnan(gini.low) else f" ± {gini.high - gini.mean:.3f}")


FIGURE = Plan(
    "lorenz",
    "Who has how much of it",
    "The lower a line, the more unequal net profits are over the whole run; one less twice the area below it "
    "is the Gini coefficient. Replicates in which somebody ends with a loss are left out: there it is not "
    "defined.",
    lorenz_curves,
)
