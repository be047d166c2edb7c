"""What all pages of results share: numbers as text, figures as part of the page, and how to write it.

A page is one HTML file without scripts that needs no network; the words are in `templates/`.
"""

import base64
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from experiments.configuration.plain_data import read_manifest, read_yaml
from experiments.reports.drawn import Drawn
from sim.records.atomic import write_atomically
from sim.records.run_folder import RecordError, RunFolder

DASH = "–"
NO_BREAK = "\u00a0"

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

MANIFEST = ("versions", "platform", "device", "accelerator", "threads", "parameters", "seconds")


@dataclass(frozen=True)
class Shown:
    """A number as text, and what its interval says of zero.

    Attributes
    ----------
    mean, interval : str
        Numbers with the same decimals; `interval` is '' where there is one replicate or none, `mean` a dash
        where there is no number.
    sign : int
        1 if the interval lies above the value it is held against, -1 if below, 0 if it includes it or there
        is none.
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


NOTHING = Shown(mean=DASH, interval="", sign=0, told=False, n=0)
"""What is shown where a metric does not apply."""


def shown_interval(mean: float, low: float, high: float, n: float, null: float = 0.0) -> Shown:
    """Return a mean and its interval as text, with no more digits than the interval warrants.

    Parameters
    ----------
    mean, low, high : float
        The mean, and the ends of its interval (NaN where there is none).
    n : float
        Replicates behind it.
    null : float
        The value that the interval is held against for `sign`: 0 for a difference, 1 for a ratio.
    """
    if not math.isfinite(mean):
        return NOTHING
    told = math.isfinite(low)
    decimals = _decimals(max(abs(x) for x in (mean, low, high) if math.isfinite(x)))
    if told and high > low:
        # Digits beyond two of the interval's half length say nothing.
        decimals = max(0, min(decimals, 1 - math.floor(math.log10((high - low) / 2))))
    interval = f"[{number(low, decimals)}, {number(high, decimals)}]" if told else ""
    sign = int(low > null) - int(high < null) if told else 0
    return Shown(mean=number(mean, decimals), interval=interval, sign=sign, told=told, n=int(n))


def number(value: float, decimals: int | None = None) -> str:
    """Return a number as text: some four digits, powers of ten from a million on, a dash for none."""
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value) >= 1e6:
        power = math.floor(math.log10(abs(value)))
        return f"{_signed(value / 10**power, 2)}{NO_BREAK}×{NO_BREAK}10{str(power).translate(_SUPERSCRIPTS)}"
    return _signed(value, _decimals(value) if decimals is None else decimals)


def picture(drawn: Drawn, place: int) -> dict[str, Any]:
    """Return a figure as templates show it, with its drawing as part of the page."""
    data = base64.b64encode(drawn.svg.read_bytes()).decode("ascii")
    return {
        "name": drawn.name,
        "number": place,
        "title": drawn.title,
        "caption": drawn.caption,
        "source": f"data:image/svg+xml;base64,{data}",
    }


def shown_manifest(folder: RunFolder) -> dict[str, Any]:
    """Return a run's manifest, with None for whatever it lacks."""
    return dict.fromkeys(MANIFEST) | read_manifest(folder)


def typed_command(overrides: Sequence[object], *flags: str) -> str:
    """Return the command of a run or sweep, ready for a shell."""
    return shlex.join(["parabourse", "run", *flags, *(str(override) for override in overrides)])


def read_overrides(folder: RunFolder, name: str, key: str = "") -> list[object] | None:
    """Return what was typed, from a file of Hydra's; None where there is none, as for a run from Python.

    Raises
    ------
    sim.records.run_folder.RecordError
        If the file is damaged or holds no list there.
    """
    if not folder.has(name):
        return None
    found = _read_at(folder, name, key)
    if not isinstance(found, list):
        raise RecordError(f"{folder.path / name} must hold the list of what was typed; it holds none")
    return found


def read_folder_flag(folder: RunFolder, name: str) -> list[str]:
    """Return the flag by which a folder of the user's own choices was named, from Hydra's part of a file."""
    sources = _read_at(folder, name, "hydra.runtime.config_sources") if folder.has(name) else None
    own = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    return [f"--config-dir={one.get('path')}" for one in own if one.get("provider") == "command-line"]


def _read_at(folder: RunFolder, name: str, key: str) -> Any:
    found = read_yaml(folder, name)
    for part in key.split(".") if key else ():
        found = found.get(part) if isinstance(found, dict) else None
    return found


def write_page(path: Path, template: str, context: dict[str, Any]) -> Path:
    """Render a template of `templates/` into a file and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": number, "plain": "{:g}".format}
    text = environment.get_template(template).render(context)
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))
    return path


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
