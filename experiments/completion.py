"""What a shell offers after ``parabourse run``: groups, their choices, and keys.

Core Objects: candidates
"""

from pathlib import Path
from typing import Any

import conf

OF_OTHER_COMMANDS = ("costs", "merge_weight", "outputs", "reproduction", "scale", "textbook", "values")


def candidates(prefix: str, **_: Any) -> list[str]:
    """Return the overrides that begin with what was typed; takes whatever else argcomplete tells.

    Groups and their choices are file names, and come at once. Keys need the classes that hold them, hence
    torch: seconds, so that they are offered only once a dot was typed or no group begins as typed.
    """
    root = Path(conf.__file__).parent
    groups = sorted(file.parent.name for file in root.glob("*/__init__.py"))
    groups = [group for group in groups if group not in OF_OTHER_COMMANDS]
    if "=" in prefix:
        group = prefix.split("=")[0]
        chosen = [f"{group}={file.stem}" for file in sorted((root / group).glob("*.yaml"))]
        return [choice for choice in chosen if choice.startswith(prefix)]
    found = [f"{group}=" for group in groups if group.startswith(prefix)]
    return found or _keys(prefix)


def _keys(prefix: str) -> list[str]:
    from experiments.explaining.command import keys_of_command

    return sorted({f"{key.path}=" for key in keys_of_command("run") if key.path.startswith(prefix)})
