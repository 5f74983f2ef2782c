"""Scripts of 7.x and 8.x, and the tool trtexec."""

import subprocess
import sys
import warnings

import numpy as np
import onnx
import pytest
import tenon.trt as trt
from onnx import TensorProto, helper, numpy_helper
from small import Records, answer, network, quiet, sample, weights


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def seven(w):
    """A network as scripts of that age wrote it."""
    builder = trt.Builder(quiet())
    builder.max_batch_size, builder.max_workspace_size = 1, 1 << 20
    builder.refittable = True
    net = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    x = net.add_input("x", trt.float32, (1, 2, 6, 6))
    conv = net.add_convolution(input=x, num_output_maps=3, kernel_shape=(3, 3), kernel=w["kernel"], bias=w["bias"])
    conv.name = "conv_1"
    assert conv.stride == (1, 1) and conv.padding.h == 0
    conv.stride = (1, 1)
    relu = net.add_activation(conv.get_output(0), trt.ActivationType.RELU)
    full = net.add_fully_connected(relu.get_output(0), 5, np.ascontiguousarray(w["matrix"].T))
    full.name = "fc"
    full.get_output(0).name = "y"
    net.mark_output(full.get_output(0))
    return builder, net


def test_an_engine_is_built_from_the_builders_own_properties():
    w, x = weights(1), sample()
    builder, net = seven(w)
    assert builder.max_workspace_size == 1 << 20 and builder.refittable and not builder.fp16_mode
    engine = builder.build_cuda_engine(net)
    assert engine.refittable and engine.num_bindings == 2 and engine.max_batch_size == 1
    assert list(engine) == ["x", "y"] and engine["y"] == 1 and engine[0] == "x"
    assert engine.get_binding_index("y") == 1 and engine.get_binding_index("z") == -1 and engine.get_binding_name(1) == "y"
    assert engine.binding_is_input("x") and not engine.binding_is_input(1)
    assert engine.get_binding_shape("y") == (1, 5, 1, 1) and engine.get_binding_dtype(0) == trt.float32
    context, y = engine.create_execution_context(), np.empty((1, 5), np.float32)
    for call in (
        lambda: context.execute(batch_size=1, bindings=[x.ctypes.data, y.ctypes.data]),
        lambda: context.execute_async(batch_size=1, bindings=[x.ctypes.data, y.ctypes.data], stream_handle=0),
        lambda: context.execute_async_v2(bindings=[x.ctypes.data, y.ctypes.data], stream_handle=0),
    ):
        y[:] = 0
        assert call()
        np.testing.assert_allclose(y, answer(w, x), rtol=1e-4, atol=1e-5)
    new, refitter = weights(2), trt.Refitter(engine, quiet())
    assert refitter.set_weights("conv_1", trt.WeightsRole.KERNEL, new["kernel"]) and refitter.set_weights("conv_1", trt.WeightsRole.BIAS, new["bias"])
    assert refitter.set_weights("fc", trt.WeightsRole.KERNEL, np.ascontiguousarray(new["matrix"].T)) and refitter.refit_cuda_engine()
    assert context.execute(bindings=[x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y, answer(new, x), rtol=1e-4, atol=1e-5)


def test_an_open_batch_without_a_profile_is_the_builders():
    w = weights(1)
    builder, logger = trt.Builder(Records()), None
    net = network(builder, w, batch=-1)
    net[2].reshape_dims = (-1, 48)
    config = builder.create_builder_config()
    config.max_workspace_size = 1 << 22
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == config.max_workspace_size == 1 << 22
    builder.max_batch_size = 3
    engine = builder.build_engine(net, config)
    assert tuple(engine.get_binding_shape(0)) == (3, 2, 6, 6) and tuple(net.get_input(0).shape) == (-1, 2, 6, 6)
    context, x, y = engine.create_execution_context(), sample(batch=3), np.empty((3, 5), np.float32)
    assert context.set_binding_shape(0, x.shape) and tuple(context.get_binding_shape(1)) == (3, 5)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_allclose(y, answer(w, x), rtol=1e-4, atol=1e-5)
    assert builder.build_serialized_network(net, config) is None and logger is None


def test_an_old_name_warns_once_a_process():
    code = (
        "import warnings, tenon.trt as trt\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    b = trt.Builder(trt.Logger())\n"
        "    b.max_batch_size, b.max_batch_size\n"
        "print([str(w.message) for w in told], told[0].filename)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "['Use an optimization profile instead.'] <string>"


def test_names_that_were_dropped():
    assert trt.ResizeMode.NEAREST == trt.InterpolationMode.NEAREST and trt.SliceMode.WRAP == trt.SampleMode.WRAP
    assert trt.ProfilingVerbosity.VERBOSE == trt.ProfilingVerbosity.DETAILED
    with pytest.raises(NotImplementedError, match="ONNX"):
        trt.CaffeParser()
    net = trt.Builder(quiet()).create_network()
    x = net.add_input("x", trt.float32, (1, 2, 8, 8))
    pool = net.add_pooling(x, trt.PoolingType.MAX, (2, 2))
    pool.stride = (2, 2)
    assert pool.stride_nd == (2, 2) == pool.window_size and pool.get_output(0).shape == (1, 2, 4, 4)
    pad = net.add_padding(x, (1, 1), (0, 0))
    assert pad.pre_padding == (1, 1) and pad.get_output(0).shape == (1, 2, 9, 9)


# --- trtexec


def trtexec(*arguments):
    return subprocess.run([sys.executable, "-m", "tenon.trt", "trtexec", *map(str, arguments)], capture_output=True, text=True)


def write_model(path, scale):
    w = np.full((4, 3), scale, np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(w, "w")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_trtexec_builds_strips_refits_and_times(tmp_path):
    first, second = write_model(tmp_path / "a.onnx", 1), write_model(tmp_path / "b.onnx", 2)
    plan = tmp_path / "a.plan"
    shapes = ("--minShapes=x:1x4", "-optShapes=x:2x4", "--maxShapes=x:8x4")
    done = trtexec(f"--onnx={first}", f"--saveEngine={plan}", "--refit", "-stripWeights", "--skipInference", *shapes)
    assert done.returncode == 0, done.stderr
    assert np.full((4, 3), 1, np.float32).tobytes() not in plan.read_bytes()
    done = trtexec(f"--loadEngine={plan}", f"--onnx={second}", "--refit", "--shapes=x:8x4", "--iterations=3", "--duration=0", "--dumpProfile", "--dumpLayerInfo")
    assert done.returncode == 0, done.stderr
    assert "refitted in" in done.stdout and "3 runs: median" in done.stdout and '"Bindings": ["x", "y"]' in done.stdout
    assert done.stdout.rstrip().endswith("&&&& PASSED trtexec")


def test_trtexec_refuses_by_name(tmp_path):
    done = trtexec("--onnx=m.onnx", "--useDLACore=0")
    assert done.returncode == 2 and "--useDLACore" in done.stderr
    done = trtexec(f"--onnx={tmp_path / 'none.onnx'}")
    assert done.returncode == 1 and "none.onnx" in done.stderr
    assert trtexec().returncode == 1


def test_enumerators_of_older_ages_are_those_of_today():
    assert trt.EngineCapability.SAFE_GPU is trt.EngineCapability.SAFETY and trt.EngineCapability.SAFE_DLA is trt.EngineCapability.DLA_STANDALONE
    assert trt.LayerType.FULLY_CONNECTED is trt.LayerType.CONVOLUTION
    assert trt.PaddingMode.CAFFE_ROUND_DOWN is trt.PaddingMode.EXPLICIT_ROUND_DOWN
    flag = trt.NetworkDefinitionCreationFlag.EXPLICIT_PRECISION
    assert trt.Builder(quiet()).create_network(1 << int(flag)).get_flag(flag)
