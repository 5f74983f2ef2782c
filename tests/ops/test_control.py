"""Control flow, sequences and optionals, against ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon

# What has no line of *.cases: its operands are no tensors, or its attributes are graphs.
OPS = {
    "If", "Loop", "SequenceConstruct", "SequenceEmpty", "SequenceAt", "SequenceInsert", "SequenceLength",
    "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "Scan", "SequenceErase", "SequenceMap",
    "SplitToSequence",
}  # fmt: skip

F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def weight(name, *shape):
    rng = np.random.default_rng(list(name.encode()))
    return numpy_helper.from_array(rng.normal(size=shape).astype(np.float32) / 2, name)


def graph(nodes, inputs, outputs, weights=()):
    return helper.make_graph(nodes, "g", inputs, outputs, list(weights))


def model_of(main, opset=18, checked=True):
    model = helper.make_model(main, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    if checked:
        onnx.checker.check_model(model)
    return model


def check(model, device, inputs, names, empty=()):
    """As ONNX Runtime has it: extents, dtypes, values. Of what no turn has made, `empty`, ONNX leaves the inner extents
    open."""
    want = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(names, inputs)
    engine = tenon.build(model.SerializeToString(), device=device, threads=1)
    got = engine.run(inputs)
    for name, expected in zip(names, want, strict=True):
        assert got[name].dtype == expected.dtype
        if name in empty:
            assert got[name].shape[0] == expected.shape[0] == 0
            continue
        assert got[name].shape == expected.shape
        np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-5)
    return engine


def array(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


# Branches of different extents, a conv and a matmul with weights of their own, x and y from outside.
def choice():
    then = graph(
        [node("Conv", ["x", "then.w"], ["c"], pads=[1, 1, 1, 1]), node("Add", ["c", "y"], ["r"])],
        [], [value("r", F, [None] * 4)], [weight("then.w", 3, 3, 3, 3)],
    )  # fmt: skip
    other = graph(
        [node("MatMul", ["x", "else.w"], ["m"]), node("Concat", ["m", "m"], ["r2"], axis=2)],
        [], [value("r2", F, [None] * 4)], [weight("else.w", 5, 5)],
    )  # fmt: skip
    nodes = [
        node("Relu", ["x0"], ["x"]),
        node("Neg", ["x0"], ["y"]),
        node("If", ["c0"], ["z"], then_branch=then, else_branch=other, name="choice"),
    ]
    return model_of(graph(nodes, [value("c0", B, []), value("x0", F, ["n", 3, 4, 5])], [value("z", F, [None] * 4)]))


@pytest.mark.parametrize("condition", [True, False])
@pytest.mark.parametrize("n", [1, 2])
def test_if(device, condition, n):
    check(choice(), device, {"c0": np.array(condition), "x0": array(n, 3, 4, 5)}, ["z"])


def test_weights_of_branches_are_refitted_by_name(device):
    model = choice()
    engine = tenon.build(model.SerializeToString(), device=device, threads=1)
    assert sorted(engine.weights) == ["else.w", "then.w"]
    new = {"then.w": array(3, 3, 3, 3), "else.w": array(5, 5)}
    engine.refit(new)
    for branch in model.graph.node[2].attribute:
        for initializer in branch.g.initializer:
            initializer.CopyFrom(numpy_helper.from_array(new[initializer.name], initializer.name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for condition in (True, False):
        inputs = {"c0": np.array(condition), "x0": array(2, 3, 4, 5)}
        np.testing.assert_allclose(engine.run(inputs)["z"], session.run(["z"], inputs)[0], rtol=1e-5, atol=1e-5)


# A carried value, one that grows, a scanned one, a condition that ends it, weights inside.
def turns(trip_count=True, opset=18):
    body = graph(
        [
            node("MatMul", ["h", "cell.w"], ["p"]),
            node("Tanh", ["p"], ["h2"]),
            node("Concat", ["g", "h2"], ["g2"], axis=0),
            node("Add", ["h2", "x"], ["s"]),
            node("ReduceMax", ["h2"], ["top"], keepdims=0),
            node("Greater", ["top", "limit"], ["go2"]),
        ],
        [value("i", I, []), value("go", B, []), value("h", F, ["n", 4]), value("g", F, ["m", 4])],
        [value("go2", B, []), value("h2", F, ["n", 4]), value("g2", F, ["m2", 4]), value("s", F, ["n", 4])],
        [weight("cell.w", 4, 4), numpy_helper.from_array(np.float32(0.05), "limit")],
    )
    loop = node("Loop", ["trips" if trip_count else "", "yes", "x", "x"], ["h3", "g3", "s3"], body=body, name="turns")
    inputs = [value("trips", I, [])] * trip_count + [value("yes", B, []), value("x", F, ["n", 4])]
    outputs = [value("h3", F, [None, 4]), value("g3", F, [None, 4]), value("s3", F, [None, None, 4])]
    return model_of(graph([loop], inputs, outputs), opset)


@pytest.mark.parametrize("trips", [0, 1, 5, 100])
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_loop(device, trips, opset):
    inputs = {"trips": np.array(trips), "yes": np.array(True), "x": array(2, 4)}
    check(turns(opset=opset), device, inputs, ["h3", "g3", "s3"], ["s3"] * (trips == 0))


@pytest.mark.parametrize("condition", [True, False])
def test_loop_by_condition_alone(device, condition):
    check(turns(False), device, {"yes": np.array(condition), "x": array(2, 4)}, ["h3", "g3", "s3"], ["s3"] * (not condition))


def test_a_result_of_a_loop_under_other_extents(device):
    body = graph(
        [node("Concat", ["g", "x"], ["g2"], axis=0), node("Identity", ["go"], ["go2"])],
        [value("i", I, []), value("go", B, []), value("g", F, ["m", 4])],
        [value("go2", B, []), value("g2", F, ["m2", 4])],
    )
    nodes = [
        node("Loop", ["trips", "", "none"], ["g3"], body=body),
        node("Unsqueeze", ["g3", "one"], ["y"]),
        node("Reshape", ["g3", "shape"], ["z"]),
    ]
    inputs = [value("trips", I, []), value("x", F, [1, 4]), value("shape", I, [3])]
    outputs = [value("y", F, [None, 1, 4]), value("z", F, [None, None, None])]
    weights = [numpy_helper.from_array(np.zeros((0, 4), np.float32), "none"), numpy_helper.from_array(np.array([1]), "one")]
    model = model_of(graph(nodes, inputs, outputs, weights))
    check(model, device, {"trips": np.array(3), "x": array(1, 4), "shape": np.array([2, 3, 2])}, ["y", "z"])


def test_extents_that_a_branch_asks_for(device):
    then = graph([node("Slice", ["h", "begin", "end"], ["r"])], [], [value("r", F, [256])])
    other = graph([node("Identity", ["h"], ["r2"])], [], [value("r2", F, [None])])
    nodes = [
        node("NonZero", ["x"], ["places"]),
        node("Gather", ["places", "zero"], ["line"]),
        node("Cast", ["line"], ["h"], to=F),
        node("If", ["yes"], ["y"], then_branch=then, else_branch=other),
    ]
    numbers = [("begin", [0]), ("end", [256]), ("zero", 0)]
    weights = [numpy_helper.from_array(np.array(n), name) for name, n in numbers]
    model = model_of(graph(nodes, [value("x", F, [300]), value("yes", B, [])], [value("y", F, [None])], weights))
    for yes in (True, False):
        check(model, device, {"x": np.ones(300, np.float32), "yes": np.array(yes)}, ["y"])


# A loop in a branch in a loop.
def nested():
    inner = graph(
        [node("Add", ["k", "x"], ["k2"]), node("Identity", ["go"], ["go2"])],
        [value("j", I, []), value("go", B, []), value("k", F, [2])],
        [value("go2", B, []), value("k2", F, [2])],
    )
    then = graph([node("Loop", ["three", "", "h"], ["r"], body=inner)], [], [value("r", F, [2])])
    other = graph([node("Neg", ["h"], ["r2"])], [], [value("r2", F, [2])])
    body = graph(
        [
            node("Less", ["i", "two"], ["early"]),
            node("If", ["early"], ["h2"], then_branch=then, else_branch=other),
            node("Identity", ["go0"], ["go3"]),
        ],
        [value("i", I, []), value("go0", B, []), value("h", F, [2])],
        [value("go3", B, []), value("h2", F, [2])],
    )
    numbers = [numpy_helper.from_array(np.array(n), name) for n, name in ((2, "two"), (3, "three"), (4, "four"))]
    main = graph([node("Loop", ["four", "", "x"], ["y"], body=body)], [value("x", F, [2])], [value("y", F, [2])], numbers)
    return model_of(main)


def test_loop_in_if_in_loop(device):
    check(nested(), device, {"x": array(2)}, ["y"])


# Two states, two scanned inputs along other axes and backwards, weights inside, an output laid along axis 1.
def scanned(**directions):
    body = graph(
        [
            node("MatMul", ["h", "cell.w"], ["p"]),
            node("Add", ["p", "a"], ["q"]),
            node("Tanh", ["q"], ["h2"]),
            node("Add", ["t", "b"], ["t2"]),
            node("Mul", ["h2", "s"], ["o"]),
            node("Identity", ["t2"], ["u"]),
        ],
        [value("h", F, ["n", 4]), value("t", F, [2]), value("a", F, ["n", 4]), value("b", F, [2])],
        [value("h2", F, ["n", 4]), value("t2", F, [2]), value("o", F, ["n", 4]), value("u", F, [2])],
        [weight("cell.w", 4, 4)],
    )
    scan = node(
        "Scan", ["h0", "t0", "x", "y"], ["h", "t", "o", "u"], body=body, num_scan_inputs=2, scan_input_axes=[1, 0],
        scan_output_axes=[1, 0], **directions,
    )  # fmt: skip
    inputs = [("h0", ["n", 4]), ("t0", [2]), ("x", ["n", "k", 4]), ("y", ["k", 2]), ("s", [])]
    outputs = [("h", ["n", 4]), ("t", [2]), ("o", ["n", "k", 4]), ("u", ["k", 2])]
    return graph([scan], [value(name, F, dims) for name, dims in inputs], [value(name, F, dims) for name, dims in outputs])


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("opset", [9, 11, 18])
@pytest.mark.parametrize("directions", [{}, {"scan_input_directions": [1, 0], "scan_output_directions": [0, 1]}])
def test_scan(device, k, opset, directions):
    feed = {"h0": array(3, 4), "t0": array(2), "x": array(3, k, 4), "y": array(k, 2), "s": np.array(0.5, np.float32)}
    check(model_of(scanned(**directions), opset), device, feed, ["h", "t", "o", "u"])


def test_scan_over_batches_is_refused(device):
    body = graph([node("Add", ["h", "a"], ["h2"])], [value("h", F, [4]), value("a", F, [4])], [value("h2", F, [4])])
    scan = node("Scan", ["", "h0", "x"], ["h"], body=body, num_scan_inputs=1)
    main = graph([scan], [value("h0", F, [2, 4]), value("x", F, [2, 3, 4])], [value("h", F, [2, 4])])
    model = helper.make_model(main, opset_imports=[helper.make_opsetid("", 8)], ir_version=4)
    with pytest.raises(tenon.BuildError, match="Scan.*version 8"):
        tenon.build(model.SerializeToString(), device=device)


def test_parts_of_a_tensor_as_a_sequence(device):
    nodes = [
        node("SplitToSequence", ["x"], ["ones"], keepdims=0, axis=1),
        node("SplitToSequence", ["x", "two"], ["twos"], axis=1),
        node("SplitToSequence", ["x", "sizes"], ["parts"], axis=1),
        node("SequenceErase", ["ones", "i"], ["fewer"]),
        node("SequenceErase", ["parts"], ["first"]),
        node("ConcatFromSequence", ["fewer"], ["a"], axis=0),
        node("SequenceAt", ["twos", "last"], ["b"]),
        node("SequenceLength", ["first"], ["c"]),
        node("SequenceAt", ["first", "i"], ["d"]),
    ]
    inputs = [value("x", F, ["n", 5]), value("i", I, [])]
    outputs = [value("a", F, [None]), value("b", F, [None, None]), value("c", I, []), value("d", F, [None, None])]
    weights = [numpy_helper.from_array(np.array(n), name) for name, n in (("two", 2), ("sizes", [3, 2]), ("last", -1))]
    check(model_of(graph(nodes, inputs, outputs, weights)), device, {"x": array(2, 5), "i": np.array(0)}, ["a", "b", "c", "d"])


def test_a_body_over_sequences(device):
    body = graph(
        [node("Mul", ["a", "b"], ["p"]), node("MatMul", ["p", "map.w"], ["q"]), node("ReduceSum", ["q"], ["r"], keepdims=0)],
        [value("a", F, ["n", 3]), value("b", F, [3])],
        [value("q", F, ["n", 2]), value("r", F, [])],
        [weight("map.w", 3, 2)],
    )
    nodes = [
        node("SequenceConstruct", ["x", "y"], ["s"]),
        node("SequenceMap", ["s", "z"], ["qs", "rs"], body=body),
        node("ConcatFromSequence", ["qs"], ["q"], axis=0),
        node("ConcatFromSequence", ["rs"], ["r"], axis=0, new_axis=1),
    ]
    inputs = [value("x", F, ["n", 3]), value("y", F, ["n", 3]), value("z", F, [3])]
    outputs = [value("q", F, [None, 2]), value("r", F, [None])]
    feed = {"x": array(2, 3), "y": -array(2, 3), "z": array(3)}
    check(model_of(graph(nodes, inputs, outputs)), device, feed, ["q", "r"])


@pytest.mark.parametrize("i", [0, 1, -1])
def test_sequences(i, device):
    nodes = [
        node("SequenceEmpty", [], ["s0"]),
        node("SequenceInsert", ["s0", "x"], ["s1"]),
        node("SequenceInsert", ["s1", "y", "i"], ["s2"]),
        node("SequenceConstruct", ["x", "x", "y"], ["s3"]),
        node("SequenceAt", ["s2", "i"], ["at"]),
        node("SequenceLength", ["s3"], ["length"]),
        node("ConcatFromSequence", ["s3"], ["joined"], axis=0),
        node("ConcatFromSequence", ["s2"], ["stacked"], axis=-1, new_axis=1),
    ]
    inputs = [value("x", F, ["n", 3]), value("y", F, ["n", 3]), value("i", I, [])]
    outputs = [value("at", F, [None, 3]), value("length", I, []), value("joined", F, [None, 3]), value("stacked", F, [None, 3, None])]
    feed = {"x": array(2, 3), "y": -array(2, 3), "i": np.array(i)}
    check(model_of(graph(nodes, inputs, outputs)), device, feed, ["at", "length", "joined", "stacked"])


def test_a_sequence_that_a_loop_fills(device):
    body = graph(
        [
            node("Mul", ["x", "x"], ["q"]),
            node("SequenceInsert", ["s", "q"], ["s2"]),
            node("Identity", ["go"], ["go2"]),
        ],
        [value("i", I, []), value("go", B, []), helper.make_tensor_sequence_value_info("s", F, None)],
        [value("go2", B, []), helper.make_tensor_sequence_value_info("s2", F, None)],
    )
    nodes = [
        node("SequenceEmpty", [], ["none"]),
        node("Loop", ["trips", "", "none"], ["all"], body=body),
        node("ConcatFromSequence", ["all"], ["y"], axis=0),
    ]
    main = graph(nodes, [value("trips", I, []), value("x", F, [2, 3])], [value("y", F, [None, 3])])
    check(model_of(main), device, {"trips": np.array(3), "x": array(2, 3)}, ["y"])


def test_optionals(device):
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Optional", ["r"], ["o"]),
        node("OptionalHasElement", ["o"], ["has"]),
        node("OptionalGetElement", ["o"], ["y"]),
    ]
    main = graph(nodes, [value("x", F, [2, 3])], [value("has", B, []), value("y", F, [2, 3])])
    check(model_of(main), device, {"x": array(2, 3)}, ["has", "y"])


def built(network, graph, outer=None):
    """Adds a graph's nodes to a network, one by one, and its outputs."""
    values = {} if outer is None else outer
    for each in graph.initializer:
        array = numpy_helper.to_array(each)
        values[each.name] = (network.weight if array.dtype.kind == "f" else network.constant)(each.name, array)
    for each in graph.node:
        attributes = {}
        for attribute in each.attribute:
            given = helper.get_attribute_value(attribute)
            attributes[attribute.name] = body_of(network, given, values) if isinstance(given, onnx.GraphProto) else given
        operands = [values[name] if name else None for name in each.input]
        made = network.add(each.op_type, *operands, name=each.name, outputs=list(each.output), **attributes)
        values.update(zip(each.output, made, strict=False))
    for each in graph.output:
        network.output(each.name, values[each.name])
    return network


