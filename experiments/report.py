"""The report of a run: one HTML file that tells what was asked, what came out, and how to make it again.

Every number in it comes from the run's records, through `Findings`; the words are in
`templates/report.html.j2`.

Core Objects: write_report
"""

import base64
import inspect
import json
import math
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from experiments.conclusion import sentence
from experiments.config import Config
from experiments.figures import Drawn
from experiments.figures.bands import over_replicates
from experiments.figures.style import arm_style
from experiments.summary import METRICS, Findings
from sim.records import write_atomically
from sim.settings import SETTINGS

DASH = "–"
NO_BREAK = "\u00a0"

HEADLINE = (
    "welfare",
    "welfare_gain",
    "consumer_surplus",
    "profits",
    "broker_surplus",
    "test_accuracy",
    "better_off",
    "minimum",
    "gini",
)

MANIFEST = ("versions", "platform", "device", "accelerator", "threads", "parameters", "seconds")

RECORDS = {
    "rounds": "totals of every round: welfare, learning, trade, floating-point operations",
    "organisations": "every organisation in every round: losses, accuracy, price, profit, account",
    "trials": "every trial: gain, merge weight, value, cost, whether withheld",
    "orders": "every bid and ask, and what became of it",
    "trades": "every trade: measured, said, paid and realised",
    "ledger": "every movement of money, in micro-credits",
    "curves": "every trial's validation loss at every merge weight it compared",
}


@dataclass(frozen=True)
class Shown:
    """A metric as text, and what its interval says of zero.

    Attributes
    ----------
    mean, interval : str
        Numbers with the same decimals; `interval` is '' where there is one replicate or none, `mean` a dash
        where there is no number.
    sign : int
        1 if the interval lies above `null`, -1 if below, 0 if it includes it or there is none.
    told : bool
        Whether there is an interval at all.
    n : int
        Replicates behind it.
    """

    mean: str
    interval: str
    sign: int
    told: bool
    n: int

    def __str__(self) -> str:
        return f"{self.mean} {self.interval}".strip()


