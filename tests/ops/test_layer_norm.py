"""Layer normalisation that is spelt out in nodes, against its formula in f64."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon

SHAPES = [(1, 1), (3, 5), (2, 7, 16), (2, 3, 4, 33), (5, 768), (2, 2100), (0, 8)]


def model(shape, *, centered, dtype=np.float32, epsilon="constant"):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    number = numpy_helper.from_array(np.array(1e-3, dtype), "epsilon")
    weights = {"g": np.linspace(0.5, 1.5, shape[-1]), "b": np.linspace(-1, 1, shape[-1])}
    made = [numpy_helper.from_array(v.astype(dtype), name) for name, v in weights.items()]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[-1]),
        helper.make_node("Sub", ["x", "mean"], ["d"]),
    ]
    d = "d" if centered else "x"
    if epsilon == "constant":
        nodes.append(helper.make_node("Constant", [], ["epsilon"], value=number))
    else:
        made.append(number)
    nodes += [
        helper.make_node("Mul", [d, d], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["variance"], axes=[-1]),
        helper.make_node("Add", ["variance", "epsilon"], ["sum"]),
        helper.make_node("Sqrt", ["sum"], ["root"]),
        helper.make_node("Div", [d, "root"], ["normal"]),
        helper.make_node("Mul", ["normal", "g"], ["scaled"]),
        helper.make_node("Add", ["scaled", "b"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes if centered else nodes[2:], "g", [value("x", kind, shape)], [value("y", kind, shape)], made
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def formula(x, g, b, *, centered):
    x = x.astype(np.float64)
    d = x - x.mean(-1, keepdims=True) if centered else x
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-3) * g + b


def inputs(shape, dtype=np.float32):
    rng = np.random.default_rng(5)
    return (rng.standard_normal(shape) * 2 + 3).astype(dtype)


def parameters(n):
    return np.linspace(0.5, 1.5, n), np.linspace(-1, 1, n)


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer_norm_is_its_formula(shape, centered, device):
    engine = tenon.build(model(shape, centered=centered), device=device, tactics="first")
    assert [layer.op for layer in engine.layers] == ["layer_norm"]
    x = inputs(shape)
    expected = formula(x, *parameters(shape[-1]), centered=centered)
    np.testing.assert_allclose(engine.run({"x": x})["y"], expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(("dtype", "limit"), [(np.float16, 4e-3), (np.float64, 1e-12)])
def test_of_other_dtypes(dtype, limit, device):
    engine = tenon.build(model((3, 40), centered=True, dtype=dtype), device=device)
    x = inputs((3, 40), dtype)
    expected = formula(x, *parameters(40), centered=True)
    np.testing.assert_allclose(engine.run({"x": x})["y"], expected, rtol=limit, atol=limit)


def test_statistics_of_rows_far_from_zero_stay_exact(device):
    x = inputs((4, 1000)) + np.float32(1000)
    engine = tenon.build(model((4, 1000), centered=True), device=device, tactics="first")
    expected = formula(x, *parameters(1000), centered=True)
    # x itself is rounded to 2^-14, which is 3e-5 of its deviations.
    np.testing.assert_allclose(engine.run({"x": x})["y"], expected, atol=1e-4)


def test_scale_and_shift_are_refitted_and_a_weight_as_epsilon_is_guarded(device):
    engine = tenon.build(model((2, 16), centered=True, epsilon="weight"), device=device)
    x, (g, b) = inputs((2, 16)), parameters(16)
    engine.refit({"g": b.astype(np.float32), "b": g.astype(np.float32)})
    np.testing.assert_allclose(
        engine.run({"x": x})["y"], formula(x, b, g, centered=True), rtol=2e-6, atol=2e-6
    )
    with pytest.raises(tenon.RefitError, match="epsilon"):
        engine.refit({"epsilon": np.array(1, np.float32)})
