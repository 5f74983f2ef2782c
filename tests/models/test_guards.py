"""Float scalars that torch.export leaves as initializers: what passes used of them is guarded, the rest is refittable."""

import pathlib

import numpy as np
import onnxruntime
import pytest
from filled import filled, replaced

import tenon

GRAPH = pathlib.Path(__file__).parent.parent / "data" / "graphs" / "whisper_tiny_encoder.dynamo.onnx"
GELU = {"val_0": 2**0.5, "val_3": 1.0, "val_5": 0.5}  # x / sqrt(2), erf, + 1, * x, * 0.5
SCALE = "val_23"  # 1 / sqrt(64), of attention


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("guards") / "whisper.onnx"
    path.write_bytes(filled(GRAPH, 1))
    return path


def check(engine, model, arrays):
    """The engine answers as ONNX Runtime does with these arrays in the model."""
    session = onnxruntime.InferenceSession(replaced(model, arrays), providers=["CPUExecutionProvider"])
    (port,) = engine.inputs
    x = {port.name: np.random.default_rng(2).standard_normal(port.shape).astype(np.float32)}
    (want,) = session.run([engine.outputs[0].name], x)
    got = engine.run(x)[engine.outputs[0].name]
    assert np.linalg.norm(got - want) / np.linalg.norm(want) < 1e-4


def test_scalars_of_a_gelu_are_guarded_and_listed_and_others_are_refittable(model, device):
    engine = tenon.build(model, device=device, tactics="first")
    assert {name for name, weight in engine.weights.items() if weight.guarded} == set(GELU)
    lines = [line for line in engine.explain().splitlines() if line.startswith("guarded ")]
    assert len(lines) == len(GELU)
    for line, (name, value) in zip(lines, sorted(GELU.items()), strict=True):
        assert line.startswith(f'guarded "{name}": f32[] {np.format_float_positional(np.float32(value), trim="-")}: pass gelu: ')
        assert "one expression" in line
    for name in GELU:
        with pytest.raises(tenon.RefitError, match=f'"{name}".*gelu'):
            engine.refit({name: np.float32(1.25), SCALE: np.float32(0.25)})
    check(engine, model, {})
    changed = {SCALE: np.array(0.25, np.float32)}
    assert engine.refit(changed).changed == [SCALE]
    check(engine, model, changed)


def test_built_without_the_pass_a_guarded_scalar_is_refittable(model, device):
    engine = tenon.build(model, device=device, tactics="first", without=["gelu"])
    assert not any(weight.guarded for weight in engine.weights.values())
    changed = {"val_0": np.array(1.25, np.float32), "val_5": np.array(0.75, np.float32)}
    engine.refit(changed)
    check(engine, model, changed)
