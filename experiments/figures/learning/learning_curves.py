"""Learning curves."""

from matplotlib.figure import Figure

from experiments.figures.bands import by_arm, draw_band, from_zero, tell_coinciding
from experiments.figures.plan import Plan
from experiments.figures.style import legend_above, new_figure, whole_numbers
from experiments.findings.run_view import RunView


def learning_curves(view: RunView) -> Figure | None:
    """Draw test accuracy and test loss by round, one line an arm.

    Reads `rounds`.

    Returns
    -------
    Figure
        Two panels: accuracy (share of examples), loss (nats an example); means over organisations.
    """
    figure = new_figure(4.6)
    panels = figure.subplots(1, 2, sharex=True)
    labels = {"test_accuracy": "test accuracy (share)", "test_loss": "test loss (nats an example)"}
    for axes, (column, label) in zip(panels, labels.items(), strict=True):
        band = by_arm(view.tables["rounds"], "round", column)
        for arm in view.config.arms:
            draw_band(axes, arm, band[arm])
        axes.set(xlabel="round", ylabel=label)
        whole_numbers(axes)
    panels[0].set_ylim(0, 1)
    from_zero(panels[1])
    tell_coinciding(panels[0])
    tell_coinciding(panels[1], top=True)
    legend_above(figure, panels[0])
    return figure


FIGURE = Plan(
    "learning_curves",
    "Learning with and without a market",
    "Mean over organisations on test data that no decision has seen.",
    learning_curves,
)
