"""What a run shows, in one plain sentence."""

import numpy as np

from experiments.configuration.keys import Config
from experiments.findings.summary import Findings


def sentence(config: Config, findings: Findings) -> str:
    """Return what the run shows, in one plain sentence made from its records."""
    trading = [arm for arm in config.arms if arm != "autarky"]
    table = findings.table
    mean = dict(
        zip(zip(table["arm"], table["metric"], strict=True), table["mean"].astype(float), strict=True)
    )
    if not trading:
        return f"Without a market, models reach a test accuracy of {mean['autarky', 'test_accuracy']:.1%}."
    arm = "competitive" if "competitive" in trading else trading[-1]
    told = f"In the {arm} market, models reach a test accuracy of {mean[arm, 'test_accuracy']:.1%}"
    if "autarky" in config.arms:
        told += (
            f" against {mean['autarky', 'test_accuracy']:.1%} alone{_doubt(findings, arm)}, and on average "
            f"{mean[arm, 'better_off']:.0%} of organisations end better off"
        )
    if mean[arm, "withheld"] > 0:
        told += (
            f"; of {mean[arm, 'welfare_improving']:.0f} trials a replicate that would have raised welfare, "
            f"sellers withheld {mean[arm, 'withheld']:.1f}, because they would have lost more than the buyer "
            f"gained, at a cost of {mean[arm, 'withheld_welfare']:.3g} of {mean[arm, 'welfare']:.3g} credits "
            f"of welfare, to first order"
        )
    return told + "."


def _doubt(findings: Findings, arm: str) -> str:
    """Return what to say of a gain in accuracy that replicates cannot tell from none; '' if they can."""
    gain = findings.value(arm, "accuracy_gain")
    if gain is None or not np.isfinite(gain.low) or gain.low > 0 or gain.high < 0:
        return ""
    return f" (no difference that {gain.n} replicates can tell)"