def names_read(graph):
    """Of the graphs around, by this one and those inside."""
    made = {each.name for each in [*graph.input, *graph.initializer]}
    read = []
    for each in graph.node:
        names = list(each.input)
        for attribute in each.attribute:
            names += names_read(attribute.g) if attribute.HasField("g") else []
        read += [name for name in names if name and name not in made and name not in read]
        made.update(each.output)
    return read


def inputs_of(network, graph):
    return {
        each.name: network.input(
            each.name,
            [dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim],
            helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type),
        )
        for each in graph.input
    }


def body_of(outer, graph, around):
    body = tenon.Network()
    values = inputs_of(body, graph)
    for name in names_read(graph):
        info = outer.info(around[name])
        shape = [n if isinstance(n, int) else f"{name}_{axis}" for axis, n in enumerate(info.shape)]
        values[name] = body.input(name, shape, info.dtype)
    return built(body, graph, values)


def by_network(model):
    network = tenon.Network()
    return built(network, model.graph, inputs_of(network, model.graph))


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (choice(), {"c0": np.array(True), "x0": array(2, 3, 4, 5)}),
        (choice(), {"c0": np.array(False), "x0": array(1, 3, 4, 5)}),
        (turns(), {"trips": np.array(5), "yes": np.array(True), "x": array(3, 4)}),
        (nested(), {"x": array(2)}),
    ],
    ids=["then", "else", "loop", "nested"],
)
def test_bodies_made_in_code_are_the_files(device, model, inputs):
    options = {"device": device, "threads": 1, "tactics": "first"}
    imported, made = tenon.build(model.SerializeToString(), **options), tenon.build(by_network(model), **options)
    assert list(made.weights) == list(imported.weights)
    made.refit({name: 2 * weight.numpy() for name, weight in imported.weights.items()})
    imported.refit({name: 2 * weight.numpy() for name, weight in imported.weights.items()})
    got, want = made.run(inputs), imported.run(inputs)
    for name, expected in want.items():
        np.testing.assert_array_equal(got[name], expected)


