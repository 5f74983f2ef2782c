"""Quantised weights are weights: refitted by name, as ONNX Runtime has the model with the new ones."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon


def tensors(seed):
    rng = np.random.default_rng(seed)
    return {
        "w": rng.integers(-128, 128, (6, 4)).astype(np.int8),
        "w.scale": rng.uniform(0.01, 0.1, 4).astype(np.float32),
        "w.zero": rng.integers(-8, 8, 4).astype(np.int8),
        "x.scale": np.float32(rng.uniform(0.01, 0.1)),
        "x.zero": np.uint8(rng.integers(100, 150)),
        "y.scale": np.float32(rng.uniform(0.5, 1)),
        "y.zero": np.uint8(rng.integers(100, 150)),
    }


def model(form, weights):
    node = helper.make_node
    x = ["x.scale", "x.zero"]
    if form == "qdq":
        nodes = [
            node("QuantizeLinear", ["x", *x], ["q"]),
            node("DequantizeLinear", ["q", *x], ["d"]),
            node("DequantizeLinear", ["w", "w.scale", "w.zero"], ["v"], axis=1),
            node("MatMul", ["d", "v"], ["y"]),
        ]
    elif form == "qlinear":
        nodes = [
            node("QuantizeLinear", ["x", *x], ["q"]),
            node("QLinearMatMul", ["q", *x, "w", "w.scale", "w.zero", "y.scale", "y.zero"], ["p"]),
            node("DequantizeLinear", ["p", "y.scale", "y.zero"], ["y"]),
        ]
    else:
        nodes = [
            node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
            node("MatMulInteger", ["q", "w", "z", "w.zero"], ["p"]),
            node("Cast", ["p"], ["f"], to=TensorProto.FLOAT),
            node("Mul", ["f", "s"], ["g"]),
            node("Mul", ["g", "w.scale"], ["y"]),
        ]
    used = {name for each in nodes for name in each.input}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


@pytest.mark.parametrize("form", ["qdq", "qlinear", "dynamic"])
def test_quantised_weights_are_refitted_by_name(form, device):
    x = np.random.default_rng(5).uniform(-3, 3, (3, 6)).astype(np.float32)

    def want(weights):
        session = onnxruntime.InferenceSession(model(form, weights), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": x})[0]

    engine = tenon.build(model(form, tensors(1)), device=device, tactics="first")
    assert {"w", "w.scale", "w.zero"} <= set(engine.weights)
    assert not np.allclose(want(tensors(1)), want(tensors(2)))
    for seed in (1, 2):
        engine.refit({name: array for name, array in tensors(seed).items() if name in engine.weights})
        np.testing.assert_allclose(engine(x), want(tensors(seed)), rtol=1e-5, atol=1e-5)
