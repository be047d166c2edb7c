"""The command line: ``parabourse COMMAND``, with the commands that `_parser` lists.

Core Objects: main
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import argcomplete

from experiments.allocator import keep_freed_memory
from experiments.completion import candidates
from experiments.sentences import USER_ERRORS, one_sentence

BENCHMARKS = ("learning", "round", "clearing", "memory")
HELP = """Markets for model parameters.

  parabourse run experiment=quickstart      run a preset; every key can be set as KEY=VALUE
  parabourse run -m mechanism=a,b seed=0,1  run a sweep and compare its cells
  parabourse run --help                     all groups, choices and keys
  parabourse textbook mcafee                a published result on induced values, measured beside theory
  parabourse reproduce two_organisations    a published experiment on parameters, beside baselines
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0, 2 for what the user can mend, 130 when stopped."""
    # Threads that wait by spinning ruin each other where runs share cores; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    argcomplete.autocomplete(parser)
    command, rest = parser.parse_known_args(given)
    takes_overrides = command.command in ("run", "cross", "textbook", "reproduce")
    if rest and not takes_overrides and not getattr(command, "lecture", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if command.command == "dashboard" and not command.lecture and (command.host or command.textbook):
        parser.error("--host and --textbook are for lectures: add --lecture")
    try:
        return _dispatch(command, rest)
    except USER_ERRORS as error:
        print(f"parabourse: {one_sentence(error)}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        goes_on = command.command in ("cross", "reproduce", "adversaries")
        print(f"parabourse: stopped{'; the same command goes on' * goes_on}.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parabourse", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="run a configuration or a sweep (Hydra overrides, -m)", add_help=False
    )
    if "_ARGCOMPLETE" in os.environ:
        run.add_argument("-m", "--multirun", action="store_true")
        run.add_argument("overrides", nargs="*").completer = candidates  # type: ignore[attr-defined]
    resume = commands.add_parser("resume", help="go on with a run that was stopped")
    resume.add_argument("folder", type=Path, metavar="RUN")
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
    figures = commands.add_parser("figures", help="draw figures of a run or sweep again, from its records")
    figures.add_argument("folder", type=Path, metavar="RUN_OR_SWEEP")
    figures.add_argument("names", nargs="*", metavar="FIGURE", help="all that apply, if none is named")
    figures.add_argument("--outcome", nargs="+", default=[], metavar="METRIC", help="of a sweep")
    figures.add_argument("--by", nargs="+", default=[], metavar="KEY", help="swept keys that are looked at")
    figures.add_argument("--output", type=Path, default=None, metavar="FOLDER")
    cross = commands.add_parser(
        "cross",
        help="every mechanism x strategy x setting (Hydra overrides); goes on when repeated",
    )
    cross.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="where the table is made")
    explain = commands.add_parser("explain", help="what a key, a group of keys or a component means")
    explain.add_argument("key", metavar="KEY", nargs="?", default="")
    explain.add_argument("--of", metavar="COMMAND", default=None, help="run, cross, 'textbook smith'...")
    listing = commands.add_parser(
        "list", help="show mechanisms, strategies, settings, networks, data and presets"
    )
    listing.add_argument(
        "--markdown",
        action="store_true",
        help="print the tables of docs/mechanisms.md and docs/strategies.md",
    )
    textbook = commands.add_parser(
        "textbook", help="play a published result on induced values", add_help=False
    )
    textbook.add_argument("preset", metavar="PRESET", nargs="?", default="")
    reproduce = commands.add_parser(
        "reproduce",
        help="a published experiment on the parameter market (Hydra overrides); goes on when repeated",
        add_help=False,
    )
    reproduce.add_argument("preset", metavar="PRESET|all", nargs="?", default="")
    reproduce.add_argument("--output", type=Path, default=None, metavar="FOLDER")
    benchmark = commands.add_parser("benchmark", help="compare the fleet and the clearing with plain loops")
    benchmark.add_argument("--tasks", choices=[*BENCHMARKS, "all"], default="all")
    benchmark.add_argument("--organisations", type=int, nargs="+", default=[2, 16, 64, 256], metavar="N")
    benchmark.add_argument(
        "--repeats", type=int, default=5, metavar="K", help="timed repetitions; the median counts"
    )
    benchmark.add_argument(
        "--orders", type=int, default=1_000_000, metavar="R", help="orders of each market that is cleared"
    )
    benchmark.add_argument(
        "--network", choices=["mlp", "convnet", "resnet"], default="mlp", help="of --tasks learning"
    )
    benchmark.add_argument("--device", default="auto")
    benchmark.add_argument("--threads", type=int, default=1)
    benchmark.add_argument(
        "--output", type=Path, default=None, metavar="FOLDER", help="save the table and a figure"
    )
    benchmark.add_argument("--markdown", action="store_true", help="print the tables of the README")
    merging = commands.add_parser(
        "merging", help="compare merge operators and searches for the merge weight: gain and cost"
    )
    merging.add_argument("--organisations", type=int, default=6, metavar="N")
    merging.add_argument("--epochs", type=int, default=10, metavar="E", help="epochs alone before the trials")
    merging.add_argument("--replicates", type=int, default=5, metavar="R")
    merging.add_argument("--seed", type=int, default=0)
    merging.add_argument("--same-start", action="store_true", help="all start from the same weights")
    merging.add_argument("--output", type=Path, default=None, metavar="FOLDER", help="save the table")
    pricing = commands.add_parser(
        "pricing", help="prices when each side knows its own gain alone, by what is told of the other's"
    )
    pricing.add_argument("--organisations", type=int, nargs="+", default=[2, 4], metavar="N")
    pricing.add_argument("--rounds", type=int, default=8, metavar="T")
    pricing.add_argument("--replicates", type=int, default=5, metavar="R")
    pricing.add_argument("--seed", type=int, default=0)
    pricing.add_argument(
        "--output", type=Path, default=None, metavar="FOLDER", help="save tables and figures"
    )
    lessons = commands.add_parser("lessons", help="copy the notebooks for a class into a folder")
    lessons.add_argument("folder", type=Path, metavar="FOLDER", nargs="?", default=Path("lessons"))
    adversaries = commands.add_parser(
        "adversaries", help="play every adversary under every rule, and show which rules resist"
    )
    adversaries.add_argument("--replicates", type=int, default=12, metavar="R")
    adversaries.add_argument("--rounds", type=int, default=3, metavar="T")
    adversaries.add_argument("--seed", type=int, default=0)
    adversaries.add_argument(
        "--output",
        type=Path,
        default=Path("runs/adversaries"),
        metavar="FOLDER",
        help="table and figures; cells that are there already are kept",
    )
    dashboard = commands.add_parser("dashboard", help="watch and play with a market in a browser")
    dashboard.add_argument("--port", type=int, default=None, metavar="N", help="where to listen")
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
    return parser


def _half_width(text: str) -> tuple[str, float]:
    metric, _, width = text.partition("=")
    try:
        return metric, float(width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be METRIC=WIDTH, as in welfare=0.5; got {text!r}") from None


def _dispatch(command: argparse.Namespace, rest: list[str]) -> int:
    # Imported where used: `parabourse list` need not wait for torch to draw or for Hydra to start.
    if command.command == "run":
        from experiments.application import run_application

        return run_application(rest)
    if command.command == "resume":
        from experiments.application import resume_run

        logging.basicConfig(level=logging.WARNING)
        return resume_run(command.folder)
    if command.command == "report":
        from experiments.application import report_on
        from experiments.textbook.application import is_textbook_run, report_textbook

        if is_textbook_run(command.folder):
            return report_textbook(command.folder)
        return report_on(command.folder, command.outcome, dict(command.half_width))
    if command.command == "figures":
        from experiments.figures.command import draw_again

        draw_again(command.folder, command.names, command.outcome, command.by, command.output)
        return 0
    if command.command == "cross":
        from experiments.cross.command import run_cross

        return run_cross(rest, command.output)
    if command.command == "textbook":
        if not command.preset:
            from experiments.listing import print_textbook

            print_textbook()
            return 0
        from experiments.textbook.application import run_textbook

        return run_textbook(command.preset, rest)
    if command.command == "reproduce" and command.preset == "all":
        from experiments.reproduction.page import reproduce_all

        reproduce_all(command.output or Path("runs/reproduction/all"), rest)
        return 0
    if command.command == "reproduce":
        from experiments.reproduction.command import run_reproduction

        return run_reproduction(command.preset, rest, command.output)
    if command.command == "explain":
        from experiments.explaining.command import explain

        explain(command.key, command.of)
        return 0
    if command.command == "list":
        from experiments.listing import mechanism_table, print_listing, strategy_table

        if command.markdown:
            print(mechanism_table(), strategy_table(), sep="\n\n")
        else:
            print_listing()
        return 0
    if command.command == "merging":
        from experiments.merging import compare_merging

        compare_merging(
            command.organisations,
            command.epochs,
            command.replicates,
            command.seed,
            command.same_start,
            command.output,
        )
        return 0
    if command.command == "pricing":
        from experiments.pricing.command import run_pricing

        run_pricing(command.organisations, command.rounds, command.replicates, command.seed, command.output)
        return 0
    if command.command == "lessons":
        from experiments.lessons import copy_lessons

        copy_lessons(command.folder)
        return 0
    if command.command == "adversaries":
        from experiments.adversaries import run_adversaries

        run_adversaries(command.replicates, command.rounds, command.seed, command.output)
        return 0
    if command.command == "dashboard" and not command.lecture:
        from experiments.dashboard.command import run_dashboard

        run_dashboard(command.port, command.runs)
        return 0
    if command.command == "dashboard":
        from experiments.lecture.command import LOOPBACK, run_lecture

        return run_lecture(rest, command.host or LOOPBACK, command.port, command.textbook)
    _benchmark(command)
    return 0


def _benchmark(command: argparse.Namespace) -> None:
    chosen = BENCHMARKS if command.tasks == "all" else (command.tasks,)
    if "learning" in chosen:
        from experiments.benchmark import run_benchmark

        run_benchmark(
            command.organisations,
            command.repeats,
            command.device,
            command.threads,
            command.output,
            command.network,
            command.markdown,
        )
    if "round" in chosen:
        from experiments.benchmark_round import run_round_benchmark

        run_round_benchmark(command.repeats, command.output, command.markdown)
    if "clearing" in chosen:
        from experiments.benchmark_clearing import run_clearing_benchmark

        run_clearing_benchmark(command.orders, command.repeats, command.output, command.markdown)
    if "memory" in chosen:
        from experiments.benchmark_memory import run_memory_benchmark

        run_memory_benchmark(
            max(command.organisations), command.device, command.threads, command.output, command.markdown
        )


if __name__ == "__main__":
    sys.exit(main())
