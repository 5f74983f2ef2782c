"""sample.py as it was written for TensorRT 8: no batch axis, bindings, a workspace, an execution by
batch size: python -m tenon.trt sample_8x.py -d DATA_DIR"""

import argparse

import model
import numpy as np
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import tensorrt as trt

TRT_LOGGER = trt.Logger(trt.Logger.WARNING)


def add_matmul_as_fc(network, tensor, size, kernel, bias):
    """tensor [1, n] times kernel [size, n], plus bias."""
    kernel_const = network.add_constant(trt.Dims2(*kernel.shape), kernel)
    bias_const = network.add_constant(trt.Dims2(1, size), bias)
    product = network.add_matrix_multiply(
        tensor, trt.MatrixOperation.NONE, kernel_const.get_output(0), trt.MatrixOperation.TRANSPOSE
    )
    return network.add_elementwise(
        product.get_output(0), bias_const.get_output(0), trt.ElementWiseOperation.SUM
    ).get_output(0)


def populate_network(network, weights):
    x = network.add_input(name="data", dtype=trt.float32, shape=(1, 28, 28))
    conv1_w = np.zeros((20, 5, 5), dtype=np.float32)
    conv1_b = np.zeros(20, dtype=np.float32)
    conv1 = network.add_convolution(x, 20, (5, 5), conv1_w, conv1_b)
    conv1.name = "conv_1"
    conv1.stride = (1, 1)
    network.set_weights_name(conv1_w, "conv1.weight")
    pool1 = network.add_pooling(conv1.get_output(0), trt.PoolingType.MAX, (2, 2))
    pool1.stride = (2, 2)
    conv2 = network.add_convolution(
        pool1.get_output(0), 50, (5, 5), weights["conv2.weight"], weights["conv2.bias"]
    )
    pool2 = network.add_pooling(conv2.get_output(0), trt.PoolingType.MAX, trt.DimsHW(2, 2))
    pool2.stride = trt.DimsHW(2, 2)
    flat = network.add_shuffle(pool2.get_output(0))
    flat.reshape_dims = (1, 800)
    fc1 = add_matmul_as_fc(
        network, flat.get_output(0), 500, weights["fc1.weight"], weights["fc1.bias"]
    )
    relu1 = network.add_activation(fc1, trt.ActivationType.RELU)
    fc2 = add_matmul_as_fc(
        network, relu1.get_output(0), 10, weights["fc2.weight"], weights["fc2.bias"]
    )
    fc2.name = "prob"
    network.mark_output(tensor=fc2)


def build_engine(weights):
    with trt.Builder(TRT_LOGGER) as builder, builder.create_network() as network:
        config = builder.create_builder_config()
        config.max_workspace_size = 1 << 30
        config.set_flag(trt.BuilderFlag.REFIT)
        populate_network(network, weights)
        return builder.build_engine(network, config)


def refit(engine, weights):
    with trt.Refitter(engine, TRT_LOGGER) as refitter:
        assert refitter.set_weights("conv_1", trt.WeightsRole.KERNEL, weights["conv1.weight"])
        assert refitter.set_weights("conv_1", trt.WeightsRole.BIAS, weights["conv1.bias"])
        layers, _ = refitter.get_missing()
        assert len(layers) == 0
        assert refitter.refit_cuda_engine()


def report(engine, cases):
    buffers, bindings, stream = {}, [], cuda.Stream()
    for binding in engine:
        size = trt.volume(engine.get_binding_shape(binding)) * engine.max_batch_size
        host = cuda.pagelocked_empty(size, trt.nptype(engine.get_binding_dtype(binding)))
        device = cuda.mem_alloc(host.nbytes)
        buffers["in" if engine.binding_is_input(binding) else "out"] = (host, device)
        bindings.append(int(device))
    (host_in, device_in), (host_out, device_out) = buffers["in"], buffers["out"]
    right = total = 0
    with engine.create_execution_context() as context:
        for image, label in cases:
            np.copyto(host_in, image)
            cuda.memcpy_htod_async(device_in, host_in, stream)
            context.execute_async(batch_size=1, bindings=bindings, stream_handle=stream.handle)
            cuda.memcpy_dtoh_async(host_out, device_out, stream)
            stream.synchronize()
            right, total = right + (int(np.argmax(host_out)) == label), total + 1
    print(f"Got {right} correct predictions out of {total} ({100 * right / total:.1f}%)")


def main():
    parser = argparse.ArgumentParser(description="Refits a LeNet")
    parser.add_argument("-d", "--datadir", required=True, help="where the digits and weights are")
    parser.add_argument("--last", type=int, default=0, help="so many digits alone, of the end")
    arguments = parser.parse_args()
    data = model.MnistModel(arguments.datadir, arguments.last)
    with build_engine(data.get_weights()) as engine:
        print("Accuracy Before Engine Refit")
        report(engine, data.get_test_cases())
        refit(engine, data.get_weights())
        print("Accuracy After Engine Refit (expecting 98.0% correct predictions)")
        report(engine, data.get_test_cases())


if __name__ == "__main__":
    main()
