"""Extents that a run finds out, carried through whole graphs, against ONNX Runtime."""

import cases
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon


def model(nodes, inputs, outputs, initializers=()):
    info = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    tensors = [numpy_helper.from_array(array, name) for name, array in initializers]
    graph = helper.make_graph(nodes, "bound", info, results, tensors)
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


def check(serialized, feeds, device):
    session = onnxruntime.InferenceSession(serialized, providers=["CPUExecutionProvider"])
    engine = tenon.build(serialized, device=device, threads=2, tactics="first")
    for feed in feeds:
        got = engine.run(feed)
        for info, want in zip(session.get_outputs(), session.run(None, feed), strict=True):
            assert cases.difference(got[info.name], want, None) is None, info.name


def positive_rows():
    """The rows of x whose first element is positive, and what is computed of them."""
    node = helper.make_node
    nodes = [
        node("Gather", ["x", "first"], ["column"], axis=1),
        node("Greater", ["column", "zero"], ["positive"]),
        node("NonZero", ["positive"], ["found"]),
        node("Squeeze", ["found", "axis0"], ["rows"]),
        node("Gather", ["x", "rows"], ["some"], axis=0),
        node("MatMul", ["some", "w"], ["product"]),
        node("Softmax", ["product"], ["soft"], axis=-1),
        node("Softmax", ["product"], ["soft0"], axis=0),
        node("Concat", ["soft", "x", "some"], ["joined"], axis=0),
        node("ReduceSum", ["product", "axis0"], ["sums"]),
        node("ReduceProd", ["some", "axis0"], ["products"]),
        node("Add", ["some", "sums4"], ["shifted"]),
        node("Transpose", ["product"], ["turned"]),
        node("MatMul", ["turned", "some"], ["square"]),
        node("Shape", ["some"], ["shape"]),
    ]
    outputs = ["some", "soft", "soft0", "joined", "sums", "products", "shifted", "square", "shape"]
    weights = [
        ("first", np.array(0)),
        ("zero", np.float32(0)),
        ("axis0", np.array([0])),
        ("w", np.arange(16, dtype=np.float32).reshape(4, 4) / 8 - 1),
        ("sums4", np.ones((1, 4), np.float32)),
    ]
    return model(nodes, [("x", TensorProto.FLOAT, ["n", 4])], outputs, weights)


@pytest.mark.parametrize("positive", [0, 1, 5])
def test_what_follows_a_non_zero_takes_any_number_of_rows(positive, device):
    x = np.random.default_rng(positive).standard_normal((5, 4)).astype(np.float32)
    x[:, 0] = [1] * positive + [-1] * (5 - positive)
    check(positive_rows(), [{"x": x}], device)


def test_runs_of_one_engine_find_different_extents(device):
    rng = np.random.default_rng(0)
    feeds = [{"x": rng.standard_normal((n, 4)).astype(np.float32)} for n in (3, 0, 8, 1, 3)]
    feeds.append({"x": -np.ones((2, 4), np.float32)})
    check(positive_rows(), feeds, device)


def test_extents_that_depend_on_extents_of_a_run(device):
    """NonZero of what a NonZero gave, a range as long as it, and a reshape to its shape."""
    node = helper.make_node
    nodes = [
        node("NonZero", ["x"], ["first"]),
        node("Mod", ["first", "two"], ["parity"]),
        node("NonZero", ["parity"], ["second"]),
        node("Shape", ["second"], ["shape"]),
        node("ReduceProd", ["shape"], ["count"], keepdims=0),
        node("Range", ["nought", "count", "one"], ["numbers"]),
        node("Reshape", ["numbers", "shape"], ["y"], allowzero=1),
        node("ConstantOfShape", ["shape"], ["zeros"]),
    ]
    scalars = [("two", np.array(2)), ("nought", np.array(0)), ("one", np.array(1))]
    serialized = model(nodes, [("x", TensorProto.FLOAT, ["n", "m"])], ["second", "y", "zeros"], scalars)
    rng = np.random.default_rng(1)
    check(serialized, [{"x": rng.integers(0, 2, shape).astype(np.float32)} for shape in ((3, 4), (1, 1), (6, 2))], device)


def test_operands_that_decide_shapes_may_differ_from_run_to_run(device):
    node = helper.make_node
    nodes = [
        node("Slice", ["x", "from", "to", "axis1"], ["part"]),
        node("Reshape", ["part", "shape"], ["y"]),
        node("Expand", ["y", "wide"], ["z"]),
    ]
    inputs = [("x", TensorProto.FLOAT, ["n", 6])]
    inputs += [(name, TensorProto.INT64, [count]) for name, count in (("from", 1), ("to", 1), ("shape", 2), ("wide", 3))]
    serialized = model(nodes, inputs, ["part", "y", "z"], [("axis1", np.array([1]))])

    def feed(n, first, last, shape, wide):
        given = {"from": [first], "to": [last], "shape": shape, "wide": wide}
        arrays = {name: np.array(values, np.int64) for name, values in given.items()}
        return {"x": np.arange(n * 6, dtype=np.float32).reshape(n, 6), **arrays}

    feeds = [feed(2, 0, 6, [3, -1], [2, 1, 1]), feed(2, -4, -1, [1, -1], [1, 5, 6]), feed(3, 2, 2, [0, 0], [2, 3, 1])]
    check(serialized, feeds, device)
