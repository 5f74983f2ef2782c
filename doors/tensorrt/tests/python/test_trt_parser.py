"""ONNX models: layers to walk, refits by (layer, role) and from models, what is refused."""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import tenon.trt as trt
from onnx import TensorProto, helper, numpy_helper
from small import Records, quiet

import tenon

DATA = pathlib.Path(__file__).parents[4] / "tests" / "data"
sys.path.insert(0, str(DATA.parent / "models"))
from filled import filled  # noqa: E402

F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def expected(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return {o.name: y for o, y in zip(session.get_outputs(), session.run(None, inputs), strict=True)}


def parsed(model, logger=None):
    """The parser; its network is parser._network."""
    logger = logger or quiet()
    parser = trt.OnnxParser(trt.Builder(logger).create_network(), logger)
    assert parser.parse(model), [str(parser.get_error(i)) for i in range(parser.num_errors)]
    return parser


def built(network, inputs, *flags):
    builder = network.builder
    config = builder.create_builder_config()
    config.builder_optimization_level = 0
    for flag in flags:
        config.set_flag(flag)
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        if min(tensor.shape, default=1) < 0:
            shape = inputs[tensor.name].shape
            least = [1 if built < 0 else built for built in tensor.shape]
            profile.set_shape(tensor.name, least, shape, [8 if built < 0 else built for built in tensor.shape])
    if any(min(network.get_input(i).shape, default=1) < 0 for i in range(network.num_inputs)):
        assert config.add_optimization_profile(profile) == 0
    return builder.build_engine_with_config(network, config)


def answers(engine, inputs, like):
    context = engine.create_execution_context()
    made = {name: np.full(y.shape, 7, y.dtype) for name, y in like.items()}
    for name, array in inputs.items():
        assert context.set_input_shape(name, array.shape)
    for name, array in {**inputs, **made}.items():
        assert context.set_tensor_address(name, array.ctypes.data)
    assert context.execute_async_v3(0)
    return made


def close(got, want):
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-5)


def near(got, want):
    for name in want:
        assert np.linalg.norm(got[name] - want[name]) < 3e-6 * np.linalg.norm(want[name]), name


# --- real models


def other_checkpoint(model):
    """The same model with other weights."""
    changed = onnx.load_from_string(model)
    for i, tensor in enumerate(changed.graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            noise = np.random.default_rng(i).uniform(0.9, 1.1, array.shape)
            tensor.CopyFrom(numpy_helper.from_array((array * noise).astype(np.float32), tensor.name))
    return changed.SerializeToString()


def weights_in(model):
    """By name: initializers, and their second names."""
    graph = onnx.load_from_string(model).graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    return arrays


def places(network, model):
    """(layer, role) of each weight, and the name in the model: out of the network alone."""
    inputs = {node.name: node.input for node in onnx.load_from_string(model).graph.node}
    for layer in network:
        if trt.ILayer.type.__get__(layer) == trt.LayerType.CONVOLUTION:
            assert type(layer) is trt.IConvolutionLayer and layer.kernel.size
            for role, name in zip([trt.WeightsRole.KERNEL, trt.WeightsRole.BIAS], inputs[layer.name][1:]):
                yield (layer.name, role), name
        elif trt.ILayer.type.__get__(layer) == trt.LayerType.CONSTANT:
            yield (layer.name, trt.WeightsRole.CONSTANT), layer.name


def model_of(name):
    if name in ("lenet", "mnist-8-simplified"):
        return (DATA / "mnist" / f"{name}.onnx").read_bytes()
    return filled(DATA / "graphs" / f"{name}.onnx", 1)


def sample_of(network):
    rng = np.random.default_rng(3)
    shapes = {x.name: [2 if e < 0 else e for e in x.shape] for x in map(network.get_input, range(network.num_inputs))}
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", ["lenet", "mnist-8-simplified", "resnet18.ts", "resnet18.raw"])
def test_a_models_weights_are_set_by_layer_and_role(name):
    model = model_of(name)
    network = parsed(model)._network
    inputs = sample_of(network)
    engine = built(network, inputs, trt.BuilderFlag.REFIT)
    before = expected(model, inputs)
    near(answers(engine, inputs, before), before)

    second = other_checkpoint(model)
    refitter, arrays = trt.Refitter(engine, quiet()), weights_in(second)
    listed = set(zip(*refitter.get_all()))
    named = dict(places(network, model))
    for place in listed:
        assert refitter.set_weights(*place, arrays[named[place]]), place
    assert refitter.get_missing_weights() == [] and refitter.refit_cuda_engine()
    got = answers(engine, inputs, before)
    near(got, expected(second, inputs))

    own = tenon.build(onnx.load_from_string(model), tactics="first")
    assert sorted(refitter.get_all_weights()) == sorted(own.weights)
    own.refit({weight: arrays[weight] for weight in own.weights})
    want = own.run(inputs)
    for output in got:
        np.testing.assert_array_equal(got[output], want[output])


def test_a_folded_normalization_is_four_constants_and_one_opaque_layer():
    network = parsed(model_of("resnet18.raw"))._network
    opaque = [layer for layer in network if layer.type == trt.LayerType.PLUGIN]
    assert len(opaque) == 20
    for layer in opaque:
        sources = [layer.get_input(i).name for i in range(1, layer.num_inputs)]
        assert [name.rsplit(".", 1)[1] for name in sources] == ["weight", "bias", "running_mean", "running_var"]


# --- small ones


def model(nodes, inputs, outputs, initializers=(), opset=17):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in initializers],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return made.SerializeToString()


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=f"{op}_{outputs.split()[0]}", **attributes)


