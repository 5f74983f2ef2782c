"""What the developer guide says of refitting and of plans without weights, step by step; each step
asserts what the guide promises: python -m tenon.trt guide.py MODEL.onnx [LEAN_RUNTIME.so]"""

import sys

import numpy as np
import onnx
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import tensorrt as trt
from onnx import numpy_helper

TRT_LOGGER = trt.Logger(trt.Logger.WARNING)
RNG = np.random.default_rng(3)


def random(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


class Net:
    """A convolution with named weights, and a product of weights that have none."""

    def __init__(self):
        self.kernel, self.bias, self.matrix = random(4, 2, 3, 3), random(4), random(64, 8)

    def define(self, network):
        x = network.add_input("x", trt.float32, (1, 2, 6, 6))
        conv = network.add_convolution_nd(x, 4, (3, 3), self.kernel, self.bias)
        network.set_weights_name(self.kernel, "Conv Layer Kernel Weight")
        network.set_weights_name(self.bias, "Conv Layer Bias Weight")
        flat = network.add_shuffle(conv.get_output(0))
        flat.reshape_dims = (1, 64)
        matrix = network.add_constant(self.matrix.shape, self.matrix)
        matrix.name = "fc"
        none = trt.MatrixOperation.NONE
        y = network.add_matrix_multiply(flat.get_output(0), none, matrix.get_output(0), none)
        y.get_output(0).name = "y"
        network.mark_output(y.get_output(0))

    def build(self, *flags, marked=()):
        builder = trt.Builder(TRT_LOGGER)
        network = builder.create_network(0)
        self.define(network)
        for name in marked:
            network.mark_weights_refittable(name)
            assert network.are_weights_marked_refittable(name)
        config = builder.create_builder_config()
        config.builder_optimization_level = 0  # the same kernels each time
        for flag in flags:
            config.flags |= 1 << int(flag)
        return builder.build_serialized_network(network, config)


def deserialize(plan):
    return trt.Runtime(TRT_LOGGER).deserialize_cuda_engine(plan)


def run(context, x=np.linspace(-1, 1, 72, dtype=np.float32).reshape(1, 2, 6, 6)):
    y = np.empty((1, 8), np.float32)
    context.set_tensor_address("x", x.ctypes.data)
    context.set_tensor_address("y", y.ctypes.data)
    assert context.execute_async_v3(0)
    return y


def refitting():
    old, new = Net(), Net()
    engine = deserialize(old.build(trt.BuilderFlag.REFIT))
    context = engine.create_execution_context()
    refitter = trt.Refitter(engine, TRT_LOGGER)
    assert refitter.set_named_weights("Conv Layer Kernel Weight", new.kernel)
    assert not refitter.set_named_weights("Conv Layer Kernel Wait", new.kernel)
    assert not refitter.set_named_weights("Conv Layer Kernel Weight", new.kernel[:1])

    device = cuda.mem_alloc(new.bias.nbytes)
    cuda.memcpy_htod(device, new.bias)
    weights = trt.Weights(trt.float32, int(device), new.bias.size)
    assert refitter.set_named_weights("Conv Layer Bias Weight", weights, trt.TensorLocation.DEVICE)

    for name in refitter.get_missing_weights():
        refitter.set_named_weights(name, new.matrix)
    assert refitter.get_missing_weights() == []
    assert refitter.refit_cuda_engine()
    half = Net()
    half.kernel, half.bias, half.matrix = new.kernel, new.bias, old.matrix
    expected = run(deserialize(half.build()).create_execution_context())
    assert np.array_equal(run(context), expected)  # the context that was made before

    new.kernel[:] = old.kernel  # the memory directly, and another iteration
    assert refitter.refit_cuda_engine_async(cuda.Stream().handle)
    assert not np.array_equal(run(context), expected)
    assert refitter.unset_named_weights("Conv Layer Kernel Weight")
    new.kernel[:] = 0
    before = run(context)
    assert refitter.refit_cuda_engine() and np.array_equal(run(context), before)
    print(sorted(refitter.get_all_weights()))


def stripping():
    net = Net()
    plain = run(deserialize(net.build()).create_execution_context())
    plan = net.build(trt.BuilderFlag.STRIP_PLAN, trt.BuilderFlag.REFIT_IDENTICAL)
    engine = deserialize(plan)
    refitter = trt.Refitter(engine, TRT_LOGGER)
    arrays = {
        "Conv Layer Kernel Weight": net.kernel,
        "Conv Layer Bias Weight": net.bias,
        "fc CONSTANT": net.matrix,
    }
    for name in refitter.get_all_weights():
        refitter.set_named_weights(name, arrays[name])
    assert refitter.refit_cuda_engine()
    assert np.array_equal(run(engine.create_execution_context()), plain)

    serialization_config = engine.create_serialization_config()
    serialization_config.flags &= ~(1 << int(trt.SerializationFlag.EXCLUDE_WEIGHTS))
    full = deserialize(engine.serialize_with_config(serialization_config))
    assert not full.refittable and np.array_equal(run(full.create_execution_context()), plain)
    serialization_config.set_flag(trt.SerializationFlag.INCLUDE_REFIT)
    assert deserialize(engine.serialize_with_config(serialization_config)).refittable
    for array in arrays.values():
        assert array.tobytes() not in bytes(plan)
    print("stripped, filled, saved full")


def from_onnx(path, *flags):
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, TRT_LOGGER)
    assert parser.parse_from_file(path)
    builder_config = builder.create_builder_config()
    for flag in flags:
        builder_config.set_flag(flag)
    profile = builder.create_optimization_profile()
    tensor = network.get_input(0)
    shape = [max(extent, 1) for extent in tensor.shape]
    profile.set_shape(tensor.name, shape, shape, shape)
    builder_config.add_optimization_profile(profile)
    return builder.build_serialized_network(network, builder_config)


