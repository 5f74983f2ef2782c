"""Networks through Python: layers' classes, live shapes, builds, runs."""

import numpy as np
import pytest
import tenon.trt as trt
from small import Records, answer, build, engine, network, quiet, run, sample, weights


def test_a_network_answers_as_numpy_does():
    w, x = weights(1), sample()
    np.testing.assert_allclose(run(engine(w), x), answer(w, x), rtol=1e-4, atol=1e-5)


def test_a_plan_is_loaded_in_one_expression():
    w, x = weights(1), sample()
    context = (
        trt.Runtime(trt.Logger(trt.Logger.ERROR))
        .deserialize_cuda_engine(build(w))
        .create_execution_context()
    )
    y = np.empty((1, 5), np.float32)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y, answer(w, x), rtol=1e-4, atol=1e-5)
    assert context.engine.get_tensor_name(0) == "x"


def test_layers_have_their_classes_and_stay_themselves():
    net = network(trt.Builder(quiet()), weights(0))
    conv = net[0]
    assert type(conv) is trt.IConvolutionLayer and conv is net.get_layer(0) is list(net)[0]
    assert conv.type == trt.LayerType.CONVOLUTION and net[-1].type == trt.LayerType.MATRIX_MULTIPLY
    relu = net[1]
    assert relu.type == trt.ActivationType.RELU
    assert trt.ILayer.type.__get__(relu) == trt.LayerType.ACTIVATION
    assert relu.get_input(0) is conv.get_output(0) and conv.get_output(1) is None
    conv.__class__ = trt.IConvolutionLayer
    with pytest.raises(TypeError):
        conv.__class__ = trt.IPoolingLayer
    with pytest.raises(IndexError):
        net[5]
    assert net.get_layer(5) is None and len(net) == net.num_layers == 5


def test_shapes_follow_a_change_at_once():
    net = network(trt.Builder(quiet()), weights(0))
    conv = net[0]
    assert conv.get_output(0).shape == (1, 3, 4, 4)
    conv.stride_nd = (2, 2)
    assert conv.get_output(0).shape == (1, 3, 2, 2) and conv.stride_nd == (2, 2)
    conv.padding_nd = [1, 1]
    assert conv.get_output(0).shape == (1, 3, 3, 3)
    assert net.get_input(0).shape == (1, 2, 6, 6) and net.get_input(0).dtype == trt.float32


def test_a_layers_weights_are_read_as_arrays():
    w = weights(3)
    conv = network(trt.Builder(quiet()), w)[0]
    np.testing.assert_array_equal(conv.kernel, w["kernel"].ravel())
    other = np.ones((3, 2, 3, 3), np.float32)
    conv.kernel = other
    assert conv.kernel.shape == (54,) and np.shares_memory(conv.kernel, other)
    conv.bias = None
    assert conv.bias.size == 0


def test_arrays_live_as_long_as_their_network():
    builder = trt.Builder(quiet())
    net = builder.create_network()
    x = net.add_input("x", trt.float32, (1, 1, 4, 4))
    for _ in range(50):  # each array is a temporary
        x = net.add_scale(x, trt.ScaleMode.UNIFORM, np.float32([1]), np.float32([1])).get_output(0)
        np.empty(1, np.float32).fill(1e30)
    net.mark_output(x)
    made = builder.build_engine_with_config(net, builder.create_builder_config())
    del net, x, builder
    context = made.create_execution_context()
    ins, out = np.zeros((1, 1, 4, 4), np.float32), np.empty((1, 1, 4, 4), np.float32)
    assert context.execute_v2([ins.ctypes.data, out.ctypes.data])
    assert (out == 50).all()


def test_dynamic_shapes_need_a_profile_and_stay_in_it():
    w, logger = weights(2), Records()
    builder = trt.Builder(logger)
    net, config = network(builder, w, batch=-1), builder.create_builder_config()
    net[2].reshape_dims = (-1, 48)
    assert builder.build_serialized_network(net, config) is None
    assert "no optimization profile" in logger.errors()[-1]
    profile = builder.create_optimization_profile()
    assert profile.get_shape("x") == []
    with pytest.raises(RuntimeError, match="for max is inconsistent"):
        profile.set_shape("x", (2, 2, 6, 6), (2, 2, 6, 6), (1, 2, 6, 6))
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (1, 2, 6, 6), (2, 2, 6, 6), max=(4, 2, 6, 6))
    assert profile.get_shape("x")[1] == (2, 2, 6, 6) and profile
    assert config.add_optimization_profile(profile) == 0
    context = builder.build_engine_with_config(net, config).create_execution_context()
    for batch in (1, 4, 3):
        x, y = sample(batch=batch), np.empty((batch, 5), np.float32)
        assert context.set_input_shape("x", x.shape)
        assert context.get_tensor_shape("x") == x.shape
        assert context.execute_v2([x.ctypes.data, y.ctypes.data])
        np.testing.assert_allclose(y, answer(w, x), rtol=1e-4, atol=1e-5)
    assert not context.set_input_shape("x", (5, 2, 6, 6))
    assert not context.set_input_shape("x", np.array([1, 2, 6]))


def test_a_problem_is_one_report_and_none():
    logger = Records()
    builder = trt.Builder(logger)
    net = builder.create_network()
    assert net.add_input("", trt.float32, (1,)) is None
    assert builder.build_serialized_network(net, builder.create_builder_config()) is None
    assert builder.create_network(1 << 20) is None
    assert len(logger.lines) == 3
    with pytest.raises(TypeError):
        net.add_constant((2,), [1.0, 2.0])
    with pytest.raises(TypeError):
        trt.Builder("no logger")


def test_flags_are_a_mask():
    config = trt.Builder(quiet()).create_builder_config()
    config.flags |= 1 << int(trt.BuilderFlag.STRIP_PLAN)
    assert config.get_flag(trt.BuilderFlag.STRIP_PLAN) and config.get_flag(trt.BuilderFlag.TF32)
    config.flags = 1 << trt.BuilderFlag.REFIT
    assert config.flags == 16 and not config.get_flag(trt.BuilderFlag.TF32)
    config.set_memory_pool_limit(pool=trt.MemoryPoolType.WORKSPACE, pool_size=1 << 20)
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 1 << 20


def test_bindings_must_be_enough():
    context = engine(weights(0)).create_execution_context()
    with pytest.raises(ValueError, match="1 addresses"):
        context.execute_v2([0])
