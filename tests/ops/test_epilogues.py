"""What follows a convolution or product, fused into it and not, against ONNX Runtime or ONNX's reference."""

import cases
import numpy as np
import onnx.reference
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import tenon

ROOT_HALF, HALF, ONE, SIX = np.sqrt(0.5), 0.5, 1.0, 6.0

# Nodes from "c" to "y", and the operands that they read: numbers, or extents by axis ("nchw", 1 where they repeat).
# Capital letters are initializers.
FOLLOWING = {
    "relu": ([("Relu", "c", "y")], {}),
    "clip": ([("Clip", "c LOW SIX", "y")], {"LOW": -0.5, "SIX": SIX}),
    "residual": ([("Add", "c r", "y")], {"r": "nchw"}),
    "residual, relu": ([("Add", "r c", "s"), ("Relu", "s", "y")], {"r": "nchw"}),
    "residual, clip": ([("Add", "c r", "s"), ("Clip", "s ZERO SIX", "y")], {"r": "nchw", "ZERO": 0.0, "SIX": 1.5}),
    "silu": ([("Sigmoid", "c", "s"), ("Mul", "c s", "y")], {}),
    "gelu": ([("Gelu", "c", "y")], {}),
    "gelu by tanh": ([("Gelu", "c", "y", {"approximate": "tanh"})], {}),
    "gelu, spelled": (
        [("Mul", "c ROOT", "s"), ("Erf", "s", "e"), ("Add", "e ONE", "f"), ("Mul", "c f", "g"), ("Mul", "g HALF", "y")],
        {"ROOT": ROOT_HALF, "ONE": ONE, "HALF": HALF},
    ),
    "hard-swish": ([("HardSwish", "c", "y")], {}),
    "hard-swish, spelled": ([("HardSigmoid", "c", "s", {"alpha": 1 / 6}), ("Mul", "s c", "y")], {}),
    "mish": ([("Softplus", "c", "s"), ("Tanh", "s", "t"), ("Mul", "c t", "y")], {}),
    "scale": ([("Mul", "c S", "y")], {"S": 0.125}),
    "scale by channel": ([("Mul", "c S", "y")], {"S": "1c11"}),
    "layer scale": ([("Mul", "c S", "s"), ("Add", "r s", "y")], {"S": "1c11", "r": "nchw"}),
    "gate by pixel": ([("Mul", "c g", "y")], {"g": "n1hw"}),
    "gate by channel": ([("Sigmoid", "g", "s"), ("Mul", "c s", "y")], {"g": "nc11"}),
    "gate by column": ([("Mul", "c g", "y")], {"g": "111w"}),
    "add of a row": ([("Add", "c g", "y")], {"g": "11h1"}),
    "four operands": (
        [("Mul", "c p", "s"), ("Sub", "q r", "t"), ("Mul", "t U", "u"), ("Add", "s u", "v"), ("Relu", "v", "y")],
        {"p": "nchw", "q": "nc11", "r": "nchw", "U": "1111"},
    ),
    "too many operands": (
        [("Add", "c p", "s"), ("Mul", "s q", "t"), ("Add", "t r", "u"), ("Mul", "u o", "v"), ("Add", "v m", "y")],
        dict.fromkeys("pqrom", "nchw"),
    ),
    "mask": ([("Less", "g ZERO", "b"), ("Where", "b LOW c", "y")], {"g": "n1hw", "ZERO": 0.0, "LOW": -9.0}),
    "two products": ([("MatMul", "c W", "d"), ("Add", "d c", "s"), ("Relu", "s", "y")], {"W": "ww"}),
}

# The node that gives "c", its operands' extents, and the extents of "c".
PRODUCERS = {
    "conv": (("Conv", "x W B", {"pads": [1, 1, 1, 1]}), [[2, 6, 4, 9], [20, 6, 3, 3], [20]], [2, 20, 4, 9]),
    "conv of pixels": (("Conv", "x W", {}), [[2, 6, 4, 15], [16, 6, 1, 1]], [2, 16, 4, 15]),
    "strided conv": (("Conv", "x W B", {"strides": [2, 2]}), [[1, 3, 9, 33], [35, 3, 3, 3], [35]], [1, 35, 4, 16]),
    "grouped conv": (("Conv", "x W B", {"group": 2}), [[2, 6, 5, 5], [4, 3, 3, 3], [4]], [2, 4, 3, 3]),
    "folded product": (("MatMul", "x W", {}), [[2, 3, 5, 70], [70, 19]], [2, 3, 5, 19]),
    "product of a row": (("MatMul", "x W", {}), [[1, 1, 1, 300], [300, 150]], [1, 1, 1, 150]),
    "products": (("MatMul", "x z", {}), [[2, 1, 70, 8], [1, 3, 8, 33]], [2, 3, 70, 33]),
}


