"""The rate at which gradients vanish: what theory bounds, measured over horizons.

For stochastic gradient descent with T steps of a size in proportion to 1/sqrt(T), on an objective that is
smooth but not convex, the mean over the steps of the expected squared gradient norm is O(1/sqrt(T)) (Ghadimi
and Lan 2013); Huang, Vishwakarma and Sala (2023) state the same of training with trade. What is measured:
after each of the T rounds, trade included, the squared norm of the gradient of an organisation's own
objective, the mean loss on its own examples, at its model; its mean over the rounds and organisations, G_T.
Every horizon T is a run of its own with its own step size. The slope is that of the least-squares line of log
G_T on log T; -1/2 or less is what the bound asks for, in the limit. The gradient of the own objective says
nothing of other people's classes: after a merge it may well be larger.

Core Objects: horizons, rate_table
"""

import numpy as np
import pandas as pd

from experiments.findings.statistics import interval

HORIZON = "rounds"
BOUND = -0.5


def horizons(records: pd.DataFrame) -> pd.DataFrame:
    """Return G_T, one row an arm, replicate and horizon: `arm`, `replicate`, `horizon` and `gradient`.

    `records` are those of an experiment that varies the rounds and measures gradients; the `chosen` ones
    count.
    """
    chosen = records[records["chosen"]].assign(horizon=lambda table: table[HORIZON].astype(int))
    means = chosen.groupby(["arm", "replicate", "horizon"], sort=False)["gradient"].mean()
    return means.reset_index()


def rate_table(records: pd.DataFrame) -> pd.DataFrame:
    """Return the fitted slope of each arm, one row an arm.

    Columns: `arm`, `slope`, `low`, `high` (95% interval over replicates), `n`, `bound` (-1/2), and `slower`,
    whether the whole interval is above the bound.
    """
    rows = []
    for arm, group in horizons(records).groupby("arm", sort=False):
        slopes = [
            np.polyfit(np.log(own["horizon"]), np.log(own["gradient"]), 1)[0]
            for _, own in group.groupby("replicate")
        ]
        found = interval(slopes)
        row = {"arm": arm, "slope": found.mean, "low": found.low, "high": found.high, "n": found.n}
        rows.append(row | {"bound": BOUND, "slower": found.low > BOUND})
    return pd.DataFrame(rows)
