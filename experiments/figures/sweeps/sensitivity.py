"""How an outcome depends on each swept key."""

import textwrap

from matplotlib.figure import Figure

from experiments.figures.bands import draw_levels
from experiments.figures.style import legend_above, new_figure
from experiments.figures.sweeps.plan import SweepPlan, SweepView, axis_label, log_scaled, over_other_keys
from experiments.findings.summary import METRICS


def sensitivity(view: SweepView) -> Figure | None:
    """Draw the outcome against each key, a panel a key: lines where its values are numbers, else points.

    Parameters
    ----------
    view : SweepView
        The sweep, the outcome and the keys.

    Returns
    -------
    Figure or None
        Means over seeds and replicates with intervals, by arm; None where the outcome was not measured.
    """
    if not view.arms or not view.keys:
        return None
    figure = new_figure(0.9 + 3.7 * len(view.keys))
    panels = figure.subplots(len(view.keys), 1, squeeze=False)[:, 0]
    for axes, key in zip(panels, view.keys, strict=True):
        draw_levels(axes, over_other_keys(view, [key]), key, view.outcome, view.arms)
        axes.set(xlabel=axis_label(view, key))
        if log_scaled(view, key):
            axes.set_xscale("log")
            axes.minorticks_off()
            values = sorted(view.sweep.replicates[key].unique())
            axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.margins(y=0.1)
    figure.supylabel(textwrap.fill(METRICS[view.outcome], 40))
    legend_above(figure, panels[0])
    return figure


FIGURE = SweepPlan(
    "sensitivity",
    "Sensitivity to each swept key",
    "Means over the values of all other swept keys: lines where a key's values are numbers, points where "
    "they are names.",
    True,
    sensitivity,
    intervals=True,
)