def filling_from_onnx(path):
    engine = deserialize(from_onnx(path, trt.BuilderFlag.STRIP_PLAN))
    refitter = trt.Refitter(engine, TRT_LOGGER)
    parser_refitter = trt.OnnxParserRefitter(refitter, TRT_LOGGER)
    assert parser_refitter.refit_from_file(path)
    assert refitter.refit_cuda_engine()
    assert engine.get_engine_stat(trt.EngineStat.STRIPPED_WEIGHTS_SIZE) == 0
    print("filled from ONNX")


def lean_runtime(path, library):
    plan = from_onnx(
        path,
        trt.BuilderFlag.VERSION_COMPATIBLE,
        trt.BuilderFlag.EXCLUDE_LEAN_RUNTIME,
        trt.BuilderFlag.STRIP_PLAN,
    )
    runtime = trt.Runtime(TRT_LOGGER)
    engine = runtime.load_runtime(library).deserialize_cuda_engine(plan)
    assert engine.refittable
    import tensorrt_lean

    engine = tensorrt_lean.Runtime(TRT_LOGGER).deserialize_cuda_engine(plan)
    refitter = tensorrt_lean.Refitter(engine, TRT_LOGGER)
    initializers = {each.name: each for each in onnx.load(path).graph.initializer}
    for name in refitter.get_missing_weights():
        refitter.set_named_weights(name, numpy_helper.to_array(initializers[name]).copy())
    assert refitter.refit_cuda_engine()
    print("filled by the lean runtime")


def fine_grained():
    old, new = Net(), Net()
    individual = trt.BuilderFlag.REFIT_INDIVIDUAL
    name = "Conv Layer Kernel Weight"
    engine = deserialize(old.build(individual, marked=[name]))
    refitter = trt.Refitter(engine, TRT_LOGGER)
    assert refitter.get_all_weights() == [name]
    assert not refitter.set_named_weights("Conv Layer Bias Weight", new.bias)
    assert refitter.set_named_weights(name, new.kernel) and refitter.refit_cuda_engine()

    stripped = deserialize(old.build(trt.BuilderFlag.STRIP_PLAN, individual, marked=[name]))
    filler = trt.Refitter(stripped, TRT_LOGGER)
    assert filler.get_missing_weights() == [name]
    assert filler.set_named_weights(name, new.kernel) and filler.refit_cuda_engine()
    answers = [run(each.create_execution_context()) for each in (engine, stripped)]
    assert np.array_equal(*answers)
    print("marked weights alone")


if __name__ == "__main__":
    refitting()
    stripping()
    filling_from_onnx(sys.argv[1])
    if len(sys.argv) > 2:
        lean_runtime(sys.argv[1], sys.argv[2])
    fine_grained()
