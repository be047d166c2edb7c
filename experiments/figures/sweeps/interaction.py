"""How an outcome depends on two swept keys at once."""

import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from experiments.figures.style import BLACK, arm_style, new_figure
from experiments.figures.sweeps.plan import SweepPlan, SweepView, axis_label, over_other_keys
from experiments.findings.comparison import OWN_SETTING, worlds
from experiments.findings.summary import METRICS

COLUMNS = 10
"""Cells that have room for their numbers across the figure."""

ABREAST = 3
"""Most panels in a row: their labels and gaps take room too."""


def interaction(view: SweepView) -> Figure | None:
    """Draw the outcome as heat maps of two keys with values in the cells, a panel an arm.

    Parameters
    ----------
    view : SweepView
        The sweep, the outcome and the keys, of which the first two are drawn.

    Returns
    -------
    Figure or None
        Means over seeds, replicates and all other keys, on one scale. Cells without a run are blank, and arms
        that neither key changes are left out. Where one of the two is the setting, the arms that bear its
        name make one panel. None with one key, or if nothing is left.
    """
    rows = _rows(view, view.keys[:2]) if len(view.keys) > 1 else []
    if not rows:
        return None
    shown = np.concatenate([grid.to_numpy().ravel() for row in rows for grid in row.values()])
    norm = Normalize(float(np.nanmin(shown)), float(np.nanmax(shown)))
    downs = [1.9 + 0.4 * max(len(grid) for grid in row.values()) for row in rows]
    figure = new_figure(0.4 + sum(downs))
    figure.suptitle(textwrap.fill(METRICS[view.outcome], 70))
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=downs)[:, 0]
    for part, row in zip(parts, rows, strict=True):
        panels = part.subplots(1, len(row), squeeze=False)[0]
        for axes, (arm, grid) in zip(panels, row.items(), strict=True):
            labels = (
                axis_label(view, str(grid.columns.name), 54 // len(panels)),
                axis_label(view, str(grid.index.name), 30),
            )
            image = _draw(axes, grid, norm, labels)
            axes.set_title(arm, color=BLACK if arm == OWN_SETTING else arm_style(arm).colour)
        for axes in panels[1:]:
            axes.tick_params(labelleft=False)
            axes.set_ylabel("")
        part.colorbar(image, ax=panels, pad=0.02)
    return figure


def mean_grid(view: SweepView, down: str, across: str, arm: str) -> pd.DataFrame:
    """Return the mean outcome of an arm, one key down and one across, in the order of the sweep."""
    found = over_other_keys(view, [down, across])
    means = found[found["arm"] == arm].groupby([down, across])[view.outcome].mean().unstack()  # noqa: PD010
    order = [[*dict.fromkeys(view.sweep.replicates[key])] for key in (down, across)]
    return means.reindex(index=order[0], columns=order[1])


def _rows(view: SweepView, pair: list[str]) -> list[dict[str, pd.DataFrame]]:
    """Return the panels of two keys, as many in a row as there is room for."""
    replicates = view.sweep.replicates
    if "setting" in pair:
        sweep = replace(view.sweep, replicates=replicates.assign(arm=worlds(replicates)))
        view = replace(view, sweep=sweep)
    across, down = sorted(pair, key=lambda key: replicates[key].nunique())
    grids = {arm: mean_grid(view, down, across, arm) for arm in view.arms}
    changed = [arm for arm, grid in grids.items() if np.nanmax(grid) > np.nanmin(grid)]
    abreast = min(ABREAST, max(1, COLUMNS // replicates[across].nunique()))
    chunks = [changed[start : start + abreast] for start in range(0, len(changed), abreast)]
    return [{arm: grids[arm] for arm in chunk} for chunk in chunks]


def _draw(axes: Axes, grid: pd.DataFrame, norm: Normalize, labels: tuple[str, str]) -> AxesImage:
    image = axes.imshow(grid.to_numpy(), cmap="cividis", norm=norm, aspect="auto")
    axes.grid(visible=False)
    names = [str(value).replace("_", " ") for value in grid.columns]
    turned = max(map(len, names)) > 6
    axes.set_xticks(
        range(len(names)), names, rotation=30 if turned else 0, ha="right" if turned else "center"
    )
    axes.set_yticks(range(len(grid)), [str(value).replace("_", " ") for value in grid.index])
    axes.set(xlabel=labels[0], ylabel=labels[1])
    for (row, column), value in np.ndenumerate(grid.to_numpy()):
        if np.isfinite(value):
            ink = "white" if norm(value) < 0.5 else "black"
            axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize="small", color=ink)
    return image


FIGURE = SweepPlan(
    "interaction",
    "Two keys at once",
    "The first two swept keys: means over seeds, replicates and the values of all others, on one scale. "
    "Arms that neither key changes are left out.",
    True,
    interaction,
)
