"""One thread a process: the tests run in as many processes as there are cores."""

import gc
import os

import pytest
import torch

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every search for garbage: it lives as long as the tests do."""
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Keep tests that share something expensive in one process, as their `xdist_group` says."""
    if config.getoption("dist", "no") == "load":
        config.option.dist = "loadgroup"
