"""The arguments of every command.

Core Objects: make_parser, BENCHMARKS
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from experiments.command_line.completion import candidates

MOST = 1_000_000
"""The largest whole number that an argument may have, a seed apart."""
BENCHMARKS = ("learning", "round", "clearing", "memory")
HELP = """Markets for model parameters.

  parabourse run experiment=quickstart      run a preset; every key can be set as KEY=VALUE
  parabourse run -m mechanism=a,b seed=0,1  run a sweep and compare its cells
  parabourse run --help                     all groups, choices and keys
  plugins=[./my_rules.py] --config-dir=DIR  with any command: choices of your own (docs/plugins.md)
  parabourse textbook mcafee                a published result on induced values, measured beside theory
  parabourse reproduce two_organisations    a published experiment on parameters, beside baselines
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, as all others are."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the arguments are listed, and exit with 2."""
        self.exit(2, f"parabourse: {message}; `{self.prog} --help` lists what there is.\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``parabourse``; ``command`` is the name of the command."""
    parser = _Parser(
        prog="parabourse", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_questions(commands)
    _add_studies(commands)
    _add_records(commands)
    _add_teaching(commands)
    return parser


def _add_questions(commands: Any) -> None:
    run = commands.add_parser(
        "run", help="run a configuration or a sweep (Hydra overrides, -m)", add_help=False
    )
    if "_ARGCOMPLETE" in os.environ:
        run.add_argument("-m", "--multirun", action="store_true")
        run.add_argument("-cd", "--config-dir", type=Path, default=None)
        run.add_argument("overrides", nargs="*").completer = candidates
    cross = commands.add_parser(
        "cross",
        help="every mechanism x strategy x setting (Hydra overrides); goes on when repeated",
    )
    cross.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="where the table is made")
    textbook = commands.add_parser(
        "textbook", help="play a published result on induced values", add_help=False
    )
    textbook.add_argument("preset", metavar="PRESET", nargs="?", default="")
    textbook.add_argument("--output", type=Path, default=None, metavar="FOLDER")
    reproduce = commands.add_parser(
        "reproduce",
        help="a published experiment on the parameter market (Hydra overrides); goes on when repeated",
        add_help=False,
    )
    reproduce.add_argument("preset", metavar="PRESET|all", nargs="?", default="")
    reproduce.add_argument("--output", type=Path, default=None, metavar="FOLDER")


def _add_studies(commands: Any) -> None:
    appraise = commands.add_parser(
        "appraise",
        help="what one model is worth to another, from two files, without a market (Hydra overrides)",
    )
    appraise.add_argument(
        "buyer", type=Path, metavar="BUYER", help="file of the model that would be merged into"
    )
    appraise.add_argument(
        "seller", type=Path, metavar="SELLER", help="file of the model that would be bought"
    )
    for group in ("network", "data"):
        appraise.add_argument(
            f"--{group}", default=None, metavar="NAME", help=f"as {group}=NAME, where no file tells it"
        )
    appraise.add_argument(
        "--save", type=Path, default=None, metavar="FILE", help="save the best merged model"
    )
    appraise.add_argument(
        "--output", type=Path, default=None, metavar="FOLDER", help="where tables and figure are written"
    )
    benchmark = commands.add_parser("benchmark", help="compare the fleet and the clearing with plain loops")
    benchmark.add_argument(
        "--tasks",
        choices=[*BENCHMARKS, "tracing", "all"],
        default="all",
        help="all but tracing, or one of them",
    )
    benchmark.add_argument(
        "--organisations", type=_whole(MOST), nargs="+", default=[2, 16, 64, 256], metavar="N"
    )
    benchmark.add_argument(
        "--repeats", type=_whole(MOST), default=5, metavar="K", help="timed repetitions; the median counts"
    )
    benchmark.add_argument(
        "--orders",
        type=_whole(MOST),
        default=1_000_000,
        metavar="R",
        help="orders of each market that is cleared",
    )
    benchmark.add_argument(
        "--network", choices=["mlp", "convnet", "resnet", "module"], default="mlp", help="of --tasks learning"
    )
    benchmark.add_argument(
        "--models",
        nargs="+",
        default=["torchvision", "timm"],
        metavar="LIBRARY[:PATTERN]",
        help="of --tasks tracing: what torchvision and timm have, or models by name",
    )
    benchmark.add_argument(
        "--verify",
        action="store_true",
        help="of --tasks tracing: compute the answers with permuted units, too",
    )
    benchmark.add_argument("--device", default="auto")
    benchmark.add_argument("--threads", type=_whole(MOST), default=1)
    benchmark.add_argument(
        "--output", type=Path, default=None, metavar="FOLDER", help="save the table and a figure"
    )
    benchmark.add_argument("--markdown", action="store_true", help="print the tables of the README")
    barriers = commands.add_parser(
        "barriers", help="the loss between two models of a torch module, as they are and aligned"
    )
    barriers.add_argument(
        "factories", metavar="MODULE", nargs="*", default=[], help="what makes the module, as ./nets.py:make"
    )
    barriers.add_argument("--epochs", type=_whole(MOST), default=8, metavar="E")
    barriers.add_argument("--replicates", type=_whole(MOST), default=5, metavar="R")
    barriers.add_argument("--seed", type=_whole(2**63 - 1), default=0)
    barriers.add_argument("--output", type=Path, default=None, metavar="FOLDER")
    barriers.add_argument("--markdown", action="store_true", help="print the table of the documents")
    merging = commands.add_parser(
        "merging", help="compare merge operators and searches for the merge weight: gain and cost"
    )
    merging.add_argument("--organisations", type=_whole(MOST), default=6, metavar="N")
    merging.add_argument(
        "--epochs", type=_whole(MOST), default=10, metavar="E", help="epochs alone before the trials"
    )
    merging.add_argument("--replicates", type=_whole(MOST), default=5, metavar="R")
    merging.add_argument("--seed", type=_whole(2**63 - 1), default=0)
    merging.add_argument("--same-start", action="store_true", help="all start from the same weights")
    merging.add_argument(
        "--adapters", action="store_true", help="of a language model instead: factors, products, side by side"
    )
    merging.add_argument("--rank", type=_whole(MOST), default=4, metavar="R", help="of --adapters")
    merging.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="save the table")
    pricing = commands.add_parser(
        "pricing", help="prices when each side knows its own gain alone, by what is told of the other's"
    )
    pricing.add_argument("--organisations", type=_whole(MOST), nargs="+", default=[2, 4], metavar="N")
    pricing.add_argument("--rounds", type=_whole(MOST), default=8, metavar="T")
    pricing.add_argument("--replicates", type=_whole(MOST), default=5, metavar="R")
    pricing.add_argument("--seed", type=_whole(2**63 - 1), default=0)
    pricing.add_argument(
        "--output", type=Path, default=None, metavar="FOLDER", help="save tables and figures"
    )
    adversaries = commands.add_parser(
        "adversaries", help="play every adversary under every rule, and show which rules resist"
    )
    adversaries.add_argument("--replicates", type=_whole(MOST), default=12, metavar="R")
    adversaries.add_argument("--rounds", type=_whole(MOST), default=3, metavar="T")
    adversaries.add_argument("--seed", type=_whole(2**63 - 1), default=0)
    adversaries.add_argument(
        "--output",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="table and figures; cells that are there already are kept",
    )


