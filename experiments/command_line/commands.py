"""What every command does.

Libraries are imported where they are used, so that `parabourse list` need not wait for all of them.
"""

import argparse
import logging
from collections.abc import Callable

from experiments.configuration.arguments import BENCHMARKS
from experiments.runs.allocator import importing

Command = Callable[[argparse.Namespace, list[str]], int | None]


def _run(given: argparse.Namespace, overrides: list[str]) -> int:  # noqa: ARG001
    with importing():
        from experiments.command_line.application import run_application

    return run_application(overrides)


def _cross(given: argparse.Namespace, overrides: list[str]) -> int:
    with importing():
        from experiments.studies.cross.command import run_cross

    return run_cross(overrides, given.output)


def _textbook(given: argparse.Namespace, overrides: list[str]) -> int:
    if not given.preset:
        with importing():
            from experiments.command_line.listing import print_textbook

        print_textbook()
        return 0
    with importing():
        from experiments.studies.textbook.application import run_textbook

    return run_textbook(given.preset, overrides, given.output)


def _reproduce(given: argparse.Namespace, overrides: list[str]) -> int:
    if given.preset == "all":
        with importing():
            from experiments.studies.reproduction.page import reproduce_all

        reproduce_all(given.output, overrides)
        return 0
    with importing():
        from experiments.studies.reproduction.command import run_reproduction

    return run_reproduction(given.preset, overrides, given.output)


def _appraise(given: argparse.Namespace, overrides: list[str]) -> int:
    with importing():
        from experiments.appraisal.command import run_appraise

    named = {"network": given.network, "data": given.data}
    chosen = [f"{group}={name}" for group, name in named.items() if name is not None]
    return run_appraise(given.buyer, given.seller, [*chosen, *overrides], given.save, given.output)


def _resume(given: argparse.Namespace, _: list[str]) -> int:
    with importing():
        from experiments.command_line.application import resume_run

    logging.basicConfig(level=logging.WARNING)
    return resume_run(given.folder, given.overrides)


def _report(given: argparse.Namespace, _: list[str]) -> int:
    with importing():
        from experiments.command_line.application import report_on
        from experiments.studies.textbook.application import is_textbook_run, report_textbook

    if is_textbook_run(given.folder):
        return report_textbook(given.folder, checked=not given.damaged)
    checked = not given.damaged
    return report_on(given.folder, given.outcome, dict(given.half_width), given.latex, checked)


def _figures(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.figures.command import draw_again

    look = {"pdf": given.pdf or None, "width": given.width, "font_size": given.font_size}
    asked = {name: value for name, value in look.items() if value is not None}
    draw_again(given.folder, given.names, given.outcome, given.by, given.output, asked)


def _explain(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.command_line.explaining.command import explain
        from experiments.command_line.explaining.records import records_page

    if given.markdown:
        print(records_page())
    else:
        explain(given.key, given.of)


def _list(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.command_line.listing import mechanism_table, print_listing, strategy_table

    if given.markdown:
        print(mechanism_table(), strategy_table(), sep="\n\n")
    else:
        print_listing()


def _barriers(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.studies.barriers.command import run_barriers

    run_barriers(given.factories, given.epochs, given.replicates, given.seed, given.output, given.markdown)


def _merging(given: argparse.Namespace, _: list[str]) -> None:
    common = (given.organisations, given.epochs, given.replicates, given.seed, given.same_start)
    if given.adapters:
        with importing():
            from experiments.studies.adapters import compare_adapters

        compare_adapters(*common, given.rank, given.output)
        return
    with importing():
        from experiments.studies.merging import compare_merging

    compare_merging(*common, given.output)


def _pricing(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.studies.pricing.command import run_pricing

    run_pricing(given.organisations, given.rounds, given.replicates, given.seed, given.output)


def _adversaries(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.studies.adversaries import run_adversaries

    run_adversaries(given.replicates, given.rounds, given.seed, given.output)


def _lessons(given: argparse.Namespace, _: list[str]) -> None:
    with importing():
        from experiments.teaching.lessons import copy_lessons

    copy_lessons(given.folder)


def _dashboard(given: argparse.Namespace, overrides: list[str]) -> int:
    if given.lecture:
        with importing():
            from experiments.teaching.lecture.command import LOOPBACK, run_lecture

        return run_lecture(
            overrides,
            given.host or LOOPBACK,
            given.port,
            textbook=given.textbook,
            public=given.url,
            proxy_headers=given.proxy_headers,
        )
    with importing():
        from experiments.teaching.dashboard.command import run_dashboard

    run_dashboard(given.port, given.runs)
    return 0


def _benchmark(given: argparse.Namespace, _: list[str]) -> None:
    chosen = BENCHMARKS if given.tasks == "all" else (given.tasks,)
    if "learning" in chosen:
        with importing():
            from experiments.benchmarks.command import run_benchmark

        run_benchmark(
            given.organisations,
            given.repeats,
            given.device,
            given.threads,
            given.output,
            given.network,
            given.markdown,
        )
    if "round" in chosen:
        with importing():
            from experiments.benchmarks.round import run_round_benchmark

        run_round_benchmark(given.repeats, given.output, given.markdown)
    if "clearing" in chosen:
        with importing():
            from experiments.benchmarks.clearing import run_clearing_benchmark

        run_clearing_benchmark(given.orders, given.repeats, given.output, given.markdown)
    if "memory" in chosen:
        with importing():
            from experiments.benchmarks.memory import run_memory_benchmark

        run_memory_benchmark(
            max(given.organisations), given.device, given.threads, given.output, given.markdown
        )
    if "tracing" in chosen:
        with importing():
            from experiments.benchmarks.tracing import run_tracing_benchmark

        run_tracing_benchmark(given.models, given.verify, given.threads, given.output, given.markdown)


COMMANDS: dict[str, Command] = {
    "run": _run,
    "cross": _cross,
    "textbook": _textbook,
    "reproduce": _reproduce,
    "benchmark": _benchmark,
    "barriers": _barriers,
    "merging": _merging,
    "pricing": _pricing,
    "adversaries": _adversaries,
    "appraise": _appraise,
    "resume": _resume,
    "report": _report,
    "figures": _figures,
    "dashboard": _dashboard,
    "lessons": _lessons,
    "explain": _explain,
    "list": _list,
}
"""By name: each takes the parsed arguments and Hydra's overrides, and returns the exit code, None for 0."""
