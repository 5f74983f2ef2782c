"""Real networks as PyTorch exports them, with two checkpoints, against ONNX Runtime."""

import pathlib

import numpy as np
import onnxruntime
import pytest
from filled import filled

import tenon

GRAPHS = pathlib.Path(__file__).parent.parent / "data" / "graphs"
SHAPE_OPS = {"shape", "bind", "range"}


def reference(model, inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return {output.name: made for output, made in zip(session.get_outputs(), session.run(None, inputs), strict=True)}


def inputs_of(engine):
    rng = np.random.default_rng(7)
    inputs = {}
    for port in engine.inputs:
        size = tuple(extent if isinstance(extent, int) else 1 for extent in port.shape)
        words = str(port.dtype) == "int64"
        inputs[port.name] = rng.integers(0, 100, size) if words else rng.standard_normal(size).astype(np.float32)
    return inputs


def check(engine, model, inputs):
    got = engine.run(inputs)
    for name, want in reference(model, inputs).items():
        assert np.linalg.norm(got[name] - want) / np.linalg.norm(want) < 1e-4, name


@pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.onnx")), ids=lambda path: path.stem)
def test_a_real_network_is_onnxruntimes_before_and_after_a_refit(path, device, tmp_path):
    model = filled(path, 1)
    engine = tenon.build(model, device=device, tactics="first")
    inputs = inputs_of(engine)
    check(engine, model, inputs)
    assert not SHAPE_OPS & {layer.op for layer in engine.layers}
    model = filled(path, 2)
    (tmp_path / "second.onnx").write_bytes(model)
    report = engine.refit(tmp_path / "second.onnx", complete=True)
    assert len(report.changed) == len(engine.weights)
    check(engine, model, inputs)