# onnx's reference computes Erf and the constants of these in f32.
NOT_IN_F64 = ("gelu", "gelu by tanh", "gelu, spelled", "hard-swish")


def array(rng, shape, dtype):
    return rng.standard_normal(shape).astype(cases.NUMPY[dtype])


def operand(rng, what, result, dtype):
    if isinstance(what, float):
        return np.array(what, cases.NUMPY[dtype])
    extents = dict(zip("nchw", result), **{"1": 1})
    return array(rng, [extents[axis] for axis in what], dtype)


def case(producer, following, dtype):
    """A model, and what to run it with."""
    rng = np.random.default_rng(7)
    (op, names, attributes), shapes, result = PRODUCERS[producer]
    nodes, operands = FOLLOWING[following]
    values = {name: array(rng, shape, dtype) for name, shape in zip(names.split(), shapes)}
    values |= {name + "_": operand(rng, what, result, dtype) for name, what in operands.items()}
    named = [helper.make_node(op, names.split(), ["c"], **attributes)]
    for op, inputs, output, *rest in nodes:
        inputs = [name + "_" if name in operands else name for name in inputs.split()]
        named.append(helper.make_node(op, inputs, [output], **(rest[0] if rest else {})))
    weights = [numpy_helper.from_array(value, name) for name, value in values.items() if name[0].isupper()]
    feed = {name: value for name, value in values.items() if not name[0].isupper()}
    batched = ["x"] + [name + "_" for name, what in operands.items() if str(what).startswith("n")]
    inputs = [
        helper.make_tensor_value_info(name, cases.ONNX[dtype], ["n" if name in batched else len(value), *value.shape[1:]])
        for name, value in feed.items()
    ]
    y = helper.make_tensor_value_info("y", cases.ONNX[dtype], None)
    graph = helper.make_graph(named, "g", inputs, [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), feed


def oracle(model, feed, dtype):
    if dtype == "f64":
        return onnx.reference.ReferenceEvaluator(model).run(None, feed)[0]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0]


@pytest.mark.parametrize("following", FOLLOWING)
@pytest.mark.parametrize("producer", PRODUCERS)
def test_fused_and_not(producer, following, device):
    model, feed = case(producer, following, "f32")
    want = oracle(model, feed, "f32")
    for without in ([], ["epilogue"], ["pointwise"]):
        engine = tenon.build(model.SerializeToString(), device=device, threads=1, tactics="first", without=without)
        problem = cases.difference(engine.run(feed)["y"], want, 2e-5)
        assert not problem, f"{without}: {problem}"


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f64"])
@pytest.mark.parametrize("following", FOLLOWING)
def test_other_dtypes(dtype, following, device):
    if dtype == "f64" and following in NOT_IN_F64:
        pytest.skip("no oracle computes it in f64")
    for producer in ("conv", "folded product"):
        model, feed = case(producer, following, dtype)
        engine = tenon.build(model.SerializeToString(), device=device, threads=1, tactics="first")
        # f16 and bf16 are rounded behind the product and at the end; the oracle computes them in f32, from equal values.
        wide = "f64" if dtype == "f64" else "f32"
        exact = oracle(*widened(model, feed, wide), wide)
        got = engine.run(feed)["y"]
        assert got.dtype == cases.NUMPY[dtype]
        tolerance = {"f64": 1e-12, "f16": 4e-3, "bf16": 3e-2}[dtype]
        problem = cases.difference(got.astype(exact.dtype), exact, tolerance)
        assert not problem, f"{producer}: {problem}"


def widened(model, feed, dtype):
    """The same model and values in another dtype."""
    wide = onnx.ModelProto.FromString(model.SerializeToString())
    for value in [*wide.graph.input, *wide.graph.output]:
        value.type.tensor_type.elem_type = cases.ONNX[dtype]
    for tensor in wide.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(tensor_values(tensor).astype(cases.NUMPY[dtype]), tensor.name))
    return wide, {name: value.astype(cases.NUMPY[dtype]) for name, value in feed.items()}


def tensor_values(tensor):
    if tensor.data_type == cases.ONNX["bf16"]:
        return np.frombuffer(tensor.raw_data, cases.NUMPY["bf16"]).reshape(tensor.dims)
    return numpy_helper.to_array(tensor)
