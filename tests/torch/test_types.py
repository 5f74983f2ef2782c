"""The door and a user's program under mypy's strict mode."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

import tenon

PROGRAM = """
import torch

import tenon
import tenon.torch

model = torch.nn.Linear(4, 3).eval()
x = torch.randn(2, 4)
compiled: tenon.torch.CompiledModule = tenon.torch.compile(model, (x,), refit=["weight"], threads=2)
report: tenon.torch.RefitReport = compiled.refit(model.state_dict())
names: list[str] = report.changed
engine: tenon.Engine = compiled.engines[0]
compiled.adapters.add("style", {"base_model.model.lora_A.weight": x}, 0.5)
bank = tenon.torch.Bank(compiled, max_bytes=1 << 30)
with bank.use("acme"):
    y = compiled(x)
tenon.torch.save(compiled, "m.ep", strip=True)
program: torch.export.ExportedProgram = tenon.torch.load("m.ep")
fast = tenon.torch.MutableModule(model, watch="digest")
fast.refit()
dtype: tenon.torch.dtype = tenon.torch.dtype.half
refitter = engine.refitter()
refitter.add_low_rank("weight", x, x, scale=0.5, adapter="style")
weights: tenon.WeightSet = refitter.prepare()
digest: str = tenon.digest(x)
"""
WRONG = "compiled.refit({}, strict=1)\nlength: str = report.seconds\nbank.use(3)\n"


def test_the_door_and_a_program_are_typed_and_a_wrong_one_is_found(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(PROGRAM + WRONG)
    package = str(pathlib.Path(tenon.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "MYPYPATH": package},  # else it is silent
    )
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(lines) == 3 and all(line.startswith("program.py:") for line in lines), done.stdout
