"""ONNX's published cases, through the interface that ONNX's tools use."""

import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper

import tenon
from tenon import backend

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "onnx_coverage.md"


def test_the_page_is_true(device):
    if device != "cpu":
        pytest.skip("the page is the CPU's")
    if f"With onnx {onnx.__version__}." not in PAGE.read_text():
        pytest.skip("the page tells of another version of onnx, with other cases")
    command = [sys.executable, "-W", "ignore", "-m", "tenon.backend", "--check", PAGE]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_wrong():
    total = next(line for line in PAGE.read_text().splitlines() if line.startswith("| all |"))
    cases, passes, *_, wrong, crashes = (int(cell) for cell in total.split("|")[2:-1])
    assert cases == 2024 and passes >= 1995
    assert (wrong, crashes) == (0, 0)


def test_a_node_and_a_model_run():
    add = helper.make_node("Add", ["a", "b"], ["c"])
    a, b = np.ones((2, 3), np.float32), np.arange(3, dtype=np.float32)
    (c,) = backend.run_node(add, [a, b])
    np.testing.assert_array_equal(c, a + b)
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3]) for name in "abc"]
    model = helper.make_model(
        helper.make_graph([add], "g", values[:2], values[2:]),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    prepared = backend.prepare(model, "CPU")
    np.testing.assert_array_equal(prepared.run({"a": a, "b": a})[0], 2 * a)
    assert backend.Backend.is_compatible(model)
    with pytest.raises(tenon.InputError, match="3 inputs given, the model has 2"):
        prepared.run([a, a, a])


def test_devices():
    assert backend.supports_device("CPU")
    assert not backend.supports_device("TPU")
