"""Modes of ops that depend on the version and on which outputs a node has; and what no output needs."""

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tenon

TABLE = Path(__file__).parents[2] / "src/onnx/import_table.cpp"
IMPORTED = re.findall(r'^    \{"(\w+)", import_', TABLE.read_text(), re.MULTILINE)
NEWEST = 21  # of the opsets that ONNX Runtime knows as we do

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
PER_CHANNEL = [np.array(values, np.float32) for values in ([1, 2, 3], [0, 1, 0], [0.5, 0, -0.5], [1, 2, 4])]

# Ops whose outputs may be left out: inputs, attributes.
OPTIONAL_OUTPUTS = {
    "BatchNormalization": ([X, *PER_CHANNEL], {}),
    "Dropout": ([X], {}),
    "LayerNormalization": ([X, X[0, 0, 0], X[0, 0, 1]], {}),
    "MaxPool": ([X], {"kernel_shape": [2, 2]}),
}
# What these give depends on bodies or on lists, or on nothing but the operands, and is tested there (test_control.py and
# the case files).
LISTS = {"GRU", "If", "LSTM", "Loop", "RNN", "Scan", "SequenceMap", "SoftmaxCrossEntropyLoss", "Split", "Unique"}


def versions(op):
    """Opsets in which another version of the op begins, those that we import."""
    known = {schema.since_version for schema in defs.get_all_schemas_with_history() if schema.name == op and not schema.domain}
    return sorted({max(version, 7) for version in known if version <= NEWEST})


def schema_of(op, opset):
    return defs.get_schema(op, opset, "")


def test_the_table_has_every_imported_op_whose_outputs_may_be_left_out():
    optional = {
        op
        for op in IMPORTED
        for opset in versions(op)
        if schema_of(op, opset).min_output != schema_of(op, opset).max_output
    }
    assert optional - LISTS == set(OPTIONAL_OUTPUTS) and LISTS <= optional


def model_with(op, opset, outputs):
    inputs, attributes = OPTIONAL_OUTPUTS[op]
    names = [f"i{i}" for i in range(len(inputs))]
    node = helper.make_node(op, names, [f"o{i}" for i in range(outputs)], name="n", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("i0", TensorProto.FLOAT, X.shape)],
        [onnx.ValueInfoProto(name=f"o{i}") for i in range(outputs)],
        [numpy_helper.from_array(array, name) for name, array in list(zip(names, inputs, strict=True))[1:]],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


MODES = [
    (op, opset, outputs)
    for op in OPTIONAL_OUTPUTS
    for opset in versions(op)
    for outputs in range(schema_of(op, opset).min_output, schema_of(op, opset).max_output + 1)
]


@pytest.mark.parametrize(("op", "opset", "outputs"), MODES)
def test_a_mode_is_right_or_refused_by_name(op, opset, outputs, device):
    model = model_with(op, opset, outputs)
    trains = op == "BatchNormalization" and outputs > 1 and opset < 14
    try:
        engine = tenon.build(model.SerializeToString(), device=device, tactics="first")
    except tenon.BuildError as error:
        assert error.code == "unsupported" and f'{op} "n"' in str(error)
        assert outputs > 1 and not trains
        return
    got = engine.run({"i0": X})
    if trains:
        want = trained(*PER_CHANNEL)[:outputs]
    elif (op, opset) == ("Dropout", 10):  # ONNX Runtime's mask is false there, ONNX's own true, as from opset 12 on
        want = ReferenceEvaluator(model).run(None, {"i0": X})
    else:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        want = session.run(None, {"i0": X})
    for i, expected in enumerate(want):
        np.testing.assert_allclose(got[f"o{i}"], expected, rtol=1e-5, atol=1e-6)


def trained(scale, bias, mean, var):
    """What ONNX says of training: y, the running statistics, those of the batch."""
    axes, across = (0, *range(2, X.ndim)), (-1, *[1] * (X.ndim - 2))
    x = X.astype(np.float64)
    batch_mean, batch_var = x.mean(axes), x.var(axes)
    y = (x - batch_mean.reshape(across)) / np.sqrt(batch_var.reshape(across) + 1e-5)
    y = y * scale.reshape(across) + bias.reshape(across)
    return [y, 0.9 * mean + 0.1 * batch_mean, 0.9 * var + 0.1 * batch_var, batch_mean, batch_var]


