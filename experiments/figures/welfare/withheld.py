"""What competition withholds."""

from matplotlib.figure import Figure

from experiments.figures.bands import by_arm, draw_band, from_zero
from experiments.figures.plan import Plan
from experiments.figures.style import legend_above, new_figure, whole_numbers
from experiments.findings.run_view import RunView


def withheld(view: RunView) -> Figure | None:
    """Draw by round the deals that would raise welfare, those that sellers withheld, and what that cost.

    Reads `rounds`, and the regions in `organisations`.

    Returns
    -------
    Figure or None
        Three panels, one line an arm with a market and rivals; None if there is no such arm.
    """
    arms = [arm for arm in view.trading_arms if len(set(view.regions(arm))) < view.config.organisations]
    if not arms:
        return None
    rounds = view.tables["rounds"].sort_values("round")
    rounds = rounds.assign(cost=rounds.groupby(["arm", "replicate"])["withheld_welfare"].cumsum())
    labels = {
        "welfare_improving": "welfare-improving\ntrials a round",
        "withheld": "of these withheld\na round",
        "cost": "welfare lost so far\n(credits)",
    }
    figure = new_figure(7.2)
    panels = figure.subplots(3, 1, sharex=True)
    for axes, (column, label) in zip(panels, labels.items(), strict=True):
        band = by_arm(rounds, "round", column)
        for arm in arms:
            draw_band(axes, arm, band[arm])
        from_zero(axes)
        axes.set_ylabel(label)
    panels[-1].set_xlabel("round")
    whole_numbers(panels[-1])
    legend_above(figure, panels[0])
    return figure


FIGURE = Plan(
    "withheld",
    "What competition withholds",
    "A block is withheld when its seller would lose more to a stronger rival than the buyer would gain. "
    "The welfare lost is of first order: each buyer's best withheld block instead of the one it bought, "
    "all other models as they were.",
    withheld,
)
