"""What a model's file tells of its model.

Core Objects: ModelCard, Origin, described_task, task_of
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from agents.learning.tasks import TASKS, Task
from markets.refusals import InputError

LONGEST = 1 << 20
"""Characters of the longest text that is read."""
MOST = 1 << 30
"""Numbers of the largest input that is believed."""
_STRICT: Any = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, config=_STRICT)
class Origin:
    """Where in a run a model comes from.

    Attributes
    ----------
    arm : str
        Its world: the name of the setting.
    seed, replicate, organisation, round : int
        Of the run, of the world, of its owner, and the round in or after which it was saved.
    organisations : int
        How many its world has.
    start : str
        The content hash of the file that its owner started from; '' where initial weights were drawn.
    """

    arm: str
    seed: int
    replicate: int
    organisation: int
    organisations: int
    round: int
    start: str = ""


@dataclass(frozen=True, config=_STRICT)
class ModelCard:
    """What is told of a model, as texts in a file's metadata: JSON, but for `architecture` and `content`.

    Attributes
    ----------
    architecture : str
        Its signature: models of equal signatures can be merged.
    network : dict
        The configuration of the network.
    task : dict
        The task's name, its fields, and `answers`, how many numbers a model answers.
    vocabulary : list of str
        What the task tells apart: the names of the classes.
    scaling : dict or None
        By which `mean` and `deviation`, one a channel, inputs were standardised; None where they were not.
    lineage : list of int
        Organisations of its world whose training flowed in.
    content : str
        The SHA-256 digest of the tensors (see `sim.saved_models.model_file.content_of`).
    origin : Origin or None
        Where in a run it comes from, or the model that another was merged into; None where it is not known.
    world : dict
        Of the configuration what decides data and trials: `data`, `broker`, `learning` and `groups`.
    merged : dict or None
        Of a model that was merged outside a run: `operator`, `weight`, and the contents of `buyer` and
        `seller`.
    """

    architecture: str
    network: dict[str, Any]
    task: dict[str, Any]
    vocabulary: list[str]
    scaling: dict[str, list[float]] | None
    lineage: list[int]
    content: str
    origin: Origin | None
    world: dict[str, Any]
    merged: dict[str, Any] | None = None

    def metadata(self) -> dict[str, str]:
        """Return the card as texts."""
        fields = dataclasses.asdict(self)
        return {name: v if isinstance(v, str) else json.dumps(v) for name, v in fields.items()}

    @classmethod
    def read(cls, metadata: Mapping[str, str], path: Path) -> "ModelCard | None":
        """Return the card of a file's metadata, None where the file is none of ours.

        Raises
        ------
        InputError
            If it is one of ours, and the card is not what a run writes.
        """
        fields = dataclasses.fields(cls)
        names = [f.name for f in fields if f.name in metadata or f.default is dataclasses.MISSING]
        if not {"architecture", "network", "content"} <= metadata.keys():
            return None
        try:
            found = {name: metadata[name] for name in names}
            if sum(map(len, found.values())) > LONGEST:
                raise InputError(f"it has more than {LONGEST} characters")
            plain: dict[str, Any] = {
                name: text if name in ("architecture", "content") else _data(text)
                for name, text in found.items()
            }
            origin = plain["origin"]
            return cls(**plain | {"origin": None if origin is None else Origin(**origin)})
        except (KeyError, TypeError, ValueError, RecursionError, ValidationError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else _first(error)
            raise InputError(f"{path} must have metadata as a run writes them; {reason}") from error


def described_task(task: Task) -> dict[str, Any]:
    """Return a task as plain data, its vocabulary apart."""
    fields = {f.name: getattr(task, f.name) for f in dataclasses.fields(task) if f.name != "vocabulary"}
    return {"name": task.name, **fields, "answers": task.answers}


def task_of(card: ModelCard, path: Path) -> Task:
    """Return the task that a card describes.

    Raises
    ------
    InputError
        If it describes none.
    """
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in card.task.items()}
    try:
        answers, kind = fields.pop("answers"), TASKS[str(fields.pop("name"))]
        shape = fields["input_shape"]
        if not (isinstance(shape, tuple) and shape and all(type(size) is int and size > 0 for size in shape)):
            raise InputError("an input has no such shape")
        if math.prod(shape) > MOST:
            raise InputError("an input is too large")
        task = kind(vocabulary=tuple(card.vocabulary), **fields)
        if not card.vocabulary or task.answers != answers:
            raise InputError("its vocabulary is another")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} must be of a task of {', '.join(TASKS)}; got {card.task}") from error
    return task


def _data(text: str) -> Any:
    """Return what a text in JSON holds, in which nothing may stand for something else."""
    if "${" in text:
        raise InputError("a text in it has ${")
    return json.loads(text)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    return " ".join(str(error).split()) or type(error).__name__