def _add_records(commands: Any) -> None:
    resume = commands.add_parser("resume", help="go on with a run that was stopped, or give it more rounds")
    resume.add_argument("folder", type=Path, metavar="RUN")
    resume.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="rounds=N",
        help="more rounds than it has; it may have finished",
    )
    report = commands.add_parser(
        "report", help="make summary, tables, figures and report of a run or sweep again"
    )
    report.add_argument("folder", type=Path, metavar="RUN_OR_SWEEP")
    report.add_argument(
        "--outcome", nargs="+", default=[], metavar="METRIC", help="of a sweep: what is told in detail"
    )
    report.add_argument(
        "--half-width",
        nargs="+",
        type=_half_width,
        default=[],
        metavar="METRIC=WIDTH",
        help="of a sweep: how many replicates would make the intervals of differences so narrow",
    )
    report.add_argument("--latex", action="store_true", help="write the tables as LaTeX too (booktabs)")
    report.add_argument(
        "--damaged", action="store_true", help="read damaged files too, at your own risk; nothing is signed"
    )
    figures = commands.add_parser("figures", help="draw figures of a run or sweep again, from its records")
    figures.add_argument("folder", type=Path, metavar="RUN_OR_SWEEP")
    figures.add_argument("names", nargs="*", metavar="FIGURE", help="all that apply, if none is named")
    figures.add_argument("--outcome", nargs="+", default=[], metavar="METRIC", help="of a sweep")
    figures.add_argument("--by", nargs="+", default=[], metavar="KEY", help="swept keys that are looked at")
    figures.add_argument("--output", type=Path, default=None, metavar="FOLDER")
    figures.add_argument("--pdf", action="store_true", help="save each figure as PDF too")
    figures.add_argument(
        "--width", type=float, default=None, metavar="INCHES", help="of every figure; usually 8"
    )
    figures.add_argument(
        "--font-size", type=float, default=None, metavar="POINTS", help="of the text; usually 13"
    )


