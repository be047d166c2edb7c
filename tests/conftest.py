"""One thread a process: the tests run in as many processes as there are cores."""

import gc
import os
import signal

import torch

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

# Processes in the background start with Ctrl-C ignored and hand that on to the processes that tests stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every search for garbage, and search seldom."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
