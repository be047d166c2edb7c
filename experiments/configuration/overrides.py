"""What was typed as KEY=VALUE, as Hydra reads it, before anything is composed from it.

Core Objects: check_grammar, quoted, with_quotes, choices, expand, MOST_CELLS
"""

import itertools
import math
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from experiments.command_line.sentences import UserError

MOST_CELLS = 10_000
"""Cells of a sweep that can be planned: each is composed and checked before any is played."""
LONGEST, DEEPEST = 100_000, 50
"""Characters and nested brackets of one override; Hydra's parser takes minutes for more."""


def check_grammar(override: str) -> Override:
    """Return an override as Hydra reads it; raise ``UserError`` if it cannot."""
    if len(override) > LONGEST or _depth(override) > DEEPEST:
        raise UserError(
            f"an override must have at most {LONGEST} characters and {DEEPEST} brackets in brackets; "
            f"got {override[:40]!r}..."
        )
    try:
        parsed = OverridesParser.create().parse_override(override)
        parsed.value()
        return parsed
    except (HydraException, ValueError, OverflowError) as error:
        raise UserError(
            f"overrides must be KEY=VALUE in Hydra's grammar, with quotes around what has spaces or colons "
            f"(\"broker.licence='copies: 2'\"); got {override!r}"
        ) from error


def with_quotes(override: str) -> str:
    """Return an override with quotes around a value that needs them only for its letters, as ``läufe/eins``.

    Hydra's grammar knows unquoted letters of English alone.
    """
    key, is_one, value = override.partition("=")
    plain = all(character.isalnum() or character in "/-_.+%@\\" for character in value)
    if not is_one or value.isascii() or not plain or override.startswith("-"):
        return override
    return f"{key}={quoted(value)}"


def quoted(text: str) -> str:
    """Return a text as the value of an override, whatever characters it has."""
    escaped = re.sub(r"(\\*)(?=\'|$)", r"\1\1", text).replace("'", "\\'")
    return "'" + escaped.replace("${", "\\${") + "'"


def choices(override: Override) -> list[str]:
    """Return the overrides that one with several values stands for.

    Raises
    ------
    UserError
        If its values are not listed, as those of an interval, or are more than can be planned.
    """
    if not override.is_sweep_override():
        return [str(override.input_line)]
    try:
        values = list(itertools.islice(override.sweep_string_iterator(), MOST_CELLS + 1))
    except (HydraException, ValueError, TypeError, ZeroDivisionError) as error:
        raise UserError(
            f"several values must be listed, as KEY=a,b or KEY=range(0,4); got {override.input_line!r}"
        ) from error
    if not values:
        raise UserError(f"{override.key_or_group} must have at least one value; got {override.input_line!r}")
    if len(values) > MOST_CELLS:
        raise UserError(
            f"{override.key_or_group} must have at most {MOST_CELLS} values; got {override.input_line!r}"
        )
    return [f"{override.get_key_element()}={value}" for value in values]


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of every cell that overrides with several values stand for.

    Raises
    ------
    UserError
        As `choices`, and if the cells are more than can be planned.
    """
    each = [choices(check_grammar(override)) for override in overrides]
    cells = math.prod(map(len, each))
    if cells > MOST_CELLS:
        raise UserError(f"a sweep must have at most {MOST_CELLS} cells; got {cells}: make several of it")
    return [list(cell) for cell in itertools.product(*each)]


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest
