"""Attention that is spelt out in nodes, against its formula in f64."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tenon

SIZES = [  # batch, heads, queries, keys, depth, columns of values
    (1, 1, 1, 1, 1, 1),
    (2, 3, 5, 7, 4, 6),
    (1, 2, 49, 49, 32, 32),
    (2, 2, 130, 200, 64, 64),
    (1, 3, 1, 300, 64, 64),
    (1, 3, 3, 33, 16, 70),
    (3, 1, 65, 8, 129, 3),
    (1, 1, 300, 1500, 64, 64),
    (1, 1, 0, 5, 3, 3),
    (1, 2, 4, 0, 3, 3),
]


def value(name, dims, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def scalar(name, number):
    return helper.make_node("Constant", [], [name], value_float=float(number))


def model(size, kind, stored):
    batch, heads, m, n, d, e = size
    keys = [batch, heads, d, n] if stored == "columns" else [batch, heads, n, d]
    inputs = [value("q", [batch, heads, m, d]), value("k", keys), value("v", [batch, heads, n, e])]
    turn = helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2])
    nodes = [turn] if stored == "rows" else []
    nodes += [
        helper.make_node("MatMul", ["q", "k" if stored == "columns" else "kt"], ["product"]),
        scalar("scale", 0.25),
        helper.make_node("Mul", ["product", "scale"], ["scaled"]),
    ]
    after = {
        "plain": [],
        "mask": [helper.make_node("Add", ["scaled", "m"], ["scores"])],
        "where": [scalar("never", -np.inf), helper.make_node("Where", ["m", "scaled", "never"], ["scores"])],
        "tanh": [helper.make_node("Tanh", ["scaled"], ["scores"])],
    }[kind]
    if kind == "mask":
        inputs.append(value("m", [batch, 1, 1, n]))
    if kind == "where":
        inputs.append(value("m", [heads, m, n], TensorProto.BOOL))
    nodes += after + [
        helper.make_node("Softmax", ["scores" if after else "scaled"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "v"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", inputs, [value("y", [batch, heads, m, e])])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def formula(x, kind, stored):
    q, k, v = (x[name].astype(np.float64) for name in "qkv")
    scores = q @ (k if stored == "columns" else np.swapaxes(k, -1, -2)) * 0.25
    if kind == "mask":
        scores = scores + x["m"]
    if kind == "where":
        scores = np.where(x["m"], scores, -np.inf)
    if kind == "tanh":
        scores = np.tanh(scores)
    if scores.size == 0:
        return scores @ v
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True) @ v


@pytest.mark.parametrize("stored", ["rows", "columns"])
@pytest.mark.parametrize("kind", ["plain", "mask", "where", "tanh"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_attention_is_its_formula(size, kind, stored, device):
    batch, heads, m, n, d, e = size
    rng = np.random.default_rng(3)
    keys = (batch, heads, d, n) if stored == "columns" else (batch, heads, n, d)
    shapes = {"q": (batch, heads, m, d), "k": keys, "v": (batch, heads, n, e)}
    x = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    if kind == "mask":
        x["m"] = np.where(rng.random((batch, 1, 1, n)) < 0.3, -np.inf, 0).astype(np.float32)
        x["m"][..., :1] = 0
    if kind == "where":
        x["m"] = rng.random((heads, m, n)) < 0.7
        x["m"][..., :1] = True
    engine = tenon.build(model(size, kind, stored), device=device, tactics="first")
    assert "attention" in [layer.op for layer in engine.layers]
    np.testing.assert_allclose(engine.run(x)["y"], formula(x, kind, stored), atol=1e-5)


def test_a_row_that_is_all_masked_is_nan_as_its_softmax_is(device):
    x = {name: np.ones((1, 1, 2, 2), np.float32) for name in "qkv"}
    x["m"] = np.full((1, 1, 1, 2), -np.inf, np.float32)
    engine = tenon.build(model((1, 1, 2, 2, 2, 2), "mask", "rows"), device=device)
    assert np.isnan(engine.run(x)["y"]).all()
