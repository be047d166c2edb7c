"""What a run's folder says of a user's own data that it was played with: a digest, by which they are known.

Core Objects: DATA, data_record, check_data, with_data_again
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from experiments.command_line.sentences import UserError
from experiments.configuration.keys import Config
from experiments.configuration.plain_data import read_json
from sim.records.atomic import Write, filled
from sim.records.run_folder import RunFolder

DATA = "data.json"


def data_record(config: Config) -> dict[str, Write]:
    """Return the file that tells which data of the user's own a run is played with, if they are."""
    if config.data.path is None:
        return {}
    told = {"path": config.data.path, "sha256": config.data.source().digest()}
    return {DATA: filled(json.dumps(told, indent=1))}


def check_data(run: RunFolder, config: Config) -> None:
    """Raise ``UserError`` if a user's own data have changed since a run was begun with them."""
    then = read_json(run, DATA) if run.has(DATA) else {}
    known = then.get("sha256") if isinstance(then, dict) else None
    if known is not None and config.data.source().digest() != known:
        raise UserError(
            f"data.path must name the data that {run} was begun with; got {config.data.path}, which has "
            f"changed since"
        )


def with_data_again(config: Config, changed: Mapping[str, Any]) -> tuple[Config, dict[str, Any]]:
    """Return a configuration with the user's own data where they are now, and the other keys that change."""
    others = {key: value for key, value in changed.items() if key != "data.path"}
    if len(others) < len(changed) and config.data.path is not None:
        data = dataclasses.replace(config.data, path=str(changed["data.path"]))
        return dataclasses.replace(config, data=data), others
    return config, dict(changed)
