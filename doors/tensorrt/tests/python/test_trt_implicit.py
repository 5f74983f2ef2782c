"""Networks of 7.x, whose batch is in no shape."""

import numpy as np
import pytest
import tenon.trt as trt
from small import Records, answer, sample, weights

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def network(builder, w):
    """The network of small.py, as such scripts write it."""
    net = builder.create_network()
    x = net.add_input("x", trt.float32, (2, 6, 6))
    conv = net.add_convolution(x, 3, (3, 3), w["kernel"], w["bias"])
    conv.name = "conv_1"
    relu = net.add_activation(conv.get_output(0), trt.ActivationType.RELU)
    dense = net.add_fully_connected(relu.get_output(0), 5, np.ascontiguousarray(w["matrix"].T))
    dense.name = "fc"
    dense.get_output(0).name = "y"
    net.mark_output(dense.get_output(0))
    return net


def build(w, most, logger, *flags):
    builder = trt.Builder(logger)
    builder.max_batch_size = most
    config = builder.create_builder_config()
    for flag in flags:
        config.set_flag(flag)
    return builder.build_serialized_network(network(builder, w), config)


def run(context, x, batch):
    y = np.full((len(x), 5), np.nan, np.float32)
    return context.execute(batch_size=batch, bindings=[x.ctypes.data, y.ctypes.data]), y


def test_each_sample_is_answered_for_itself():
    w, logger = weights(1), Records()
    engine = trt.Runtime(logger).deserialize_cuda_engine(build(w, 4, logger))
    assert engine.has_implicit_batch_dimension and engine.max_batch_size == 4
    assert tuple(engine.get_binding_shape(0)) == (2, 6, 6) and tuple(engine.get_binding_shape("y")) == (5, 1, 1)
    context, x = engine.create_execution_context(), sample(batch=4)
    for batch in (4, 1, 3):
        done, y = run(context, x, batch)
        assert done and np.isnan(y[batch:]).all()
        np.testing.assert_allclose(y[:batch], answer(w, x[:batch]), rtol=1e-4, atol=1e-4)
    y = np.empty((1, 5), np.float32)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y, answer(w, x[:1]), rtol=1e-4, atol=1e-4)
    assert not logger.errors()
    done, _ = run(context, x, 5)
    assert not done and "a batch of 5; the engine was built for 1 to 4 samples" in logger.errors()[-1]


def test_layers_of_images_have_no_batch_axis():
    net = trt.Builder(Records()).create_network()
    x = net.add_input("x", trt.float32, (2, 6, 6))
    assert not net.has_implicit_batch_dimension
    pool = net.add_pooling(x, trt.PoolingType.MAX, (2, 2))
    pool.stride = (2, 2)
    assert net.has_implicit_batch_dimension and tuple(pool.get_output(0).shape) == (2, 3, 3)
    one = np.ones(2, np.float32)
    scaled = net.add_scale(pool.get_output(0), trt.ScaleMode.CHANNEL, one, one, one).get_output(0)
    normed = net.add_lrn(scaled, 3, 1.0, 0.5, 1.0).get_output(0)
    up = net.add_deconvolution(normed, 3, (2, 2), np.ones((2, 3, 2, 2), np.float32)).get_output(0)
    assert [tuple(t.shape) for t in (scaled, normed, up)] == [(2, 3, 3), (2, 3, 3), (3, 4, 4)]
    soft = net.add_softmax(up)
    assert soft.axes == 1  # channels


def test_a_refit_is_that_of_any_engine():
    old, new, logger = weights(1), weights(2), Records()
    engine = trt.Runtime(logger).deserialize_cuda_engine(build(old, 2, logger, trt.BuilderFlag.REFIT))
    refitter = trt.Refitter(engine, logger)
    assert refitter.set_weights("conv_1", trt.WeightsRole.KERNEL, new["kernel"])
    assert refitter.set_weights("conv_1", trt.WeightsRole.BIAS, new["bias"])
    assert refitter.set_weights("fc", trt.WeightsRole.KERNEL, np.ascontiguousarray(new["matrix"].T)) and refitter.refit_cuda_engine()
    x = sample(batch=2)
    done, y = run(engine.create_execution_context(), x, 2)
    assert done
    np.testing.assert_allclose(y, answer(new, x), rtol=1e-4, atol=1e-4)


def test_a_profile_contradicts_it():
    logger = Records()
    builder = trt.Builder(logger)
    net, config, profile = network(builder, weights(1)), builder.create_builder_config(), builder.create_optimization_profile()
    profile.set_shape("x", (2, 6, 6), (2, 6, 6), (2, 6, 6))
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(net, config) is None and "give the inputs their batch axis" in logger.errors()[-1]


@pytest.mark.parametrize("flag", ["EXPLICIT_BATCH", "STRONGLY_TYPED"])
def test_a_flag_makes_a_network_explicit(flag):
    logger = Records()
    builder = trt.Builder(logger)
    net = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag[flag]))
    x, w = net.add_input("x", trt.float32, (2, 6, 6)), weights(1)
    net.mark_output(net.add_convolution(x, 3, (3, 3), w["kernel"], w["bias"]).get_output(0))
    assert not net.has_implicit_batch_dimension
    assert builder.build_serialized_network(net, builder.create_builder_config()) is None and len(logger.errors()) == 1


def test_a_builder_takes_one_sample_at_least():
    logger = Records()
    builder = trt.Builder(logger)
    builder.max_batch_size = 0
    assert builder.max_batch_size == 1 and "1 is the least" in logger.errors()[-1]
