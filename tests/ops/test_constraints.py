"""Inputs that a model's nodes refuse are refused whatever passes make of these nodes."""

import numpy as np
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


@pytest.mark.parametrize("without", [tenon.pass_names(), []], ids=["no passes", "all passes"])
@pytest.mark.parametrize("make", [reshapes, reshape_and_back, batch_norm])
def test_extents_that_do_not_fit_are_refused(make, without, device, tmp_path):
    onnx_model, good, bad = make()
    built = tenon.build(onnx_model, device=device, tactics="first", without=without)
    built.save(tmp_path / "p.plan")
    for engine in (built, tenon.load(tmp_path / "p.plan", device=device)):
        engine(np.ones(good, np.float32))
        with pytest.raises(tenon.InputError):
            engine(np.ones(bad, np.float32))
