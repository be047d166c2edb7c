"""Ways in which a module is made or run: quietly, in training, with a seed, estimating its statistics."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

LIBRARIES = ("accelerate", "huggingface_hub", "peft", "transformers")
"""Libraries that call each other by names that will go, of which the user of a model need not hear."""


@contextmanager
def quietly() -> Iterator[None]:
    """Leave out what these libraries warn each other of, and bars of progress."""
    told = sys.modules.get("transformers.utils.logging")
    bars = told is not None and told.is_progress_bar_enabled()
    with warnings.catch_warnings():
        for library in LIBRARIES:
            for kind in (FutureWarning, DeprecationWarning):
                warnings.filterwarnings("ignore", category=kind, module=rf"{library}(\.|$)")
        if told is not None and bars:
            told.disable_progress_bar()
        try:
            yield
        finally:
            if told is not None and bars:
                told.enable_progress_bar()


@contextmanager
def in_mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a module into a mode, and back into evaluation."""
    module.train(training)
    try:
        yield
    finally:
        module.eval()


@contextmanager
def estimating(module: nn.Module) -> Iterator[None]:
    """Let the batch's own statistics be what layers with running statistics normalise by, and keep."""
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.train()
        layer.momentum = 1.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.eval()
            layer.momentum = momentum


@contextmanager
def drawing(seed: int | None, device: torch.device) -> Iterator[None]:
    """Draw from a seed of one's own, and leave torch's generators as they were."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
