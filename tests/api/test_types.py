"""A user's program under mypy's strict mode."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import tenon

PROGRAM = """
import threading
from pathlib import Path
from typing import Any

import numpy as np

import tenon


def told(stage: str, fraction: float) -> None:
    print(stage, fraction)


engine: tenon.Engine = tenon.build(Path("m.onnx"), refit=["a*"], shapes={"x": ("n", 3, (1, 2, 3))}, progress=told, stop=threading.Event())
report: tenon.RefitReport = engine.refit({"w": np.zeros(3)}, rename=lambda name: name, progress=True)
names: list[str] = report.kept
with tenon.load("a.plan", progress=None) as loaded:
    outputs: tenon.Outputs = loaded.run({"x": np.zeros(3)})
    version: int = outputs.version
    future = loaded.submit({"x": np.zeros(3)})
    again: tenon.Outputs = future.result()
array: np.ndarray[Any, np.dtype[Any]] = outputs["y"]
same: np.ndarray[Any, np.dtype[Any]] = engine(np.zeros(3))
first, second = engine(np.zeros(3))
kind: np.dtype[Any] = engine.weights["w"].dtype
value: np.ndarray[Any, np.dtype[Any]] = engine.weights["w"].numpy()
refitter = engine.refitter(prefix="module.")
refitter.set("w", np.zeros(3))
weights: tenon.WeightSet = refitter.prepare(stop=threading.Event())
engine.publish(weights)
"""


def test_nothing_results_in_any():
    """`Any` in a result would switch the checker off from there on."""
    for name in ("_tenon.pyi", "_outputs.py"):
        tree = ast.parse((pathlib.Path(tenon.__file__).parent / name).read_text())
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            assert function.returns is not None and ast.unparse(function.returns) != "Any", function.name


def checked(program, folder):
    pytest.importorskip("mypy")
    (folder / "program.py").write_text(program)
    package = pathlib.Path(tenon.__file__).parents[1]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "program.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(package)})


def test_a_users_program_is_typed(tmp_path):
    done = checked(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_wrong_one_is_found(tmp_path):
    wrong = PROGRAM + "engine.refit(3)\nengine.save('x', progress='yes')\nlength: str = report.seconds\n"
    wrong += "number: int = engine(np.zeros(3))\nnumber = outputs['y']\nnumber = engine.weights['w'].numpy()\n"
    assert checked(wrong, tmp_path).stdout.count("error:") == 6
