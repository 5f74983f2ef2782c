"""Real networks as PyTorch exports them, with two checkpoints, against ONNX Runtime."""

import os
import pathlib

import laws
import numpy as np
import onnx
import onnxruntime
import pytest
from filled import filled, weight_bytes

import tenon

GRAPHS = pathlib.Path(__file__).parent.parent / "data" / "graphs"
SHAPE_OPS = {"shape", "bind", "range"}


def reference(model, inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return {output.name: made for output, made in zip(session.get_outputs(), session.run(None, inputs), strict=True)}


def inputs_of(engine, batch, sequence):
    """Random ones; symbolic extents are a batch in front and else a sequence, and masks are all ones."""
    rng = np.random.default_rng(7)
    inputs = {}
    for port in engine.inputs:
        symbolic = [batch] + [sequence] * len(port.shape)
        size = tuple(e if isinstance(e, int) else symbolic[axis] for axis, e in enumerate(port.shape))
        if str(port.dtype) == "int64":
            inputs[port.name] = np.ones(size, np.int64) if "mask" in port.name else rng.integers(0, 100, size)
        else:
            inputs[port.name] = rng.standard_normal(size).astype(np.float32)
    return inputs


def sizes_of(engine):
    """Batches and sequences to run at: more than one where a file leaves them open."""
    symbols = {(axis > 0, e) for port in engine.inputs for axis, e in enumerate(port.shape) if isinstance(e, str)}
    batches = (1, 3) if any(not inner for inner, _ in symbols) else (1,)
    sequences = (7, 128) if any(inner for inner, _ in symbols) else (1,)
    return [(batch, sequence) for batch in batches for sequence in sequences]


def check(engine, model, inputs):
    got = engine.run(inputs)
    for name, want in reference(model, inputs).items():
        assert np.linalg.norm(got[name] - want) / np.linalg.norm(want) < 1e-5, name


LARGE, MEDIUM = 128 << 20, 32 << 20  # bytes of weights; above them only `./run laws --all` and `./run bench` go
every_graph = pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.onnx")), ids=lambda path: path.stem)


def skip_above(most, path):
    if weight_bytes(path) > most and os.environ.get("TENON_LAWS") != "all":
        pytest.skip("large: ./run laws --all")


@every_graph
def test_a_real_network_is_onnxruntimes_before_and_after_a_refit(path, device, tmp_path):
    skip_above(LARGE, path)
    file = tmp_path / "model.onnx"
    file.write_bytes(filled(path, 1))
    engine = tenon.build(file, device=device, tactics="first")
    sizes = sizes_of(engine)
    if all(sequence == 1 for _, sequence in sizes):  # positions are counted along a sequence
        assert not SHAPE_OPS & {layer.op for layer in engine.layers}
    runs = [inputs_of(engine, *size) for size in sizes]
    for inputs in runs:
        check(engine, file, inputs)
    second = tmp_path / "second.onnx"
    second.write_bytes(filled(path, 2))
    report = engine.refit(second, complete=True)
    assert len(report.changed) == len(engine.weights)
    for inputs in runs:
        check(engine, second, inputs)


SHAPE_COMPUTING = {"shufflenet_v2_x1_0.ts": ("batch", 3, 224, 224), "swin_t.ts": (1, 3, 224, 224)}


@pytest.mark.parametrize("name, shape", SHAPE_COMPUTING.items())
def test_no_step_computes_a_shape(name, shape, device):
    """What a shape is made of are integers, and the networks take and give floats."""
    path = GRAPHS / f"{name}.onnx"
    ops = [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]
    assert ops.count("Shape") > 50 and ops.count("Gather") > 50
    engine = tenon.build(path, weights=None, device=device, tactics="first")
    assert engine.inputs[0].shape == shape
    steps = engine.layers + engine.views
    assert len(steps) > 100 and [step.name for step in steps if not step.output.startswith("f32")] == []


@every_graph
def test_the_laws_of_refitting_hold(path, device, tmp_path):
    skip_above(MEDIUM, path)
    checkpoints = [tmp_path / "first.onnx", tmp_path / "second.onnx"]
    for seed, file in enumerate(checkpoints):
        file.write_bytes(filled(path, seed))
    with tenon.build(path, weights=None, device=device, tactics="first") as shapes:
        inputs = inputs_of(shapes, *sizes_of(shapes)[0])
    full, stripped = laws.hold(*checkpoints, inputs, device, tmp_path)
    if weight_bytes(path) > 10 << 20:
        assert stripped < full / 100
