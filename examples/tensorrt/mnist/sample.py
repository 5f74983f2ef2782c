"""Builds LeNet with dummy weights for conv_1, refits the trained ones into the engine, counts the
digits that it reads right before and after: python -m tenon.trt sample.py -d DATA_DIR"""

import argparse

import model
import numpy as np
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import tensorrt as trt

TRT_LOGGER = trt.Logger(trt.Logger.WARNING)
INPUT_NAME, INPUT_SHAPE = "data", (1, 1, 28, 28)
OUTPUT_NAME, OUTPUT_SIZE = "prob", 10
DTYPE = trt.float32


def add_matmul_as_fc(network, tensor, size, kernel, bias, name):
    """tensor [1, n] times kernel [size, n], plus bias."""
    kernel_const = network.add_constant(kernel.shape, kernel)
    bias_const = network.add_constant((1, size), bias)
    product = network.add_matrix_multiply(
        tensor, trt.MatrixOperation.NONE, kernel_const.get_output(0), trt.MatrixOperation.TRANSPOSE
    )
    product.name = name
    total = network.add_elementwise(
        product.get_output(0), bias_const.get_output(0), trt.ElementWiseOperation.SUM
    )
    return total.get_output(0)


def populate_network_with_dummy_weights(network, weights):
    x = network.add_input(name=INPUT_NAME, dtype=DTYPE, shape=INPUT_SHAPE)
    conv1_w = np.zeros(weights["conv1.weight"].shape, dtype=np.float32)
    conv1_b = np.zeros(weights["conv1.bias"].shape, dtype=np.float32)
    conv1 = network.add_convolution_nd(
        input=x, num_output_maps=20, kernel_shape=(5, 5), kernel=conv1_w, bias=conv1_b
    )
    conv1.name = "conv_1"
    conv1.stride_nd = (1, 1)
    network.set_weights_name(conv1_w, "conv1.weight")

    pool1 = network.add_pooling_nd(
        input=conv1.get_output(0), type=trt.PoolingType.MAX, window_size=(2, 2)
    )
    pool1.stride_nd = trt.Dims2(2, 2)
    conv2 = network.add_convolution_nd(
        pool1.get_output(0), 50, (5, 5), weights["conv2.weight"], weights["conv2.bias"]
    )
    conv2.stride_nd = (1, 1)
    pool2 = network.add_pooling_nd(conv2.get_output(0), trt.PoolingType.MAX, (2, 2))
    pool2.stride_nd = trt.Dims2(2, 2)

    flat = network.add_shuffle(pool2.get_output(0))
    flat.reshape_dims = (1, 50 * 4 * 4)
    fc1 = add_matmul_as_fc(
        network, flat.get_output(0), 500, weights["fc1.weight"], weights["fc1.bias"], "fc_1"
    )
    relu1 = network.add_activation(input=fc1, type=trt.ActivationType.RELU)
    fc2 = add_matmul_as_fc(
        network,
        relu1.get_output(0),
        OUTPUT_SIZE,
        weights["fc2.weight"],
        weights["fc2.bias"],
        "fc_2",
    )
    fc2.name = OUTPUT_NAME
    network.mark_output(tensor=fc2)


def build_engine(weights):
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(0)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 30)
    config.set_flag(trt.BuilderFlag.REFIT)
    populate_network_with_dummy_weights(network, weights)
    plan = builder.build_serialized_network(network, config)
    return trt.Runtime(TRT_LOGGER).deserialize_cuda_engine(plan)


def refit(engine, weights):
    refitter = trt.Refitter(engine, TRT_LOGGER)
    refitter.set_named_weights("conv1.weight", weights["conv1.weight"])
    refitter.set_weights("conv_1", trt.WeightsRole.BIAS, weights["conv1.bias"])
    assert refitter.get_missing_weights() == []
    if not refitter.refit_cuda_engine():
        raise SystemExit("Failed to refit!")


def predict(engine, cases):
    """Predicted and true digits."""
    context, stream = engine.create_execution_context(), cuda.Stream()
    host_in = cuda.pagelocked_empty(trt.volume(engine.get_tensor_shape(INPUT_NAME)), np.float32)
    host_out = cuda.pagelocked_empty(OUTPUT_SIZE, trt.nptype(engine.get_tensor_dtype(OUTPUT_NAME)))
    device_in, device_out = cuda.mem_alloc(host_in.nbytes), cuda.mem_alloc(host_out.nbytes)
    context.set_tensor_address(INPUT_NAME, int(device_in))
    context.set_tensor_address(OUTPUT_NAME, int(device_out))
    for image, label in cases:
        np.copyto(host_in, image)
        cuda.memcpy_htod_async(device_in, host_in, stream)
        context.execute_async_v3(stream_handle=stream.handle)
        cuda.memcpy_dtoh_async(host_out, device_out, stream)
        stream.synchronize()
        yield int(np.argmax(host_out)), label


def report(engine, cases):
    right = total = 0
    for digit, label in predict(engine, cases):
        right, total = right + (digit == label), total + 1
    print(f"Got {right} correct predictions out of {total} ({100 * right / total:.1f}%)")


def main():
    parser = argparse.ArgumentParser(description="Refits a LeNet")
    parser.add_argument("-d", "--datadir", required=True, help="where the digits and weights are")
    parser.add_argument("--last", type=int, default=0, help="so many digits alone, of the end")
    arguments = parser.parse_args()
    data = model.MnistModel(arguments.datadir, arguments.last)
    engine = build_engine(data.get_weights())
    print("Accuracy Before Engine Refit")
    report(engine, data.get_test_cases())
    refit(engine, data.get_weights())
    print("Accuracy After Engine Refit (expecting 98.0% correct predictions)")
    report(engine, data.get_test_cases())


if __name__ == "__main__":
    main()
