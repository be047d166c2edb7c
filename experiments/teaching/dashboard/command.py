"""The command ``parabourse dashboard``."""

import os
import sys
from pathlib import Path

import torch

from experiments.command_line.sentences import UserError
from experiments.teaching.dashboard.serving import serve, solara_application

APPLICATION = "experiments.teaching.dashboard.application"
PAGES = ("/", "/compare", "/replay")


def run_dashboard(port: int | None, runs: Path) -> None:
    """Serve the dashboard to this machine until it is interrupted.

    Parameters
    ----------
    port : int or None
        Where to listen; None is any free port.
    runs : Path
        Only recorded runs under this folder can be watched.

    Raises
    ------
    UserError
        If something is not installed, the port is taken, or `runs` is not a folder.
    """
    if runs.exists() and not runs.is_dir():
        raise UserError(f"--runs must be a folder of recorded runs; got {runs}")
    if not runs.exists():
        print(f"parabourse: there is no folder {runs}, so Replay will be empty.", file=sys.stderr)
    os.environ["PARABOURSE_RUNS"] = str(runs)
    torch.set_num_threads(1)
    serve(solara_application(APPLICATION), port=port, pages=PAGES)
