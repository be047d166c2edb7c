"""Heat maps of what adversaries take and destroy, by rule."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from experiments.figures.style import new_figure

PANELS = {
    "others_payoff": "what it changes for the others",
    "adversary_payoff": "what it changes for itself",
}


def draw_harm(table: pd.DataFrame, market: str) -> Figure:
    """Draw the mean changes of payoffs by adversary and rule.

    Parameters
    ----------
    table : DataFrame
        Columns `market`, `adversary`, `rule`, `measure`, `mean`, `low` and `high`, credits a replicate.
    market : str
        Which rows to draw.

    Returns
    -------
    Figure
        One panel for the others and one for the adversary; numbers whose 95% interval has no zero are bold.
    """
    rows = table[table["market"] == market]
    adversaries, rules = list(rows["adversary"].unique()), list(rows["rule"].unique())
    figure = new_figure(1.9 + 2 * (0.8 + 0.5 * len(adversaries)))
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    for axes, (measure, title) in zip(panels, PANELS.items(), strict=True):
        own = rows[rows["measure"] == measure].set_index(["adversary", "rule"])
        _heat_map(axes, own, adversaries, rules)
        axes.set_title(f"{title}, credits")
    # Upright lines of a label take less room across than slanted ones, which would run into each other.
    names = [rule.replace(", ", ",\n") for rule in rules]
    panels[-1].set_xticks(np.arange(len(rules)), names, rotation=90, linespacing=1.1)
    panels[-1].set_xlabel("rule of the market")
    return figure


def _heat_map(axes: Axes, own: pd.DataFrame, adversaries: list[str], rules: list[str]) -> None:
    grid = own.reindex(pd.MultiIndex.from_product([adversaries, rules]))
    shape = (len(adversaries), len(rules))
    mean, low, high = (grid[column].to_numpy().reshape(shape) for column in ("mean", "low", "high"))
    reach = max(float(np.nanmax(np.abs(mean))), 1e-9)
    axes.imshow(mean, cmap="RdBu", norm=TwoSlopeNorm(0, -reach, reach), aspect="auto")
    axes.grid(visible=False)
    axes.set_yticks(np.arange(shape[0]), [name.replace("_", " ") for name in adversaries])
    for (i, j), value in np.ndenumerate(mean):
        if np.isfinite(value):
            axes.text(
                j,
                i,
                f"{value:.2f}" if abs(value) >= 0.005 else "0",
                ha="center",
                va="center",
                fontsize="small",
                fontweight="bold" if low[i, j] > 0 or high[i, j] < 0 else "normal",
                color="white" if abs(value) > 0.6 * reach else "black",
            )
