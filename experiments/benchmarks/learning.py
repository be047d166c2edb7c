"""Table and figure of the benchmark of learning: plain loops against the fleet, task by task.

Core Objects: print_learning, cost_figure
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.benchmarks.tables import number, print_table
from experiments.benchmarks.task import AUCTION, TASKS
from experiments.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION

# Told apart with any colour vision, and on white; shape says the same once more.
COLOURS = (BLUE, SKY, VERMILLION, ORANGE, GREEN, PURPLE, GREY, BLACK, "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
HEADINGS = ("task", "N", "items timed", "plain ms", "fleet ms", "ratio", "min - max", "items / s", "GFLOP/s")


def print_learning(table: pd.DataFrame, markdown: bool) -> None:
    """Print all columns that matter; in Markdown the ratios alone, a column a number of organisations."""
    if markdown:
        sizes = sorted(set(table.organisations))
        rows = []
        for task, found in table.groupby("task", sort=False):
            ratios = dict(zip(found.organisations, found.ratio, strict=True))
            cells = [f"{ratios[size]:.2g}" if size in ratios else "" for size in sizes]
            rows.append([str(task), *cells])
        print_table(["task", *[f"N={size}" for size in sizes]], rows, markdown=True)
        return
    run = table.iloc[0]
    print_table(
        (*HEADINGS, "of peak", "MiB", "difference"),
        [_cells(row) for _, row in table.iterrows()],
        f"Fleet against plain loops: {run.network}, {run.device}, {_threads(run.threads)}, "
        f"torch {run.torch}, peak memory {run.peak_memory_mib:.0f} MiB",
        f"ratio: plain / fleet, median of {run.repeats}, above 1 the fleet is faster; "
        f"ms: median {run.clock} time, an item (training: an epoch); items / s: by the fleet; "
        f"peak: float32 matrix products at {run.peak_gflops:.0f} GFLOP/s in this run; "
        "MiB: the fleet's tensors beside data and models",
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _cells(row: pd.Series) -> list[str]:
    return [
        str(row.task),
        str(row.organisations),
        f"{row['items']} {row['item']}{'s' * (row['items'] != 1)}",
        f"{row.plain_ms:.3f}",
        f"{row.fleet_ms:.3f}",
        f"{row.ratio:.2f}",
        f"{row.ratio_min:.2f} - {row.ratio_max:.2f}",
        f"{1e3 / row.fleet_ms:,.0f}",
        number(row.gflops, ".1f"),
        number(row.peak_share, ".0%"),
        f"{row.fleet_tensors_mib:.1f}",
        f"{row.difference:.0e}",
    ]


def cost_figure(table: pd.DataFrame) -> Figure:
    """Return milliseconds an item by the fleet, and the ratio to plain loops, against organisations.

    A line a task; bars of the ratio go from the least to the greatest. The auction, which is made for
    accelerators, is left out on a CPU.
    """
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    cost, ratio = figure.subplots(1, 2)
    on_cpu = table.device[0] == "cpu"
    for name, rows in table.groupby("task", sort=False):
        if on_cpu and name == AUCTION:
            continue
        place = TASKS.index(str(name))
        style = {"color": COLOURS[place], "marker": MARKERS[place], "label": str(name)}
        cost.plot(rows.organisations, rows.fleet_ms, **style)
        bars = [rows.ratio - rows.ratio_min, rows.ratio_max - rows.ratio]
        ratio.errorbar(rows.organisations, rows.ratio, bars, capsize=3, **style)
    ratio.axhline(1, color="0.5", linewidth=1, linestyle="--")
    ratio.yaxis.set_major_formatter("{x:g}")
    cost.set_ylabel("milliseconds an organisation or pair, by the fleet")
    ratio.set_ylabel("time of plain loops / time of the fleet")
    for axes in (cost, ratio):
        _organisations_below(axes, sorted(set(table.organisations)))
    title = f"{table.network[0]}, {table.device[0]}, {_threads(table.threads[0])}, torch {table.torch[0]}"
    figure.suptitle(title, fontsize=10)
    handles, labels = ratio.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=4, loc="outside lower center")
    return figure


def _organisations_below(axes: Axes, sizes: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlabel("organisations")
    axes.yaxis.set_major_formatter("{x:.3g}")
