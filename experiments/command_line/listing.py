"""What there is to choose from."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import sim.config.market
import sim.textbook.induced_market  # noqa: F401 - the fields of both make the choices
from agents.strategies import STRATEGIES
from experiments.configuration.config_folder import choice_files, own_folder
from markets.choices import CHOICES
from markets.mechanisms import MECHANISMS
from markets.registry import Registry

PRESETS = ("experiment", "textbook", "reproduction", "scale")


def registries() -> dict[str, Registry]:
    """Return all that can be chosen from, by its kind and the key that chooses."""
    # Sorted, for the choices stand in the order in which a process imported them.
    keys = {STRATEGIES: "population.mix"} | {choice.registry: key for key, choice in sorted(CHOICES.items())}
    return {f"{registry.kind} ({key})": registry for registry, key in keys.items()}


def print_listing() -> None:
    """Print every component that can be chosen, with a line each, and the presets."""
    console = Console()
    for kind, registry in registries().items():
        table = Table("name", "what it is", title=kind, title_justify="left", expand=False, show_header=False)
        for name in registry:
            table.add_row(name, escape(first_line(registry[name].__doc__)))
        console.print(table)
    for group in PRESETS:
        _print_presets(console, group)
    for group in own_groups():
        _print_presets(console, group)


def own_groups() -> list[str]:
    """Return the groups of which the user's own folder has choices, those of presets aside."""
    if (folder := own_folder()) is None:
        return []
    groups = {file.parent.relative_to(folder).as_posix() for file in folder.rglob("*.yaml")}
    return sorted(groups.difference({*PRESETS, "."}))


def print_textbook() -> None:
    """Print the textbook presets, and how to play one."""
    console = Console()
    _print_presets(console, "textbook")
    console.print(
        "parabourse textbook PRESET [KEY=VALUE ...]; --cfg job shows the keys of a preset", soft_wrap=True
    )


def print_reproduction() -> None:
    """Print the presets of published experiments and the scales, and how to play one."""
    console = Console()
    _print_presets(console, "reproduction")
    _print_presets(console, "scale")
    console.print(
        "parabourse reproduce PRESET [scale=SCALE] [KEY=VALUE ...]; --cfg job shows the keys of a preset; "
        "parabourse reproduce all: the presets that claims read, and a page of verdicts",
        soft_wrap=True,
    )


def _print_presets(console: Console, group: str) -> None:
    table = Table("name", "what it is", title=group, title_justify="left", show_header=False)
    for path in choice_files(group):
        table.add_row(path.stem, preset_line(path))
    console.print(table)


def mechanism_table() -> str:
    """Return the declared properties of every mechanism as a Markdown table; docs/mechanisms.md holds it."""
    lines = [
        "| mechanism | venue | truthful: buyers, sellers | budget | individually rational | efficient "
        "| licence `copy` | licence `exclusive` | source |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in MECHANISMS:
        mechanism = MECHANISMS.build(name)
        told = mechanism.properties
        truthful = f"{told.truthful_buyers}, {told.truthful_sellers}" + _where(told.truthful_domain)
        efficient = ("yes" if told.efficient else "no") + _where(told.efficient_domain)
        rational = "yes" if told.individually_rational else "no"
        cells = [f"`{name}`", mechanism.venue, truthful, told.budget, rational, efficient]
        lines.append(f"| {' | '.join([*cells, told.copy_means, told.exclusive_means, told.reference])} |")
    return "\n".join(lines)


def strategy_table() -> str:
    """Return every strategy with its first paragraph as a Markdown table; docs/strategies.md holds it."""
    lines = ["| strategy | what it does |", "| --- | --- |"]
    lines += [f"| `{name}` | {first_line(STRATEGIES[name].__doc__)} |" for name in STRATEGIES]
    return "\n".join(lines)


def _where(domain: str) -> str:
    return f" ({domain})" if domain else ""


def first_line(doc: str | None) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def preset_line(path: Path) -> str:
    """Return the first comment of a preset that describes it; '' if there is none."""
    lines = [
        line.lstrip("# ").strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]
    return next((line for line in lines if not line.startswith("@")), "")
