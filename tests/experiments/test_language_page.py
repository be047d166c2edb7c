"""The page on language models, done as it says, in small."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open

from experiments.command_line.cli import main
from parabourse import load_model
from tests.experiments.own_plugins import as_before

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(COMMAND,) = re.findall(r"^    parabourse (run .*hydra.run.dir=run)$", PAGE, re.MULTILINE)
SMALL = ["rounds=1", "replicates=1", "learning.local_epochs=1", "broker.merge_weights=3", "run.figures=false"]


@pytest.mark.heavy
def test_the_page_leads_to_a_market_for_adapters(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["parabourse"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, text in zip(("texts", "base", "nets"), BLOCKS, strict=False):
        Path(f"{name}.py").write_text(text.replace("range(150)", "range(3)"), encoding="utf-8")
    with as_before():
        for name in ("texts", "base"):
            runpy.run_path(f"{name}.py")
        capsys.readouterr()
        assert main([*COMMAND.split(), *SMALL]) == 0
        assert "Warning" not in capsys.readouterr().err
        path = Path("run/models/competitive/0/organisation_00.safetensors")
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            saved = file.get_tensor(names[0])
        assert all("lora_" in name for name in names)
        assert main(["resume", "run", "rounds=2", "network.factory=./nets.py:make"]) == 0
        model = load_model(path, {"name": "module", "factory": "./nets.py:make"})
        assert isinstance(model, PeftModel)
        assert not torch.equal(model.state_dict()[names[0]], saved)  # a round later
        exec(compile(BLOCKS[3], "page", "exec"), {})
    assert Path("adapter/adapter_model.safetensors").exists()
