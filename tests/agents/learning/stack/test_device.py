import pytest
import torch

from agents.learning.stack.device import available_devices, precise_dtype, resolve_device


def test_known_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == available_devices()[0]
    assert precise_dtype(torch.device("cpu")) is torch.float64
    assert precise_dtype(torch.device("mps")) is torch.float32


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:3", "", "mps:1"])
def test_unknown_devices(device: str) -> None:
    with pytest.raises(ValueError, match=rf"device must be one of auto, .*cpu.*; got '{device}'"):
        resolve_device(device)


def test_a_missing_accelerator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"auto, cpu \(cuda is not available here\); got 'cuda'"):
        resolve_device("cuda")
