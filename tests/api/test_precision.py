"""build(precision=): the same model in less than f32, beside ONNX Runtime in f32."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon

# What rounding each factor or element once gives, in the 2-norm, with room for a few layers.
LIMITS = {"tf32": 1e-3, "fp16": 1e-3, "bf16": 8e-3}


def model(nodes, inputs, outputs, weights):
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def scaled(shape, terms):
    """So that a sum of so many terms is of ordinary size."""
    return random(*shape) / np.float32(terms) ** np.float32(0.5)


def reference(onnx_bytes, inputs):
    return onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"]).run(None, inputs)


def distance(y, want):
    return float(np.linalg.norm(np.asarray(y, np.float64) - want) / max(np.linalg.norm(want), 1e-30))


def kernels(engine):
    return {layer.kernel for layer in engine.layers}


def compare(onnx_bytes, inputs, device, precision, **options):
    engine = tenon.build(onnx_bytes, device=device, precision=precision, **options)
    results = engine.run(inputs)
    for y, want in zip(results.values(), reference(onnx_bytes, inputs), strict=True):
        assert np.asarray(y).dtype == want.dtype
        assert np.asarray(y).shape == want.shape
        assert distance(y, want) < LIMITS[precision]
    return engine


@pytest.fixture(autouse=True)
def skip_where_only_the_model_says(request, device):
    if (device == "cpu") != ("on_cpu" in request.node.name):
        pytest.skip("the CPU computes in the model's types, and no other device does only that")


CONVS = [  # images, channels, extents, filters, window, attributes
    (1, 8, (9, 7), 16, (3, 3), {"pads": [1, 1, 1, 1]}),
    (2, 3, (17, 20), 64, (7, 7), {"strides": [2, 2], "pads": [3, 3, 3, 3]}),
    (1, 64, (14, 14), 72, (1, 1), {}),
    (3, 24, (10, 11), 40, (1, 1), {"strides": [2, 3]}),
    (1, 130, (7, 7), 24, (3, 3), {"pads": [1, 0, 0, 1]}),
    (1, 16, (12, 13), 13, (2, 5), {"dilations": [3, 2], "pads": [0, 4, 3, 0]}),
    (2, 16, (50,), 32, (3,), {"pads": [1, 1]}),
    (1, 6, (5, 6, 7), 8, (2, 2, 2), {}),
    (1, 12, (8, 8), 16, (3, 3), {"group": 2}),
    (1, 40, (1, 1), 1000, (1, 1), {}),
]


@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16"])
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_convolutions(case, precision, device):
    images, channels, extents, filters, window, attributes = case
    shape = (filters, channels // attributes.get("group", 1), *window)
    weights = {"w": scaled(shape, channels * np.prod(window)),
               "b": random(filters)}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"], kernel_shape=window, **attributes)]
    inputs = {"x": random(images, channels, *extents)}
    compare(model(nodes, {"x": inputs["x"].shape}, ["y"], weights), inputs, device, precision)


@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16"])
def test_a_residual_block_stays_on_tensor_cores(precision, device):
    c = 32
    weights = {"w1": random(c, c, 3, 3) / 17, "b1": random(c), "w2": random(c, c, 3, 3) / 17, "b2": random(c),
               "scale": random(c, 1, 1), "w3": random(10, c)}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c2", "p1"], ["a2"]),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("Mul", ["r2", "scale"], ["m2"]),
        helper.make_node("Concat", ["m2", "p1"], ["j"], axis=1),
        helper.make_node("Conv", ["j", "wj"], ["c3"]),
        helper.make_node("GlobalAveragePool", ["c3"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "w3"], ["y"], transB=1),
    ]
    weights["wj"] = random(c, 2 * c, 1, 1) / 8
    inputs = {"x": random(2, c, 13, 11)}
    engine = compare(model(nodes, {"x": ["n", c, 13, 11]}, ["y"], weights), inputs, device, precision, tactics="first")
    if device.startswith("cuda"):
        assert {"cuda.conv.tensor_cores", "cuda.matmul.tensor_cores"} <= kernels(engine)


MATMULS = [  # a, b, whether b is a weight
    ((1, 64), (64, 100), True),
    ((37, 40), (40, 72), True),
    ((200, 256), (256, 130), True),
    ((3, 5, 16), (16, 24), True),
    ((2, 3, 33, 32), (2, 3, 32, 40), False),
    ((4, 20, 24), (24, 8), False),
    ((5, 7), (7, 9), True),
    ((128, 768), (768, 96), True),
]


@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16"])
@pytest.mark.parametrize("case", MATMULS, ids=str)
def test_products(case, precision, device):
    a, b, weight = case
    factor = scaled(b, b[-2])
    nodes = [helper.make_node("MatMul", ["a", "b"], ["p"]), helper.make_node("Add", ["p", "bias"], ["q"]),
             helper.make_node("Add", ["q", "r"], ["y"])]
    inputs = {"a": random(*a), "r": random(*a[:-1], b[-1])}
    weights = {"bias": random(b[-1])}
    if weight:
        weights["b"] = factor
    else:
        inputs["b"] = factor
    onnx_bytes = model(nodes, {k: v.shape for k, v in inputs.items()}, ["y"], weights)
    compare(onnx_bytes, inputs, device, precision)


@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16"])
def test_attention_reads_views(precision, device):
    heads, size, length = 3, 16, 24
    width = heads * size
    weights = {"w": scaled((width, 3 * width), width), "scale": np.float32(size ** -0.5).reshape(()),
               "split": np.array([length, 3, heads, size], np.int64)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["qkv"]), helper.make_node("Reshape", ["qkv", "split"], ["r"]),
             helper.make_node("Transpose", ["r"], ["t"], perm=[1, 2, 0, 3])]
    for i, name in enumerate("qkv"):
        weights[f"at{name}"] = np.array(i, np.int64)
        nodes.append(helper.make_node("Gather", ["t", f"at{name}"], [name], axis=0))
    nodes += [helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
              helper.make_node("MatMul", ["q", "kt"], ["s"]), helper.make_node("Mul", ["s", "scale"], ["m"]),
              helper.make_node("Softmax", ["m"], ["p"], axis=-1), helper.make_node("MatMul", ["p", "v"], ["y"])]
    inputs = {"x": random(length, width)}
    compare(model(nodes, {"x": [length, width]}, ["y"], weights), inputs, device, precision)


def test_norms_whose_squares_leave_the_range_of_half(device):
    weights = {"two": np.float32(2), "eps": np.float32(1e-5), "axes": np.array([-1], np.int64)}
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], axes=[-1]), helper.make_node("Sub", ["x", "m"], ["d"]),
             helper.make_node("Pow", ["d", "two"], ["s"]), helper.make_node("ReduceMean", ["s"], ["v"], axes=[-1]),
             helper.make_node("Add", ["v", "eps"], ["e"]), helper.make_node("Sqrt", ["e"], ["q"]),
             helper.make_node("Div", ["d", "q"], ["y"])]
    inputs = {"x": 3000 * random(4, 64)}
    compare(model(nodes, {"x": [4, 64]}, ["y"], weights), inputs, device, "fp16")


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
def test_refits_give_the_bits_of_a_fresh_build(precision, device):
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["y"])]
    first = {"w": random(16, 8, 3, 3), "b": random(16)}
    second = {"w": random(16, 8, 3, 3, seed=1), "b": random(16, seed=1)}
    inputs = {"x": random(1, 8, 6, 6)}
    engine = tenon.build(model(nodes, {"x": [1, 8, 6, 6]}, ["y"], first), device=device, precision=precision,
                         tactics="first")
    fresh = tenon.build(model(nodes, {"x": [1, 8, 6, 6]}, ["y"], second), device=device, precision=precision,
                        tactics="first")
    assert [str(engine.weights[name].dtype) for name in "wb"] == ["float32", "float32"]
    engine.refit(second)
    np.testing.assert_array_equal(engine.run(inputs)["y"], fresh.run(inputs)["y"])


def test_the_plan_is_the_models_and_runs_in_f32_on_the_cpu(device, tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    weights = {"w": random(64, 32)}
    inputs = {"x": random(5, 64)}
    onnx_bytes = model(nodes, {"x": [5, 64]}, ["y"], weights)
    narrow = tenon.build(onnx_bytes, device=device, precision="fp16")
    narrow.save(tmp_path / "m.plan")
    again = tenon.load(tmp_path / "m.plan")
    np.testing.assert_array_equal(again.run(inputs)["y"], narrow.run(inputs)["y"])
    wide = tenon.load(tmp_path / "m.plan", device="cpu")
    assert distance(wide.run(inputs)["y"], reference(onnx_bytes, inputs)[0]) < 1e-6


def test_on_cpu_another_precision_is_refused():
    onnx_bytes = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [2]}, ["y"], {})
    with pytest.raises(tenon.Error, match='precision "fp16" is not for cpu/'):
        tenon.build(onnx_bytes, precision="fp16")
    with pytest.raises(tenon.InputError, match="fp8"):
        tenon.build(onnx_bytes, precision="fp8")


STAND_IN = pathlib.Path(os.environ.get("TENON_CLI", "build/dev/tools/tenon")).parents[1] / "stand_in"


def test_on_cpu_the_stand_in_for_a_gpu_multiplies_on_tensor_cores():
    """The text of the kernels, run by the host's compiler: a few of the cases above."""
    if not STAND_IN.is_dir():
        pytest.skip("no stand-in for a GPU is built")
    cases = "residual_block and fp16 or attention and tf32 or test_convolutions and bf16 and 13"
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", cases, __file__],
                         env={**os.environ, "LD_LIBRARY_PATH": str(STAND_IN), "TENON_TEST_DEVICE": "cuda"},
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout
