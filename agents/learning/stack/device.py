"""Choice of the device that holds the stacked tensors."""

import torch

from markets.refusals import InputError


def available_devices() -> list[str]:
    """Return the kinds of device that this machine offers, fastest first; "cpu" is always the last."""
    kinds = []
    if torch.cuda.is_available():
        kinds.append("cuda")
    if torch.backends.mps.is_available():
        kinds.append("mps")
    return [*kinds, "cpu"]


def resolve_device(device: str) -> torch.device:
    """Return the device of a name.

    Parameters
    ----------
    device : str
        "auto" (the fastest kind there is), "cpu", "mps", "cuda", or "cuda:1" for one of several.

    Raises
    ------
    InputError
        If this machine has no such device.
    """
    available = available_devices()
    if device == "auto":
        return torch.device(available[0])
    kind, _, number = device.partition(":")
    if kind in available and _has(kind, number):
        return torch.device(device)
    absent = kind in ("cuda", "mps") and kind not in available
    remark = f" ({kind} is not available here)" if absent else ""
    raise InputError(f"device must be one of auto, {', '.join(available)}{remark}; got {device!r}")


def precise_dtype(device: torch.device) -> torch.dtype:
    """Return the type for sums that should not lose digits: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def _has(kind: str, number: str) -> bool:
    if not number:
        return True
    return kind == "cuda" and number.isdigit() and int(number) < torch.cuda.device_count()