def squeezed_where_one(*behind, output):
    """x without its first axis where that has one element, as PyTorch exports `squeeze(0)`."""
    names = {"zero": np.array([0]), "one": np.array([1])}
    lists = [numpy_helper.from_array(array, name) for name, array in names.items()]
    shorter = graph([node("Squeeze", ["x", "zero"], ["a"])], [], [value("a", F, None)])
    same = graph([node("Identity", ["x"], ["b"])], [], [value("b", F, None)])
    nodes = [
        node("Shape", ["x"], ["extent"], start=0, end=1),
        node("Equal", ["extent", "one"], ["alone"]),
        node("If", ["alone"], ["y"], then_branch=shorter, else_branch=same),
    ]
    return model_of(graph([*nodes, *behind], [value("x", F, ["n", 3])], [value(output, F, None)], lists), checked=False)


@pytest.mark.parametrize("n", [1, 3])
def test_branches_of_two_ranks_may_be_an_output(device, n):
    check(squeezed_where_one(output="y"), device, {"x": array(n, 3)}, ["y"])


def test_where_ranks_part_before_a_node_the_extents_must_be_equal(device):
    model = squeezed_where_one(node("Softmax", ["y"], ["z"], axis=-1), output="z")
    engine = check(model, device, {"x": array(1, 3)}, ["z"])
    with pytest.raises(tenon.InputError, match="is not equal to"):
        engine.run({"x": array(3, 3)})


