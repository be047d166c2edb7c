"""The command line: ``parabourse COMMAND``, one of those in `experiments.command_line.commands`."""

import os
import sys
from collections.abc import Sequence

import argcomplete

from experiments.command_line.commands import COMMANDS
from experiments.command_line.sentences import USER_ERRORS, UnfinishedError, tell
from experiments.command_line.standard_streams import steady_streams
from experiments.configuration import plugins
from experiments.configuration.arguments import make_parser
from experiments.configuration.overrides import with_quotes
from experiments.runs.allocator import importing, keep_freed_memory
from experiments.runs.output_folders import check_writable

STUDIES = ("cross", "textbook", "reproduce", "pricing", "adversaries")
"""Commands that go on where they stopped, beside sweeps."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0, 1 if cells failed, 2 for what can be mended, or 130.

    What cannot be printed stops nothing (see `experiments.command_line.standard_streams`).
    """
    with steady_streams() as tell_lost:
        try:
            code = _run_command(arguments)
        except SystemExit as end:  # How argparse and Hydra end after --help.
            if not end.code and tell_lost():
                raise SystemExit(1) from None
            raise
        return code or int(tell_lost())


def _run_command(arguments: Sequence[str] | None) -> int:
    # Threads that wait by spinning ruin each other where runs share cores; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = make_parser()
    argcomplete.autocomplete(parser)
    try:
        with importing():
            given = plugins.begin(given)
    except USER_ERRORS as error:
        return tell(error)
    command, rest = parser.parse_known_args(given)
    rest = [with_quotes(argument) for argument in rest]
    rest += plugins.typed() if command.command == "run" else []
    lecture = getattr(command, "lecture", False)
    of_lectures = ("host", "textbook", "url", "proxy_headers")
    if command.command == "dashboard" and not lecture and (rest or any(map(vars(command).get, of_lectures))):
        parser.error(
            "--host, --textbook, --url, --proxy-headers and KEY=VALUE are for lectures: add --lecture"
        )
    if rest and command.command not in ("run", "appraise", "cross", "textbook", "reproduce", "dashboard"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if getattr(command, "output", None) is not None:
            check_writable(command.output, "--output")
        return COMMANDS[command.command](command, rest) or 0
    except USER_ERRORS as error:
        return tell(error)
    except UnfinishedError:
        return 1
    except KeyboardInterrupt:
        goes_on = command.command in STUDIES or {"-m", "--multirun"} & set(rest)
        print(f"parabourse: stopped{'; the same command goes on' * bool(goes_on)}.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
