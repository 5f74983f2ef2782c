"""Builds a plan without weights from an ONNX model, fills it from the model where it arrives, and
saves it full: python -m tenon.trt strip.py MODEL.onnx"""

import argparse
import pathlib
import tempfile

import numpy as np
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import tensorrt as trt

TRT_LOGGER = trt.Logger(trt.Logger.WARNING)


def build(path, *flags):
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, TRT_LOGGER)
    if not parser.parse_from_file(path):
        raise SystemExit("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    config = builder.create_builder_config()
    config.builder_optimization_level = 0  # the same kernels each time
    for flag in flags:
        config.set_flag(flag)
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        shape = [1 if extent < 0 else extent for extent in tensor.shape]
        profile.set_shape(tensor.name, shape, shape, shape)
    config.add_optimization_profile(profile)
    return builder.build_serialized_network(network, config)


def infer(engine):
    context, stream = engine.create_execution_context(), cuda.Stream()
    rng, memory = np.random.default_rng(1), {}
    for name in (engine.get_tensor_name(i) for i in range(engine.num_io_tensors)):
        dtype = trt.nptype(engine.get_tensor_dtype(name))
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            host = rng.random(tuple(engine.get_tensor_profile_shape(name, 0)[1])).astype(dtype)
            context.set_input_shape(name, host.shape)
        else:
            host = np.empty(tuple(context.get_tensor_shape(name)), dtype)
        device = cuda.mem_alloc(host.nbytes)
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            cuda.memcpy_htod_async(device, host, stream)
        context.set_tensor_address(name, int(device))
        memory[name] = (host, device)
    context.execute_async_v3(stream.handle)
    outputs = [each for name, each in memory.items() if engine.get_tensor_mode(name) == trt.TensorIOMode.OUTPUT]
    for host, device in outputs:
        cuda.memcpy_dtoh_async(host, device, stream)
    stream.synchronize()
    return np.concatenate([host.ravel() for host, _ in outputs])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model")
    model = arguments.parse_args().model
    full = build(model, trt.BuilderFlag.REFIT)
    stripped = build(model, trt.BuilderFlag.REFIT, trt.BuilderFlag.STRIP_PLAN)
    print(f"full plan {len(full)} bytes, stripped plan {len(stripped)} bytes")

    runtime = trt.Runtime(TRT_LOGGER)
    engine = runtime.deserialize_cuda_engine(stripped)
    refitter = trt.Refitter(engine, TRT_LOGGER)
    filler = trt.OnnxParserRefitter(refitter, TRT_LOGGER)
    print(f"{len(refitter.get_missing_weights())} weights are missing")
    if not filler.refit_from_file(model) or not refitter.refit_cuda_engine():
        raise SystemExit("the plan could not be filled")
    print(f"{len(refitter.get_missing_weights())} weights are missing after the refit")

    config = engine.create_serialization_config()
    config.clear_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    config.set_flag(trt.SerializationFlag.INCLUDE_REFIT)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "filled.plan")
        file.write_bytes(engine.serialize_with_config(config))
        again = runtime.deserialize_cuda_engine(file.read_bytes())
    answers = [infer(each) for each in (runtime.deserialize_cuda_engine(full), engine, again)]
    same = all(np.array_equal(answers[0], each) for each in answers[1:])
    print("the filled engine answers as the full one" if same else "the answers differ")
    raise SystemExit(0 if same and again.refittable else 1)


if __name__ == "__main__":
    main()
