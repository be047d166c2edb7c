"""The look of every figure: one palette, a line style and marker an arm, text readable at half size."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from experiments.configuration.keys import FigureConfig
from sim.settings import SETTINGS

USUAL = FigureConfig()
"""How a figure looks of which nothing else is said."""

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
"""Okabe and Ito (2008), Color Universal Design: told apart with every common form of colour blindness."""

GREY = "#767676"

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 13.0,
    "axes.labelsize": 13.0,
    "axes.titlesize": 13.0,
    "figure.labelsize": 13.0,
    "figure.titlesize": 13.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "axes.xmargin": 0.02,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 12.0,
    "ytick.labelsize": 12.0,
    "legend.fontsize": 12.0,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "hatch.linewidth": 0.7,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.figsize": (USUAL.width, 0.6 * USUAL.width),
    "pdf.fonttype": 42,
    # Text as outlines and a fixed salt: a figure looks the same, and has the same bytes, on any machine with
    # these libraries.
    "svg.fonttype": "path",
    "svg.hashsalt": "parabourse",
}
"""Settings of matplotlib, on top of its defaults whatever the user has set."""

LINES: dict[str, float] = {
    "axes.linewidth": 0.8,
    "axes.labelpad": 4.0,
    "axes.titlepad": 6.0,
    "lines.markeredgewidth": 1.0,
    "xtick.major.size": 3.5,
    "xtick.major.width": 0.8,
    "xtick.major.pad": 3.5,
    "ytick.major.size": 3.5,
    "ytick.major.width": 0.8,
    "ytick.major.pad": 3.5,
}
"""Lengths in points, as matplotlib has them where nothing is said: they go with the size of the text."""


_IN_POINTS = ("size", "width", "pad")
"""Ends of the names of settings that are lengths in points."""


def in_style(look: FigureConfig = USUAL) -> AbstractContextManager[None]:
    """Return a context in which figures are made and saved: `STYLE`, in the size that is asked for."""
    scale = look.font_size / USUAL.font_size
    scaled = {
        name: value * scale
        for name, value in {**LINES, **STYLE}.items()
        if name.endswith(_IN_POINTS) and isinstance(value, float)
    }
    height = 0.6 * look.width
    return matplotlib.style.context(
        {**STYLE, **scaled, "figure.figsize": (look.width, height)}, after_reset=True
    )


@dataclass(frozen=True)
class ArmStyle:
    """How an arm is drawn: `colour`, `line` and `marker` in matplotlib's notation."""

    colour: str
    line: Any
    marker: str


_KNOWN = {
    "autarky": ArmStyle(BLACK, (0, (1, 1.2)), "o"),
    "independent": ArmStyle(BLUE, (0, (5, 1.6)), "s"),
    "competitive": ArmStyle(VERMILLION, "-", "^"),
    "cooperative": ArmStyle(GREEN, (0, (7, 1.6, 1.2, 1.6)), "D"),
    "silo": ArmStyle(BLACK, (0, (1, 1.2)), "o"),
    "unaligned": ArmStyle(SKY, (0, (2, 1.5)), "X"),
    "aligned": ArmStyle(BLUE, "-", "s"),
    "fedavg": ArmStyle(GREEN, (0, (5, 1.6)), "D"),
    "fedavg_late": ArmStyle(GREEN, (0, (1.5, 1.5)), "d"),
    "fedprox": ArmStyle(ORANGE, (0, (7, 1.6, 1.2, 1.6)), "P"),
    "gossip": ArmStyle(PURPLE, (0, (3, 1.2, 1, 1.2, 1, 1.2)), "v"),
    "pooled": ArmStyle(GREY, (0, (10, 3)), "*"),
    "deep_ensemble": ArmStyle(VERMILLION, (0, (4, 1)), "h"),
}
_FURTHER = (
    ArmStyle(PURPLE, (0, (3, 1.2, 1, 1.2, 1, 1.2)), "v"),
    ArmStyle(ORANGE, (0, (10, 3)), "P"),
    ArmStyle(SKY, (0, (2, 2.5)), "X"),
)


def arm_style(arm: str) -> ArmStyle:
    """Return how an arm is drawn, whatever other arms a run has."""
    if arm in _KNOWN:
        return _KNOWN[arm]
    further = [name for name in SETTINGS if name not in _KNOWN]
    place = further.index(arm) if arm in further else sum(arm.encode())
    return _FURTHER[place % len(_FURTHER)]


def new_figure(height: float) -> Figure:
    """Return an empty figure of the width in force; nothing in it will overlap.

    Parameters
    ----------
    height : float
        Inches, were the width the usual one; it shrinks and grows with the width.
    """
    width = matplotlib.rcParams["figure.figsize"][0]
    size = (width, height * width / USUAL.width)
    return Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.01 * width, wspace=0.03))


def legend_above(figure: Figure, axes: Axes, columns: int = 4, last: str = "") -> None:
    """Put one legend, with the labels of one panel, above all panels; the label `last` comes last."""
    pairs = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda pair: pair[1] == last)
    handles, labels = [handle for handle, _ in pairs], [label for _, label in pairs]
    renderer = FigureCanvasAgg(figure).get_renderer()
    for abreast in range(min(columns, max(1, len(labels))), 0, -1):
        legend = figure.legend(handles, labels, loc="outside upper center", ncols=abreast)
        if abreast == 1 or legend.get_window_extent(renderer).width <= figure.bbox.width:
            return
        legend.remove()


def fullest(panels: Sequence[Axes]) -> Axes:
    """Return the panel with most labels, the first of several: the one whose legend serves them all."""
    return max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[1]))


def whole_numbers(axes: Axes, which: str = "x") -> None:
    """Tick an axis at whole numbers only."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def plain_numbers(axis: Axis) -> None:
    """Label an axis without a power of ten set apart, which would push the titles of panels apart."""
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def mark_arm(axes: Axes, arm: str) -> None:
    """Name the arm of a panel, in its colour."""
    axes.set_title(arm, color=arm_style(arm).colour)