def test_a_squeeze_without_axes_keeps_an_extent_that_only_a_run_knows(device):
    shape = [value("x", F, [1, 1, 4]), value("n", I, [1])]
    rest = numpy_helper.from_array(np.array([1, 4]), "rest")
    nodes = [node("Concat", ["n", "rest"], ["to"], axis=0), node("Expand", ["x", "to"], ["wide"]), node("Squeeze", ["wide"], ["y"])]
    model = model_of(graph(nodes, shape, [value("y", F, None)], [rest]), checked=False)
    engine = check(model, device, {"x": array(1, 1, 4), "n": np.array([3])}, ["y"])
    with pytest.raises(tenon.InputError, match='Squeeze "y": no axes are given'):
        engine.run({"x": array(1, 1, 4), "n": np.array([1])})


@pytest.mark.parametrize("holds", [False, True])
def test_optional_sequences(device, holds):
    kind = helper.make_optional_type_proto(helper.make_sequence_type_proto(helper.make_tensor_type_proto(F, [None])))
    nodes = [node("OptionalHasElement", ["x"], ["there"]), node("Identity", ["x"], ["y"])]
    main = graph(nodes, [helper.make_value_info("x", kind)], [value("there", B, []), helper.make_value_info("y", kind)])
    engine = tenon.build(model_of(main).SerializeToString(), device=device)
    assert engine.inputs[0].kind == engine.outputs[1].kind == "optional sequence"
    given = [array(2), array(3)] if holds else None
    made = engine.run({"x": given})
    assert bool(made["there"]) == holds
    if not holds:
        assert made["y"] is None
        return
    for got, want in zip(made["y"], given, strict=True):
        np.testing.assert_array_equal(got, want)