def write_report(folder: Path, config: Config, findings: Findings, drawn: list[Drawn]) -> Path:
    """Write `report.html`: a single file without scripts that needs no network, and return its path.

    Parameters
    ----------
    folder : Path
        The run's folder; versions and times come from its `manifest.json`, the command from Hydra's `.hydra`.
    config : Config
        What was run.
    findings : Findings
        What came out.
    drawn : list of Drawn
        The figures, which are copied into the file.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": number, "plain": "{:g}".format}
    text = environment.get_template("report.html.j2").render(_context(folder, config, findings, drawn))
    path = folder / "report.html"
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))
    return path


def number(value: float, decimals: int | None = None) -> str:
    """Return a number as text: some four digits, powers of ten from a million on, a dash for none."""
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value) >= 1e6:
        power = math.floor(math.log10(abs(value)))
        return f"{_signed(value / 10**power, 2)}{NO_BREAK}×{NO_BREAK}10{str(power).translate(_SUPERSCRIPTS)}"
    return _signed(value, _decimals(value) if decimals is None else decimals)


def shown(findings: Findings, arm: str, metric: str, null: float = 0.0) -> Shown:
    """Return a metric of an arm as text; a dash where it does not apply.

    Parameters
    ----------
    findings : Findings
        Reads `table`.
    arm, metric : str
        Which row.
    null : float
        The value that the interval is held against for `sign`: 0 for a difference, 1 for a ratio.
    """
    rows = findings.table[(findings.table["arm"] == arm) & (findings.table["metric"] == metric)]
    if rows.empty or not math.isfinite(rows["mean"].iloc[0]):
        return Shown(DASH, "", 0, False, 0)
    mean, low, high = (float(rows[name].iloc[0]) for name in ("mean", "low", "high"))
    told = math.isfinite(low)
    decimals = _decimals(max(abs(x) for x in (mean, low, high) if math.isfinite(x)))
    if told and high > low:
        # Digits beyond two of the interval's half length say nothing.
        decimals = max(0, min(decimals, 1 - math.floor(math.log10((high - low) / 2))))
    interval = f"[{number(low, decimals)}, {number(high, decimals)}]" if told else ""
    sign = (low > null) - (high < null) if told else 0
    return Shown(number(mean, decimals), interval, sign, told, int(rows["n"].iloc[0]))


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _signed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    # A rounded -0.00 is no negative number.
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("-")
    return text.replace("-", "−")


def _decimals(scale: float) -> int:
    if scale == 0 or not math.isfinite(scale):
        return 0
    power = math.floor(math.log10(abs(scale)))
    return min(8, max(0, 3 - power if power >= 0 else 2 - power))


def _context(folder: Path, config: Config, findings: Findings, drawn: list[Drawn]) -> dict[str, Any]:
    world = config.market()
    trading = [arm for arm in config.arms if SETTINGS[arm].trades]
    regions = {
        arm: world.in_setting(arm).setting.downstream(config.organisations).region for arm in config.arms
    }
    return {
        "config": config,
        "world": world,
        "lead": sentence(config, findings),
        "arms": config.arms,
        "about": {arm: _first_line(SETTINGS[arm]) for arm in config.arms},
        "colour": {arm: arm_style(arm).colour for arm in config.arms},
        "regions": {arm: len(set(region.tolist())) for arm, region in regions.items()},
        "trading": trading,
        "rivals": [arm for arm in trading if len(set(regions[arm].tolist())) < config.organisations],
        "priced": [arm for arm in trading if not SETTINGS[arm].cooperates],
        "mechanism": world.mechanism,
        "mechanism_rule": _first_line(type(world.mechanism)),
        "strategies": Counter(one.name for one in config.population.strategies(config.organisations)),
        "shown": lambda arm, metric, null=0.0: shown(findings, arm, metric, null),
        "better": {arm: _better_and_worse(findings, arm) for arm in trading},
        "meaning": METRICS,
        "headline": HEADLINE,
        "metrics": [m for m in METRICS if m in set(findings.table["metric"])],
        "figures": {one.name: _figure(one, place) for place, one in enumerate(drawn, start=1)},
        "manifest": _manifest(folder),
        "command": _command(folder),
        "folder": folder.name,
        "records": _records(folder),
    }


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").strip().splitlines()[0]


def _better_and_worse(findings: Findings, arm: str) -> dict[str, int] | None:
    """Count organisations by what the interval of their gain says; None without autarky or replicates."""
    gains = findings.gains[(findings.gains["arm"] == arm) & findings.gains["gain"].notna()]
    if gains["replicate"].nunique() < 2:
        return None
    band = over_replicates(gains, "organisation", "gain")
    better, worse = int((band["low"] > 0).sum()), int((band["high"] < 0).sum())
    return {"better": better, "worse": worse, "unclear": len(band) - better - worse}


def _figure(drawn: Drawn, place: int) -> dict[str, Any]:
    data = base64.b64encode(drawn.svg.read_bytes()).decode("ascii")
    return {
        "number": place,
        "title": drawn.title,
        "caption": drawn.caption,
        "source": f"data:image/svg+xml;base64,{data}",
    }


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return dict.fromkeys(MANIFEST) | found


def _command(folder: Path) -> str | None:
    """Return the command that made the run, from what Hydra recorded; None for a run started from Python."""
    path = folder / ".hydra" / "overrides.yaml"
    if not path.is_file():
        return None
    return shlex.join(["parabourse", "run", *(str(override) for override in OmegaConf.load(path))])


def _records(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "file": f"{name}.parquet",
            "rows": pq.read_metadata(folder / f"{name}.parquet").num_rows,
            "about": RECORDS[name],
        }
        for name in RECORDS
        if (folder / f"{name}.parquet").is_file()
    ]
    further = {
        "config.yaml": "the whole configuration",
        "summary.csv": "all metrics by arm, with intervals",
        "manifest.json": "versions, machine and wall time",
    }
    found += [{"file": f, "rows": None, "about": a} for f, a in further.items() if (folder / f).is_file()]
    return found
