"""The Hydra application behind ``parabourse textbook``: compose, check, play, save, draw, print.

Core Objects: run_textbook, report_textbook, is_textbook_run
"""

import dataclasses
import json
import platform
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import pandas as pd
from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from experiments.application import FLAGS_WITHOUT_WORK
from experiments.composition import check_folder, check_grammar, set_up_hydra
from experiments.config import as_schema
from experiments.figures import save_figure
from experiments.figures.style import in_style
from experiments.progress import Progress
from experiments.runner import library_versions
from experiments.sentences import USER_ERRORS, UserError, one_sentence, tell
from experiments.textbook import TEXTBOOK, Preset
from experiments.textbook.base import RESULTS, Tables
from experiments.textbook.findings import COLUMNS
from experiments.textbook.printing import markdown, print_findings
from sim.distributions import DISTRIBUTIONS
from sim.records import RecordError, write_atomically
from sim.streams import Streams

GROUP = "textbook"


def run_textbook(preset: str, arguments: Sequence[str]) -> int:
    """Check what was typed, then let Hydra run the preset; return the exit code.

    Raises
    ------
    UserError
        If there is no such preset or its configuration is not allowed; nothing has been written then.
    """
    if preset not in TEXTBOOK:
        raise UserError(f"a textbook preset must be one of {', '.join(TEXTBOOK)}; got {preset!r}")
    set_up_textbook()
    flags = [a for a in arguments if a.startswith("-")]
    overrides = [a for a in arguments if not a.startswith("-")]
    if any(flag in ("-m", "--multirun") for flag in flags):
        raise UserError("a textbook preset has no sweeps: give it lists, as in sizes=[5,10]; got -m")
    try:
        if not any(flag.split("=")[0] in FLAGS_WITHOUT_WORK for flag in flags):
            compose_preset(preset, overrides, own_folder=True)
    except USER_ERRORS as error:
        raise UserError(one_sentence(error, f"parabourse textbook {preset}")) from error
    sys.argv = [f"parabourse textbook {preset}", *arguments]
    hydra.main(version_base="1.3", config_path="pkg://conf", config_name=f"{GROUP}/{preset}")(_run)()
    return 0


def report_textbook(folder: Path) -> int:
    """Draw the figure of an old run again and print its findings, from its records alone."""
    preset = _read_preset(folder)
    tables = {path.stem: _read_table(path) for path in sorted(folder.glob("*.parquet"))}
    lacking = [column for column in COLUMNS if column not in tables[RESULTS]]
    if lacking:
        raise RecordError(f"{folder / RESULTS}.parquet must have the column {lacking[0]}; it has none")
    _conclude(folder, preset, tables)
    return 0


def is_textbook_run(folder: Path) -> bool:
    """Return whether a folder holds a run of a textbook preset."""
    return (folder / f"{RESULTS}.parquet").is_file()


def set_up_textbook() -> None:
    """Register the presets' keys, with those of runs, and the resolvers that configuration files use."""
    set_up_hydra()
    OmegaConf.register_new_resolver("add", lambda *terms: sum(int(term) for term in terms), replace=True)
    store = ConfigStore.instance()
    for name in TEXTBOOK:
        store.store(group=f"schema/{GROUP}", name=name, node=as_schema(TEXTBOOK[name]))
    for side in ("values", "costs"):
        for name in DISTRIBUTIONS:
            store.store(group=f"schema/{side}", name=name, node=as_schema(DISTRIBUTIONS[name]))


def _check_lists(preset: Preset) -> None:
    """Raise ``UserError`` for a list without entries: there would be nothing to play."""
    for field in dataclasses.fields(preset):
        if getattr(preset, field.name) == ():
            raise UserError(f"{field.name} must name at least one; got none")


def compose_preset(preset: str, overrides: Sequence[str], own_folder: bool = False) -> Preset:
    """Return the preset that overrides stand for.

    Parameters
    ----------
    preset : str
        Its name.
    overrides : sequence of str
        Hydra overrides as typed.
    own_folder : bool
        Whether to check that its folder is new or empty.
    """
    for override in overrides:
        if check_grammar(override).is_sweep_override():
            raise UserError(
                f"a key must have one value, and a list brackets, as in sizes=[5,10]; got {override!r}"
            )
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        composed = compose(f"{GROUP}/{preset}", list(overrides), return_hydra_config=True)
    GlobalHydra.instance().clear()
    if own_folder:
        check_folder(Path(composed.hydra.run.dir))
    return _parse(OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]))


def _parse(composed: DictConfig) -> Preset:
    fields: Any = OmegaConf.to_container(composed, resolve=True)
    preset = TEXTBOOK.build(fields)
    _check_lists(preset)
    return preset


def _run(composed: DictConfig) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    preset = _parse(composed)
    try:
        text = OmegaConf.to_yaml(composed, resolve=True)
        write_atomically(folder / "config.yaml", lambda p: p.write_text(text, encoding="utf-8"))
        tables = play(preset, folder)
        _conclude(folder, preset, tables)
    except USER_ERRORS as error:
        sys.exit(tell(error))
    except KeyboardInterrupt:
        print("parabourse: stopped; a textbook run starts again from the beginning.", file=sys.stderr)
        sys.exit(130)


def play(preset: Preset, folder: Path) -> Tables:
    """Play a preset and write its tables and its manifest into a folder."""
    with Progress(preset.parts, 0, preset.progress, unit="part") as progress:

        def watch(part: str) -> None:
            progress.phase(part)
            progress.round_done()

        tables = preset.run(Streams(preset.seed), watch)
    for name, table in tables.items():
        write_atomically(folder / f"{name}.parquet", partial(table.to_parquet, index=False))
    manifest = {
        "versions": library_versions(),
        "platform": platform.platform(),
        "preset": preset.name,
        "seed": preset.seed,
        "seconds": {part: round(spent, 3) for part, spent in progress.seconds.items()},
    }
    text = json.dumps(manifest, indent=2)
    write_atomically(folder / "manifest.json", lambda p: p.write_text(text, encoding="utf-8"))
    return tables


def _conclude(folder: Path, preset: Preset, tables: Tables) -> None:
    results = tables[RESULTS]
    write_atomically(folder / f"{RESULTS}.csv", partial(results.to_csv, index=False))
    text = markdown(results, preset.size_means)
    write_atomically(folder / f"{RESULTS}.md", lambda p: p.write_text(text, encoding="utf-8"))
    print_findings(results, preset.size_means)
    print(f"records: {folder}")
    if preset.figures:
        with in_style():
            png, _ = save_figure(folder, preset.name, preset.draw(tables))
        print(f"figure:  {png}")


def _read_preset(folder: Path) -> Preset:
    path = folder / "config.yaml"
    try:
        fields: Any = OmegaConf.to_container(OmegaConf.load(path))
        return dataclasses.replace(TEXTBOOK.build(fields), figures=True)
    except (OSError, TypeError, YAMLError, OmegaConfBaseException, ValueError) as error:
        reason = one_sentence(error)
        raise RecordError(
            f"{path} must be a textbook run's configuration; it cannot be read ({reason})"
        ) from error


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise RecordError(f"{path} must be a whole Parquet file; it cannot be read ({reason})") from error
