"""Mask R-CNN as torchvision exports it: extents that only a run knows, bodies, regions. Against ONNX Runtime."""

import pathlib

import numpy as np
import onnxruntime
from filled import filled

import tenon

GRAPH = pathlib.Path(__file__).parent.parent / "data" / "graphs" / "dynamic" / "maskrcnn_resnet50_fpn.ts.onnx"


TOLERANCE = 1e-3


def references(model, inputs):
    """What ONNX Runtime gives with all of its rewrites, and with none.

    With random weights the two differ (for the masks of the second checkpoint by 2e-2): errors of the backbone go
    through exp, sorted scores and boxes that are cut to whole pixels. That is how far the network itself is defined.
    """
    made = []
    for level in ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL"):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        made.append(session.run(None, inputs))
    return [output.name for output in session.get_outputs()], *made


def distance(a, b):
    return np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(b.astype(np.float64))


def check(engine, model, inputs):
    got = engine.run(inputs)
    for name, want, other in zip(*references(model, inputs), strict=True):
        assert got[name].shape == want.shape and got[name].dtype == want.dtype, name
        assert distance(got[name], want) <= max(TOLERANCE, distance(other, want)), name
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
