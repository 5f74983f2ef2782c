"""Inputs that a model's nodes refuse are refused whatever passes make of these nodes."""

import numpy as np
import onnx.reference
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon


def model(nodes, shape, initializers):
    tensors = [numpy_helper.from_array(each, name) for name, each in initializers.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]).SerializeToString()


def reshapes():
    shapes = {"there": np.array([2, 6]), "back": np.array([-1])}
    nodes = [helper.make_node("Reshape", ["x", "there"], ["p"]), helper.make_node("Reshape", ["p", "back"], ["y"])]
    return model(nodes, ["n", 4], shapes), (3, 4), (5, 4)


def reshape_and_back():
    nodes = [
        helper.make_node("Shape", ["x"], ["back"]),
        helper.make_node("Reshape", ["x", "there"], ["p"]),
        helper.make_node("Reshape", ["p", "back"], ["y"]),
    ]
    return model(nodes, ["n", 4], {"there": np.array([2, 6])}), (3, 4), (5, 4)


def batch_norm():
    parameters = {name: np.ones(3, np.float32) for name in "sbmv"}
    nodes = [helper.make_node("BatchNormalization", ["x", *"sbmv"], ["y"])]
    return model(nodes, ["n", "c", 1], parameters), (2, 3, 1), (2, 1, 1)


def gemm():
    nodes = [helper.make_node("Gemm", ["x", "w", "c"], ["y"], alpha=0.5)]
    parameters = {"w": np.ones((4, 2), np.float32), "c": np.ones((3, 2), np.float32)}
    return model(nodes, ["n", 4], parameters), (3, 4), (1, 4)


@pytest.mark.parametrize("without", [tenon.pass_names(), []], ids=["no passes", "all passes"])
@pytest.mark.parametrize("make", [reshapes, reshape_and_back, batch_norm, gemm])
def test_extents_that_do_not_fit_are_refused(make, without, device, tmp_path):
    onnx_model, good, bad = make()
    built = tenon.build(onnx_model, device=device, tactics="first", without=without)
    built.save(tmp_path / "p.plan")
    for engine in (built, tenon.load(tmp_path / "p.plan", device=device)):
        engine(np.ones(good, np.float32))
        with pytest.raises(tenon.InputError):
            engine(np.ones(bad, np.float32))


def concat():
    dims = {"x": ["a", 2], "y": ["b", 2], "z": [3, 2]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, each) for name, each in dims.items()]
    y = helper.make_tensor_value_info("o", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Concat", ["x", "y", "z"], ["o"], axis=1)], "g", inputs, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]).SerializeToString()


def test_extents_that_are_tied_to_a_number_need_no_shapes(device):
    x = np.ones((3, 2), np.float32)
    assert tenon.build(concat(), device=device, tactics="first").run({"x": x, "y": x, "z": x})["o"].shape == (3, 6)


@pytest.mark.parametrize(["rows", "batch"], [(5, 10), (11, 22), (127, 127)])
def test_reshapes_that_need_divisors_need_no_shapes(rows, batch, device):
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    built = tenon.build(model(nodes, ["n", 17], {"s": np.array([rows, -1])}), device=device, tactics="first")
    assert built(np.ones((batch, 17), np.float32)).shape == (rows, batch * 17 // rows)
    with pytest.raises(tenon.InputError):
        built(np.ones((batch + 1, 17), np.float32))


def conv_with_the_weight_of_each_run(kernel):
    shapes = {"x": ["n", 2, "h", "w"], "k": ["o", "c", "kh", "kw"]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, each) for name, each in shapes.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    conv = helper.make_node("Conv", ["x", "k"], ["y"], kernel_shape=kernel)
    graph = helper.make_graph([conv], "g", inputs, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)]).SerializeToString()


def test_kernel_shape_tells_the_extents_of_a_weight_of_each_run(device):
    onnx_model = conv_with_the_weight_of_each_run([3, 2])
    built = tenon.build(onnx_model, device=device, tactics="first")
    x = np.arange(2 * 2 * 5 * 6, dtype=np.float32).reshape(2, 2, 5, 6)
    for outputs in (1, 4):
        k = np.arange(outputs * 12, dtype=np.float32).reshape(outputs, 2, 3, 2) - 5
        want = onnx.reference.ReferenceEvaluator(onnx.load_from_string(onnx_model)).run(None, {"x": x, "k": k})[0]
        assert np.array_equal(built(x, k), want)
    with pytest.raises(tenon.InputError, match="kernel_shape and extents of the weight"):
        built(x, np.ones((1, 2, 2, 3), np.float32))
