"""Mask R-CNN as torchvision exports it: extents that only a run knows, bodies, regions. Against ONNX Runtime."""

import pathlib

import numpy as np
import onnxruntime
from filled import filled

import tenon

GRAPH = pathlib.Path(__file__).parent.parent / "data" / "graphs" / "dynamic" / "maskrcnn_resnet50_fpn.ts.onnx"


# With random weights, levels of optimization of ONNX Runtime itself differ by as much (with seed 3 by 3e-4 in the boxes,
# by 2e-2 in the masks): errors of the backbone go through exp, sorted scores and boxes that are cut to whole pixels.
TOLERANCE = 1e-3


def check(engine, model, inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    got = engine.run(inputs)
    for output, want in zip(session.get_outputs(), session.run(None, inputs), strict=True):
        assert got[output.name].shape == want.shape and got[output.name].dtype == want.dtype, output.name
        error = np.linalg.norm(got[output.name].astype(np.float64) - want)
        assert error <= TOLERANCE * np.linalg.norm(want.astype(np.float64)), output.name
    return {name: array.shape for name, array in got.items()}


def test_mask_r_cnn_is_onnxruntimes_before_and_after_a_refit(device):
    model = filled(GRAPH, 1)
    engine = tenon.build(model, device=device, tactics="first")
    inputs = {engine.inputs[0].name: np.random.default_rng(3).random((3, 320, 320)).astype(np.float32)}
    shapes = check(engine, model, inputs)
    assert all(shape[0] > 0 for shape in shapes.values()), "nothing is detected"
    model = filled(GRAPH, 3)
    other = tenon.build(model, device=device, tactics="first")
    engine.refit({name: weight.numpy() for name, weight in other.weights.items()}, complete=True)
    check(engine, model, inputs)
    fresh = other.run(inputs)
    assert all(np.array_equal(array, fresh[name]) for name, array in engine.run(inputs).items())