def test_outputs_mean_training_though_nothing_reads_them():
    model = model_with("BatchNormalization", 9, 5)
    del model.graph.output[1:]
    got = tenon.build(model.SerializeToString()).run({"i0": X})["o0"]
    np.testing.assert_allclose(got, trained(*PER_CHANNEL)[0], rtol=1e-5, atol=1e-6)


def test_statistics_of_layer_normalization_are_f32_also_of_doubles(device):
    rows = helper.make_node("LayerNormalization", ["x", "s"], ["y", "m", "d"])
    graph = helper.make_graph(
        [rows],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, X.shape)],
        [helper.make_tensor_value_info(name, dtype, None) for name, dtype in (("y", 11), ("m", 1), ("d", 1))],
        [numpy_helper.from_array(np.arange(5.0), "s")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    got = tenon.build(model.SerializeToString(), device=device).run({"x": X.astype(np.float64)})
    double = X.astype(np.float64)
    assert got["m"].dtype == got["d"].dtype == np.float32 and got["y"].dtype == np.float64
    np.testing.assert_allclose(got["m"], double.mean(-1, keepdims=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["d"], 1 / np.sqrt(double.var(-1, keepdims=True) + 1e-5), rtol=1e-5)


# --- what no output needs


def relu_and(nodes, outputs=("y",), initializers=(), name=""):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], name=name), *nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs],
        list(initializers),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


V = np.array([-1, 2, -3, 4], np.float32)


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Bogus", ["x"], ["b"], name="dead")],
        [helper.make_node("Bogus", ["x"], ["b"], name="dead"), helper.make_node("Relu", ["b"], ["c"])],
        [helper.make_node("MatMul", ["x", "wide"], ["b"], name="dead")],
        [helper.make_node("Conv", ["x", "wide"], ["b"], name="dead", odd=1)],
    ],
)
def test_what_no_output_needs_is_reported_and_left_out(nodes, device, caplog):
    wide = numpy_helper.from_array(np.ones((7, 7), np.float32), "wide")
    engine = tenon.build(relu_and(nodes, initializers=[wide]), device=device)
    np.testing.assert_array_equal(engine(V), np.maximum(V, 0))
    assert "no output needs it" in caplog.text and '"dead"' in caplog.text


def test_what_an_output_needs_is_refused_as_ever():
    nodes = [helper.make_node("Bogus", ["x"], ["b"], name="alive"), helper.make_node("Bogus", ["x"], ["d"], name="dead")]
    with pytest.raises(tenon.BuildError, match="alive") as caught:
        tenon.build(relu_and(nodes, outputs=["y", "b"]))
    assert "dead" not in str(caught.value)


def test_an_initializer_of_another_type_that_no_output_needs_is_reported(caplog):
    words = helper.make_tensor("words", TensorProto.COMPLEX64, [1], [1 + 2j])
    np.testing.assert_array_equal(tenon.build(relu_and([], initializers=[words]))(V), np.maximum(V, 0))
    assert '"words" of type COMPLEX64' in caplog.text


def test_a_value_that_is_listed_twice_as_output_is_given_once(device):
    engine = tenon.build(relu_and([], outputs=["y", "y"]), device=device)
    assert [port.name for port in engine.outputs] == ["y"]
    np.testing.assert_array_equal(engine(V), np.maximum(V, 0))


@pytest.mark.parametrize("name", ["", "ein Knoten", "слой/0", "層", "n" * 4096, 'a"b\\c'])
def test_names_as_exporters_write_them(name, device, tmp_path):
    value, weight = f"v{name}", f"w{name}"
    nodes = [
        helper.make_node("Mul", ["x", weight], [value], name=name),
        helper.make_node("Relu", [value], ["r"], name=name),  # doubled
        helper.make_node("Identity", ["r"], [f"out{name}"], name=name),
    ]
    factors = numpy_helper.from_array(V, weight)
    model = relu_and(nodes, outputs=[f"out{name}"], initializers=[factors], name=name)
    engine = tenon.build(model, device=device)
    np.testing.assert_array_equal(engine(V), V * V)
    engine.refit({weight: -V})
    engine.save(tmp_path / "names.plan")
    again = tenon.load(tmp_path / "names.plan")
    assert list(again.weights) == [weight] and again.outputs[0].name == f"out{name}"
    np.testing.assert_array_equal(again(V), 0 * V)
