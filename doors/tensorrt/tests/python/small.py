"""A small network through the layer API, and what NumPy makes of the same weights."""

import numpy as np
import tenon.trt as trt


def quiet():
    return trt.Logger(trt.Logger.INTERNAL_ERROR)


class Records(trt.ILogger):
    """Keeps what it is told."""

    def __init__(self):
        trt.ILogger.__init__(self)
        self.lines = []

    def log(self, severity, msg):
        self.lines.append((severity, msg))

    def errors(self):
        return [msg for severity, msg in self.lines if severity <= trt.Logger.ERROR]


def weights(seed):
    rng = np.random.default_rng(seed)
    return {
        "kernel": rng.standard_normal((3, 2, 3, 3)).astype(np.float32),
        "bias": rng.standard_normal(3).astype(np.float32),
        "matrix": rng.standard_normal((3 * 4 * 4, 5)).astype(np.float32),
    }


def network(builder, w, batch=1):
    net = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    x = net.add_input("x", trt.float32, (batch, 2, 6, 6))
    conv = net.add_convolution_nd(x, 3, (3, 3), w["kernel"], w["bias"])
    conv.name = "conv_1"
    net.set_weights_name(w["kernel"], "conv1.weight")
    relu = net.add_activation(conv.get_output(0), trt.ActivationType.RELU)
    flat = net.add_shuffle(relu.get_output(0))
    flat.reshape_dims = (batch, 3 * 4 * 4)
    matrix = net.add_constant(w["matrix"].shape, w["matrix"])
    matrix.name = "fc"
    product = net.add_matrix_multiply(
        flat.get_output(0), trt.MatrixOperation.NONE, matrix.get_output(0), trt.MatrixOperation.NONE
    )
    product.get_output(0).name = "y"
    net.mark_output(product.get_output(0))
    return net


def answer(w, x):
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    maps = np.einsum("nchwij,ocij->nohw", windows, w["kernel"]) + w["bias"].reshape(1, 3, 1, 1)
    return np.maximum(maps, 0).reshape(len(x), -1) @ w["matrix"]


def build(w, *flags, logger=None, batch=1):
    builder = trt.Builder(logger or quiet())
    config = builder.create_builder_config()
    for flag in flags:
        config.set_flag(flag)
    return bytes(builder.build_serialized_network(network(builder, w, batch), config))


def engine(w, *flags, logger=None):
    logger = logger or quiet()
    plan = build(w, *(flags or (trt.BuilderFlag.REFIT,)), logger=logger)
    return trt.Runtime(logger).deserialize_cuda_engine(plan)


def run(made, x):
    context = made.create_execution_context()
    y = np.full((len(x), 5), np.nan, np.float32)
    context.set_tensor_address("x", x.ctypes.data)
    context.set_tensor_address("y", y.ctypes.data)
    assert context.execute_async_v3(0)
    return y


def sample(seed=7, batch=1):
    return np.random.default_rng(seed).standard_normal((batch, 2, 6, 6)).astype(np.float32)