def _add_teaching(commands: Any) -> None:
    dashboard = commands.add_parser("dashboard", help="watch and play with a market in a browser")
    dashboard.add_argument(
        "--port",
        type=_whole(2**16 - 1),
        default=None,
        metavar="N",
        help="where to listen; any free port by default",
    )
    dashboard.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="where the recorded runs are that can be watched again",
    )
    dashboard.add_argument(
        "--lecture",
        action="store_true",
        help="let a class play organisations from their own browsers (Hydra overrides)",
    )
    dashboard.add_argument(
        "--host",
        default=None,
        metavar="ADDRESS",
        help="of --lecture: this machine's address on the network of the class; else nobody else can join",
    )
    dashboard.add_argument(
        "--textbook", action="store_true", help="of --lecture: cards with values in the place of models"
    )
    dashboard.add_argument(
        "--url",
        default=None,
        metavar="URL",
        help="of --lecture: the address by which students come through a tunnel to this machine",
    )
    dashboard.add_argument(
        "--proxy-headers",
        action="store_true",
        help="of --lecture: believe X-Forwarded-For of a proxy on this machine; only if it writes it itself",
    )
    lessons = commands.add_parser("lessons", help="copy the notebooks for a class into a folder")
    lessons.add_argument("folder", type=Path, metavar="FOLDER", nargs="?", default=Path("lessons"))
    explain = commands.add_parser(
        "explain", help="what a key, a component, a table or a column of the records means"
    )
    explain.add_argument("key", metavar="KEY", nargs="?", default="")
    explain.add_argument(
        "--markdown", action="store_true", help="of records: print the tables of docs/records.md"
    )
    explain.add_argument("--of", metavar="COMMAND", default=None, help="run, cross, 'textbook smith'...")
    listing = commands.add_parser(
        "list", help="show mechanisms, strategies, settings, networks, data and presets"
    )
    listing.add_argument(
        "--markdown",
        action="store_true",
        help="print the tables of docs/mechanisms.md and docs/strategies.md",
    )


def _whole(most: int) -> Callable[[str], int]:
    """Return what reads a whole number that memory and 64 bits can hold; what is too little, commands say."""

    def read(text: str) -> int:
        number = int(text)
        if number > most:
            raise argparse.ArgumentTypeError(f"must be at most {most}; got {text}")
        return number

    read.__name__ = "int"  # As argparse calls it where it is no number.
    return read


def _half_width(text: str) -> tuple[str, float]:
    metric, _, width = text.partition("=")
    try:
        return metric, float(width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be METRIC=WIDTH, as in welfare=0.5; got {text!r}") from None
