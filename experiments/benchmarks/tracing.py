"""How many published architectures the tracer of symmetries understands: those of torchvision and of timm.

Every classification model of torchvision, and one of each family of timm (the first of each source file), is
made without weights and traced. Where asked, all units of it are put in a random order, and its answers must
stay as they are, in double precision.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import torch
from torch import nn

from agents.learning.symmetries.members import share_moved
from agents.learning.symmetries.tracing import Derived, derive_symmetries
from agents.learning.symmetries.verification import randomised, verify
from experiments.benchmarks.command import threads_of_torch
from experiments.benchmarks.tables import number, print_table, save_table
from experiments.runs.progress import new_bar
from markets.refusals import InputError, require_least

LIBRARIES = ("torchvision", "timm")
EXAMPLES = 2
LARGEST_VERIFIED = 50_000_000
"""Parameters: a larger model is traced, but its answers are not computed."""
ROUNDING = 1e-8
"""Of the largest answer: what double precision may change when sums are taken in another order."""
DRAWS = ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_", "xavier_uniform_")
HEADINGS = ("model", "parameters", "tensors", "permutations", "moved", "seconds", "changed", "broken", "left")
SUMMARY = (
    "library",
    "models",
    "traced wholly",
    "parameters moved, median (least)",
    "ms a tensor, median",
    "longest, s",
    "answers compared",
    "most that permuting changed",
    "least that an incomplete one changed",
)
Shape = tuple[int, ...]
Row = dict[str, float | int | str]


@dataclass(frozen=True)
class Candidate:
    """A model of a library.

    Parameters
    ----------
    library, name : str
        Which it is.
    make : callable
        Returns the module, without trained weights.
    shapes : callable
        Of the module, shapes of an example that it may accept, the cheapest first.
    """

    library: str
    name: str
    make: Callable[[], nn.Module]
    shapes: Callable[[nn.Module], Sequence[Shape]]


def run_tracing_benchmark(
    models: Sequence[str], verified: bool, threads: int, output: Path | None, markdown: bool = False
) -> None:
    """Trace models, print a table and a summary, and save ``tracing.csv`` if a folder is given.

    Parameters
    ----------
    models : sequence of str
        Libraries, or models of one, as ``timm:vit_*``.
    verified : bool
        Whether to compute the answers with permuted units.
    threads : int
        Threads of torch during the benchmark, >= 1.
    output : Path or None
        Folder for the table; made if need be.
    markdown : bool
        Whether to print the summary alone, in Markdown.

    Raises
    ------
    InputError
        If an argument is not as described, or a library is not installed.
    RuntimeError
        If a permutation changes answers.
    """
    require_least(1, threads=threads)
    chosen = [candidate for one in models for candidate in candidates(one)]
    rows = []
    with threads_of_torch(threads), new_bar() as progress:
        bar = progress.add_task("tracing", total=len(chosen))
        for candidate in chosen:
            progress.update(bar, description=f"{candidate.library}: {candidate.name}")
            rows.append(measured(candidate, verified))
            progress.advance(bar)
    table = pd.DataFrame(rows).assign(torch=torch.__version__)
    if not markdown:
        print_table(HEADINGS, [_cells(row) for _, row in table.iterrows()])
    print_table(
        SUMMARY, [_summary(found) for _, found in table.groupby("library", sort=False)], markdown=markdown
    )
    print_table(("not understood", "models"), _reasons(table), markdown=markdown)
    save_table(output, "tracing", table)
    for row in table[table.changed > ROUNDING].itertuples():
        raise RuntimeError(
            f"answers of {row.library}'s {row.model} must stay as they are when its units are permuted; they "
            f"changed by {row.changed:.1e} of the largest"
        )


def candidates(chosen: str) -> list[Candidate]:
    """Return the models of a library, or those whose name matches a pattern, as ``timm:vit_*``.

    Raises
    ------
    InputError
        If there is no such library or model, or the library is not installed.
    """
    library, _, pattern = chosen.partition(":")
    if library not in LIBRARIES:
        raise InputError(f"models must be of {' or '.join(LIBRARIES)}, as timm or timm:vit_*; got {chosen!r}")
    try:
        found = {"torchvision": _torchvision, "timm": _timm}[library](bool(pattern))
    except ImportError as error:
        raise InputError(
            f"models must be of a library that is installed (pip install torchvision timm); got {chosen!r}"
        ) from error
    matching = [one for one in found if fnmatchcase(one.name, pattern or "*")]
    if not matching:
        raise InputError(f"models must name at least one model of {library}; got {chosen!r}")
    return matching


def _torchvision(_: bool) -> list[Candidate]:
    """Return its classification models."""
    models = import_module("torchvision.models")
    return [
        Candidate("torchvision", name, partial(models.get_model, name, weights=None), _sizes)
        for name in models.list_models(module=models)
    ]


def _timm(every: bool) -> list[Candidate]:
    """Return the first model of each source file, or every one."""
    timm = import_module("timm")
    families = [timm.list_models(module=family) for family in timm.list_modules()]
    return [
        Candidate("timm", name, partial(timm.create_model, name, pretrained=False), _sizes)
        for names in families
        for name in (names if every else names[:1])
    ]


def _sizes(module: nn.Module) -> list[Shape]:
    """Return sizes of images, of which some models accept the smallest and some their own alone."""
    told = getattr(module, "pretrained_cfg", None) or {}
    return [(3, 96, 96), told.get("input_size") or (3, 224, 224)]


def measured(candidate: Candidate, verified: bool) -> Row:
    """Return a row of the table."""
    row: Row = {
        "library": f"{candidate.library} {version(candidate.library)}",
        "model": candidate.name,
        **dict.fromkeys(("parameters", "tensors", "permutations", "moved", "seconds"), math.nan),
        **dict.fromkeys(("changed", "broken"), math.nan),
        "reasons": "",
        "error": "",
    }
    # Sizes that a model refuses are no news.
    logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)
    with warnings.catch_warnings(action="ignore"):
        try:
            try:
                module, shape, derived, seconds = _traced(
                    partial(_outlined, candidate.make), candidate.shapes
                )
            except Exception:  # it needs numbers, to be made or to be carried out
                module, shape, derived, seconds = _traced(candidate.make, candidate.shapes)
        except Exception as error:  # whatever other people's code raises
            return row | {"error": _told(error)}
        state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        shapes = {name: tuple(leaf.shape) for name, leaf in module.named_parameters()}
        parameters = sum(map(math.prod, shapes.values()))
        row |= {
            "parameters": parameters,
            "tensors": len(state),
            "permutations": len(derived.permutations),
            "moved": share_moved(shapes, derived.permutations),
            "seconds": seconds,
            "reasons": " ".join(derived.reasons),
        }
        if verified and parameters <= LARGEST_VERIFIED:
            torch.manual_seed(0)
            try:
                found = verify(_drawn(candidate.make), derived, torch.randn(EXAMPLES, *shape).double())
            except Exception as error:
                return row | {"error": f"its answers: {_told(error)}"}
            row |= {"changed": found.permuted, "broken": found.broken}
    return row


def _traced(
    make: Callable[[], nn.Module], shapes: Callable[[nn.Module], Sequence[Shape]]
) -> tuple[nn.Module, Shape, Derived, float]:
    """Return the module, the first shape that it accepts, its symmetries, and the seconds that these took."""
    module = make().eval()
    *first, last = shapes(module)
    for shape in (*first, last):
        start = time.perf_counter()
        try:
            derived = derive_symmetries(module, torch.zeros(EXAMPLES, *shape))
        except Exception:
            if shape == last:
                raise
            continue
        return module, shape, derived, time.perf_counter() - start
    raise AssertionError


def _outlined(make: Callable[[], nn.Module]) -> nn.Module:
    """Return a module without drawing its parameters, which takes longer than to trace it."""
    with torch.device("meta"):
        module = make()
    return module.to_empty(device="cpu")


def _drawn(make: Callable[[], nn.Module]) -> nn.Module:
    """Return a module with random numbers for parameters; what its author would draw is left out."""
    with ExitStack() as stack:
        for name in DRAWS:
            stack.enter_context(patch.object(nn.init, name, _as_it_is))
        module = make()
    return randomised(module)


def _as_it_is(tensor: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
    return tensor


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _cells(row: pd.Series) -> list[str]:
    return [
        str(row.model),
        number(row.parameters, ",.0f"),
        number(row.tensors, ".0f"),
        number(row.permutations, ".0f"),
        number(row.moved, ".1%"),
        number(row.seconds, ".1f"),
        number(row.changed, ".0e"),
        number(row.broken, ".0e"),
        str(row.get("reasons") or row.get("error") or ""),
    ]


def _summary(found: pd.DataFrame) -> list[str]:
    """Return a line on a library; times are of all that could be carried out."""
    traced = found[(found.reasons == "") & found.permutations.notna()]
    verified = found[found.changed.notna()]
    each = found.seconds / found.tensors * 1e3
    longest = found.sort_values("seconds", na_position="first").iloc[-1]
    return [
        str(found.library.iloc[0]),
        str(len(found)),
        f"{len(traced)} ({len(traced) / len(found):.0%})",
        f"{traced.moved.median():.1%} ({traced.moved.min():.1%})",
        f"{each.median():.1f}",
        f"{longest.seconds:.0f} ({longest.model})",
        f"{len(verified)}",
        number(float(verified.changed.max()), ".0e"),
        number(float(verified.broken.min()), ".0e"),
    ]


def _reasons(table: pd.DataFrame) -> list[list[str]]:
    """Return each operation that is not understood, or error, with the models in which it occurs."""
    found: dict[str, list[str]] = {}
    for model, reasons, error in zip(table.model, table.reasons, table.error, strict=True):
        for reason in [*reasons.split(), *([error] if error else [])]:
            found.setdefault(reason, []).append(model)
    return [[reason, ", ".join(models)] for reason, models in sorted(found.items())]