def same_as_onnxruntime(data, inputs):
    want = expected(data, inputs)
    got = answers(built(parsed(data)._network, inputs, trt.BuilderFlag.REFIT), inputs, want)
    close(got, want)


X = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)
W = np.random.default_rng(2).standard_normal((4, 3, 3, 3)).astype(np.float32)

CASES = {
    "conv_same": ([node("Conv", "x w", "y", auto_pad="SAME_UPPER", strides=[2, 2])], [("w", W)]),
    "conv_padded": ([node("Conv", "x w b", "y", pads=[1, 0, 1, 2], dilations=[1, 2])], [("w", W), ("b", W[:, 0, 0, 0])]),
    "conv_computed_kernel": ([node("Relu", "w", "r"), node("Conv", "x r", "y")], [("w", W)]),
    "pool_ceil": ([node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)], []),
    "pool_mean": ([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)], []),
    "global_mean": ([node("GlobalAveragePool", "x", "y")], []),
    "broadcast": ([node("Mul", "x b", "m"), node("Sub", "s m", "y")], [("b", W[:3, :1, :1, 0]), ("s", np.float32(2))]),
    "clip": ([node("Clip", "x lo hi", "y")], [("lo", np.float32(-0.5)), ("hi", np.float32(0.25))]),
    "clip_fixed": ([node("Constant", "", "lo", value_float=-0.5), node("Constant", "", "hi", value_float=0.25), node("Clip", "x lo hi", "y")], []),
    "clip_half": ([node("Clip", "x lo", "y")], [("lo", np.float32(-0.5))]),
    "softmax": ([node("Softmax", "x", "y", axis=-2)], []),
    "concat": ([node("Concat", "x x w", "y", axis=0)], [("w", W[:, :, :1, :1] * np.ones((1, 1, 8, 8), np.float32))]),
    "reduce": ([node("ReduceSum", "x a", "y", keepdims=0)], [("a", np.array([-1, 1]))]),
    "reshape_zero": ([node("Reshape", "x s", "y")], [("s", np.array([0, -1, 4]))]),
    "reshape_computed": ([node("Shape", "x", "n"), node("Reshape", "f n", "r"), node("Add", "x r", "y")], [("f", X.ravel())]),
    "transpose": ([node("Transpose", "x", "y", perm=[0, 2, 3, 1])], []),
    "flatten_2": ([node("Flatten", "x", "y", axis=2)], []),
    "gemm_scaled": ([node("Flatten", "x", "f"), node("Gemm", "f g c", "y", alpha=0.5, transB=1)], [("g", np.ones((5, 192), np.float32)), ("c", np.ones(5, np.float32))]),
    "matmul_vector": ([node("MatMul", "x v", "y")], [("v", np.ones(8, np.float32))]),
    "cast": ([node("Cast", "x", "i", to=TensorProto.INT32), node("Cast", "i", "y", to=F32)], []),
    "elementwise_three": ([node("Max", "x w v", "y")], [("w", np.float32(0)), ("v", np.float32(-1))]),
    "double": ([node("Cast", "x", "d", to=TensorProto.DOUBLE), node("Mul", "d c", "m"), node("Cast", "m", "y", to=F32)], [("c", np.float64(3.25))]),
    "gather": ([node("Gather", "x i", "y", axis=-1)], [("i", np.array([[0, -1], [3, 2]]))]),
    "gather_elements": ([node("GatherElements", "x i", "y", axis=3)], [("i", np.argsort(X, 3)[..., :2])]),
    "gather_nd": ([node("GatherND", "x i", "y", batch_dims=1)], [("i", np.array([[[0, 1]], [[2, 3]]]))]),
    "scatter_elements": ([node("ScatterElements", "x i u", "y", axis=1)], [("i", np.ones((2, 1, 8, 8), np.int64)), ("u", X[:, :1])]),
    "scatter_added": ([node("ScatterElements", "x i u", "y", axis=1, reduction="add")], [("i", np.ones((2, 1, 8, 8), np.int64)), ("u", X[:, :1])]),
    "scatter_nd": ([node("ScatterND", "x i u", "y")], [("i", np.array([[1, 2]])), ("u", X[0, :1])]),
    "where": ([node("Greater", "x z", "c"), node("Where", "c x n", "y")], [("z", np.float32(0)), ("n", np.full((8,), -1, np.float32))]),
    "topk": ([node("TopK", "x k", "y i", axis=2, largest=0)], [("k", np.array([3]))]),
    "topk_indices": ([node("TopK", "x k", "v i"), node("Cast", "i", "y", to=F32)], [("k", np.array([2]))]),
    "non_zero": ([node("Relu", "x", "r"), node("NonZero", "r", "n"), node("Cast", "n", "y", to=F32)], []),
    "slice": ([node("Slice", "x s e a t", "y")], [("s", np.array([-3, 7])), ("e", np.array([100, -100])), ("a", np.array([-1, 2])), ("t", np.array([1, -2]))]),
    "slice_of_nothing": ([node("Slice", "x s e", "t"), node("Concat", "t x", "y", axis=0)], [("s", np.array([5])), ("e", np.array([9]))]),
    "squeeze": ([node("Unsqueeze", "x a", "u"), node("Squeeze", "u b", "y")], [("a", np.array([0, -1])), ("b", np.array([-1]))]),
    "shape": ([node("Shape", "x", "s"), node("Cast", "s", "y", to=F32)], []),
    "conv_transpose": ([node("ConvTranspose", "x w b", "y", strides=[2, 1], pads=[1, 0, 0, 1], group=3)], [("w", W[:3, :2]), ("b", W[:2, :, 0, 0].ravel())]),
    "conv_transpose_sized": ([node("ConvTranspose", "x w", "y", strides=[2, 2], output_padding=[1, 1])], [("w", W[:3, :2])]),
    "lrn": ([node("LRN", "x", "y", size=3, alpha=0.1, bias=2.0)], []),
    "prelu": ([node("PRelu", "x s", "y")], [("s", np.array([[[0.1]], [[0.2]], [[-0.3]]], np.float32))]),
    "einsum": ([node("Einsum", "x x", "y", equation="bchw,bcwh->bc")], []),
    "cum_sum": ([node("CumSum", "x a", "y", reverse=1)], [("a", np.array(2))]),
    "two_names": ([node("Identity", "w", "w2"), node("Conv", "x w", "a"), node("Conv", "x w2", "b"), node("Sub", "a b", "y")], [("w", W)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_node_is_onnxs(case):
    nodes, initializers = CASES[case]
    same_as_onnxruntime(model(nodes, [("x", F32, X.shape)], [("y", F32, None)], initializers), {"x": X})


CLASSES = {
    "gather": trt.IGatherLayer, "gather_elements": trt.IGatherLayer, "gather_nd": trt.IGatherLayer, "scatter_nd": trt.IScatterLayer, "where": trt.ISelectLayer,
    "topk": trt.ITopKLayer, "slice": trt.ISliceLayer, "squeeze": trt.ISqueezeLayer, "conv_transpose": trt.IDeconvolutionLayer, "lrn": trt.ILRNLayer,
    "prelu": trt.IParametricReLULayer, "einsum": trt.IEinsumLayer, "cum_sum": trt.ICumulativeLayer, "softmax": trt.ISoftMaxLayer,
    "concat": trt.IConcatenationLayer, "reduce": trt.IReduceLayer, "pool_ceil": trt.IPoolingLayer, "clip_fixed": trt.IActivationLayer,
}  # fmt: skip


@pytest.mark.parametrize("case", CLASSES)
def test_a_node_is_the_layer_that_says_it(case):
    nodes, initializers = CASES[case]
    network = parsed(model(nodes, [("x", F32, X.shape)], [("y", F32, None)], initializers))._network
    assert CLASSES[case] in {type(layer) for layer in network}
    assert all(trt.ILayer.type.__get__(layer) != trt.LayerType.PLUGIN for layer in network)


def test_two_names_of_one_initializer_are_two_weights():
    nodes, initializers = CASES["two_names"]
    data = model(nodes, [("x", F32, X.shape)], [("y", F32, None)], initializers)
    refitter = trt.Refitter(built(parsed(data)._network, {"x": X}, trt.BuilderFlag.REFIT), quiet())
    assert refitter.get_all_weights() == ["w", "w2"]


def branches():
    """An If, one branch of which holds a weight and reads a value around it, and a Loop in the other."""
    then = helper.make_graph(
        [node("Mul", "t kept", "then_y")], "then", [],
        [helper.make_tensor_value_info("then_y", F32, [3])], [numpy_helper.from_array(np.arange(3, dtype=np.float32), "kept")],
    )  # fmt: skip
    body = helper.make_graph(
        [node("Add", "s t", "next"), node("Identity", "keep", "on")], "body",
        [helper.make_tensor_value_info("i", I64, []), helper.make_tensor_value_info("keep", TensorProto.BOOL, []), helper.make_tensor_value_info("s", F32, [3])],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("next", F32, [3])],
    )  # fmt: skip
    other = helper.make_graph(
        [node("Loop", "three true t", "else_y", body=body)], "else", [],
        [helper.make_tensor_value_info("else_y", F32, [3])], [numpy_helper.from_array(np.int64(3), "three"), numpy_helper.from_array(np.bool_(True), "true")],
    )  # fmt: skip
    return model(
        [node("Tanh", "x", "t"), node("If", "c", "y", then_branch=then, else_branch=other)],
        [("x", F32, [3]), ("c", TensorProto.BOOL, [])], [("y", F32, [3])],
    )  # fmt: skip


@pytest.mark.parametrize("taken", [True, False])
def test_bodies_read_what_is_around_them(taken):
    inputs = {"x": np.array([1, -2, 0.5], np.float32), "c": np.array(taken)}
    same_as_onnxruntime(branches(), inputs)


def test_a_bodys_weight_is_a_constant_layer_that_is_refitted():
    data, inputs = branches(), {"x": np.array([1, -2, 0.5], np.float32), "c": np.array(True)}
    network = parsed(data)._network
    assert "kept" in [layer.name for layer in network]
    engine = built(network, inputs, trt.BuilderFlag.REFIT)
    refitter, new = trt.Refitter(engine, quiet()), np.array([4, 5, 6], np.float32)
    assert refitter.get_all_weights() == ["kept"]
    assert refitter.set_weights("kept", trt.WeightsRole.CONSTANT, new) and refitter.refit_cuda_engine()
    want = {"y": np.tanh(inputs["x"]) * new}
    close(answers(engine, inputs, want), want)
    parser = trt.OnnxParserRefitter(refitter, quiet())
    assert parser.refit_from_bytes(data) and refitter.refit_cuda_engine()
    want = expected(data, inputs)
    close(answers(engine, inputs, want), want)


def test_axes_of_one_name_are_one_extent():
    data = model([node("Add", "a b", "y")], [("a", F32, ["n", 3]), ("b", F32, ["n", 3])], [("y", F32, None)])
    network = parsed(data)._network
    assert network.get_input(0).get_dimension_name(0) == "n" and network.get_input(0).get_dimension_name(1) is None
    assert tuple(network.get_output(0).shape) == (-1, 3)
    same_as_onnxruntime(data, {"a": X[0, :, :, 0].T[:4].copy(), "b": X[1, :, :, 0].T[:4].copy()})


def test_an_output_may_be_an_input_and_come_first():
    data = model([node("Neg", "x", "n"), node("Relu", "x", "y")], [("x", F32, [3])], [("n", F32, [3]), ("x", F32, [3])])
    network = parsed(data)._network
    assert [network.get_output(i).name for i in range(2)] == ["n", "__x"]
    assert network[-1].get_output(0) is network.get_output(1) and len(network) == 2
    data = model([node("Neg", "x", "n"), node("Relu", "x", "y")], [("x", F32, [3])], [("y", F32, [3]), ("n", F32, [3])])
    assert parsed(data)._network[-1].get_output(0).name == "n"


# --- refits from models


def small_net(scale=1.0, names=("w", "b")):
    weights = [(names[0], scale * W), (names[1], scale * W[:, 0, 0, 0])]
    return model([node("Conv", f"x {names[0]} {names[1]}", "y")], [("x", F32, X.shape)], [("y", F32, None)], weights)


def test_a_model_that_lacks_a_weight_changes_nothing(tmp_path):
    data, inputs = small_net(), {"x": X}
    engine = built(parsed(data)._network, inputs, trt.BuilderFlag.REFIT)
    before = answers(engine, inputs, expected(data, inputs))
    logger = Records()
    refitter = trt.Refitter(engine, quiet())
    parser = trt.OnnxParserRefitter(refitter, logger)
    assert not parser.refit_from_bytes(small_net(2.0, ("w", "other")))
    assert parser.num_errors == 1 and parser.get_error(0).code() == trt.ErrorCode.REFIT_FAILED
    assert str(parser.get_error(0)) == (
        '(IParserRefitter::refitFromBytes): REFIT_FAILED: the model lacks 1 of the weights: "b"; nothing was set'
    )
    assert refitter.get_named_weights("w").size == 0 and len(logger.errors()) == 1
    wrong = model([node("Conv", "x w b", "y")], [("x", F32, X.shape)], [("y", F32, None)], [("w", W), ("b", W[:2, 0, 0, 0])])
    assert not parser.refit_from_bytes(wrong) and refitter.get_named_weights("w").size == 0
    assert refitter.refit_cuda_engine()
    np.testing.assert_array_equal(answers(engine, inputs, before)["y"], before["y"])
    assert not parser.refit_from_file(tmp_path / "none.onnx")
    assert parser.get_error(0).code() == trt.ErrorCode.MODEL_DESERIALIZE_FAILED


def test_a_refit_takes_a_file_with_weights_beside_it(tmp_path):
    data, inputs = small_net(), {"x": X}
    engine = built(parsed(data)._network, inputs, trt.BuilderFlag.REFIT)
    refitter = trt.Refitter(engine, quiet())
    second = onnx.load_from_string(small_net(-3.0))
    onnx.save(second, tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    want = expected(str(tmp_path / "m.onnx"), inputs)
    parser = trt.OnnxParserRefitter(refitter, quiet())
    assert parser.refit_from_file(str(tmp_path / "m.onnx")) and refitter.refit_cuda_engine()
    close(answers(engine, inputs, want), want)
    alone = (tmp_path / "m.onnx").read_bytes()
    assert not parser.refit_from_bytes(alone)
    assert parser.refit_from_bytes(alone, path=str(tmp_path / "m.onnx"))
    del parser  # the refitter keeps what it was given
    assert refitter.refit_cuda_engine()
    close(answers(engine, inputs, want), want)


def test_initializers_may_come_from_the_script():
    data, inputs = small_net(), {"x": X}
    other = np.ascontiguousarray(W[::-1])
    logger = quiet()
    parser = trt.OnnxParser(trt.Builder(logger).create_network(), logger)
    assert parser.load_model_proto(data) and not parser.load_model_proto(data)
    assert parser.load_initializer("w", other, other.nbytes)
    assert not parser.load_initializer("w", other, 3) and not parser.load_initializer("nobody", other, other.nbytes)
    assert parser.parse_model_proto()
    changed = onnx.load_from_string(data)
    changed.graph.initializer[0].CopyFrom(numpy_helper.from_array(other, "w"))
    want = expected(changed.SerializeToString(), inputs)
    engine = built(parser._network, inputs, trt.BuilderFlag.REFIT)
    close(answers(engine, inputs, want), want)
    refitter = trt.Refitter(engine, quiet())
    back = trt.OnnxParserRefitter(refitter, quiet())
    assert back.load_model_proto(data) and back.load_initializer("b", other.ctypes.data, 16)
    assert back.refit_model_proto() and refitter.refit_cuda_engine()
    np.testing.assert_array_equal(refitter.get_named_weights("b").numpy(), other.ravel()[:4])


# --- what is wrong


def test_every_unknown_node_is_told_and_nothing_is_added():
    logger = Records()
    network = trt.Builder(logger).create_network()
    parser = trt.OnnxParser(network, logger)
    data = model([node("Relu", "x", "a"), node("Nope", "a", "b"), node("Neg", "b", "c"), node("Neither", "c", "y")], [("x", F32, [3])], [("y", F32, [3])])
    assert not parser.parse(data)
    assert [(e.node(), e.node_name(), e.node_operator(), e.code()) for e in map(parser.get_error, range(parser.num_errors))] == [
        (1, "Nope_b", "Nope", trt.ErrorCode.UNSUPPORTED_NODE),
        (3, "Neither_y", "Neither", trt.ErrorCode.UNSUPPORTED_NODE),
    ]
    assert str(parser.get_error(0)).startswith("In node 1 with name: Nope_b and operator: Nope (IParser::parse): UNSUPPORTED_NODE: ")
    assert len(logger.errors()) == 2 and len(network) == 0 and network.num_inputs == 0
    parser.clear_errors()
    assert parser.num_errors == 0 and parser.get_error(0) is None
    assert not parser.supports_model_v2(data) and parser.num_subgraphs == 4
    assert [parser.is_subgraph_supported(i) for i in range(4)] == [True, False, True, False]
    assert parser.get_subgraph_nodes(2) == [2]
    assert parser.supports_model(data) == (False, [([0], True), ([1], False), ([2], True), ([3], False)])
    assert parser.supports_model_v2(small_net()) and parser.num_subgraphs == 1


def test_strings_are_refused_by_name():
    logger = quiet()
    parser = trt.OnnxParser(trt.Builder(logger).create_network(), logger)
    data = model([node("Identity", "words", "y")], [("words", TensorProto.STRING, [3])], [("y", TensorProto.STRING, [3])])
    assert not parser.parse(data)
    assert parser.get_error(0).code() == trt.ErrorCode.UNSUPPORTED_NODE_DATATYPE
    assert '"words"' in parser.get_error(0).desc()


def test_a_missing_file_and_damage_are_errors():
    logger = quiet()
    parser = trt.OnnxParser(trt.Builder(logger).create_network(), logger)
    assert not parser.parse_from_file("nowhere.onnx") and "nowhere.onnx" in parser.get_error(0).desc()
    for data in (b"", b"noise", small_net()[:100]):
        assert not parser.parse(data)
        assert parser.num_errors == 1
    assert repr(trt.ErrorCode.UNSUPPORTED_NODE) == "UNSUPPORTED_NODE"
    assert parser.get_flag(trt.OnnxParserFlag.NATIVE_INSTANCENORM) and parser.flags == 1
    assert parser.supports_operator("Conv") and not parser.supports_operator("Nope")
    assert parser.get_used_vc_plugin_libraries() == [] and trt.get_nv_onnx_parser_version() == 100
    with pytest.raises(TypeError):
        trt.OnnxParser("no network", logger)
