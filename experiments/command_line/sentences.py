"""Errors as one sentence each: the field, the value, and what is allowed.

Every other error, such as a ``ValueError`` of a mechanism or strategy of the user's own, has its traceback.
With ``HYDRA_FULL_ERROR=1`` in the environment, Hydra's own switch, what has a sentence has its traceback too.

Core Objects: UserError, UnfinishedError, USER_ERRORS, one_sentence, tell
"""

import os
import re
import sys
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from markets.refusals import InputError


class UserError(InputError):
    """Something on the command line that the user can mend."""


class UnfinishedError(RuntimeError):
    """Cells that have failed; which, and why, has been told."""


USER_ERRORS = (InputError, HydraException, OmegaConfBaseException, ValidationError, OSError, MemoryError)
"""What is told in a sentence. Whatever else is raised is a fault in code."""


def tell(error: BaseException, then: str = "") -> int:
    """Print on standard error what was wrong, and what to do then, and return the exit code, 2.

    If Hydra's switch asks for it, raise the error again instead.
    """
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print(f"parabourse: {'; '.join(filter(None, (one_sentence(error), then)))}.", file=sys.stderr)
    return 2


def one_sentence(error: BaseException, command: str = "parabourse run") -> str:
    """Return what was wrong, with what value, and what is allowed; `command` lists the keys."""
    if isinstance(error, ValidationError):
        return _of_validation(error, command)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return _of_hydra(error, command)
    if isinstance(error, OSError) and type(error).__str__ is OSError.__str__ and error.strerror:
        about = f"{error.filename}: " if error.filename is not None else ""
        return _joined(f"{about}{error.strerror}")
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({_joined(error) or 'none is left'})"
    return _joined(str(error))


def _of_validation(error: ValidationError, command: str, prefix: tuple[str, ...] = ()) -> str:
    first = error.errors()[0]
    path = (*prefix, *(str(part) for part in first["loc"]))
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ValidationError):
        return _of_validation(cause, command, path)
    key, value, message = ".".join(path), first["input"], first["msg"]
    if cause is not None:
        return (
            _joined(str(cause))
            if not key or key.split(".")[-1] in str(cause)
            else f"{key}: {_joined(str(cause))}"
        )
    if first["type"] == "string_pattern_mismatch":
        choices = first["ctx"]["pattern"].strip("^$()").split("|")
        return f"{key} must be one of {', '.join(choices)}; got {value!r}"
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key} is not a key: see `{command} --cfg job` for all keys; got {key}={value!r}"
    allowed = re.sub(r"^(Input|Value|List|Dictionary|String) should (be|have)", r"must \2", message)
    return f"{key} {allowed}; got {value!r}"


def _of_hydra(error: BaseException, command: str) -> str:
    """Return Hydra's finding as a sentence of ours where we know it, otherwise its own words on one line."""
    lines = [line.strip() for line in _causes(error) if line.strip()]
    told = " ".join(dict.fromkeys(lines))
    if found := re.search(r"Could not override '([^']+)'", told):
        return f"{found[1]} is not a key that can be set; `{command} --cfg job` shows all keys"
    if found := re.search(r"Could not find '([^']+)/([^'/]*)'", told):
        choices = re.search(rf"Available options in '{found[1]}':\s*(.*?)\s*Config search path", told)
        return (
            f"{found[1]} must be one of {', '.join(choices[1].split()) if choices else '-'}; got {found[2]!r}"
        )
    if found := re.search(r"override (\S+?)=.*?Value '(.*?)' .*?could not be converted to (\w+)", told):
        kind = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}.get(
            found[3], found[3]
        )
        return f"{found[1]} must be {kind}; got {found[2]!r}"
    if found := re.search(
        r"Error merging override (\S+?)=(.*?) Invalid value assigned: \w+ is not a List", told
    ):
        return f"{found[1]} must be a list in brackets, as in {found[1]}=[...]; got {found[2]!r}"
    if "Config group override must be" in told:
        return "a configuration group must be given the name of one of its choices; got null"
    if found := re.search(
        r"Error merging override (\S+?)=(.*?) (?:field|Value|Merge error|Cannot|Trying|Unexp)", told
    ):
        node = re.search(r"full_key: (\S+)", told)
        key, value = node[1] if node else found[1], found[2]
        return f"{key} must have a value of its own kind, as `{command} --cfg job` shows it; got {value!r}"
    return _joined(re.sub(r"(full_key|object_type|reference_type)[:=]\s*\S*|Config search path.*", "", told))


def _causes(error: BaseException) -> list[str]:
    lines = str(error).splitlines()
    cause = error.__cause__
    return lines if cause is None or str(cause) in str(error) else lines + _causes(cause)


def _joined(text: Any) -> str:
    return re.sub(r"\s+", " ", str(text)).strip().rstrip(".")
