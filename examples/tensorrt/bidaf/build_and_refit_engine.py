"""Builds a refittable BiDAF engine, or reads it; refits wrong weights and then the trained ones, and
asks after each: python -m tenon.trt build_and_refit_engine.py --weights-location GPU"""

import argparse
import json
import os
import time

import data_processing
import numpy as np
import onnx
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import tensorrt as trt
from onnx import numpy_helper

MODEL, PLAN = "bidaf-modified.onnx", "bidaf.trt"
CONTEXT, QUERY = "A quick brown fox jumps over the lazy dog.", "What color is the fox?"
ANSWER = "brown"
WEIGHTS = ["Parameter576_B_0", "W_0"]
PROFILES = [(1, 6, 15), (1, 10, 15)]  # tokens: least, typical, greatest

TRT_LOGGER = trt.Logger(trt.Logger.WARNING)


def add_profiles(builder, network, config, profiles):
    for lengths in profiles:
        profile = builder.create_optimization_profile()
        for i in range(network.num_inputs):
            tensor = network.get_input(i)
            shapes = [(length, *tuple(tensor.shape)[1:]) for length in lengths]
            profile.set_shape(tensor.name, *shapes)
        config.add_optimization_profile(profile)


def build_plan(version_compatible, profiles=PROFILES):
    builder = trt.Builder(TRT_LOGGER)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, TRT_LOGGER)
    print(f"Loading ONNX file from path {MODEL}...")
    with open(MODEL, "rb") as file:
        print("Beginning ONNX file parsing")
        if not parser.parse(file.read()):
            raise SystemExit("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    print("Completed parsing of ONNX file")
    print("Network inputs:")
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        print(tensor.name, trt.nptype(tensor.dtype), tensor.shape)
    config = builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.REFIT)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 28)
    if version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
        config.set_flag(trt.BuilderFlag.EXCLUDE_LEAN_RUNTIME)
    add_profiles(builder, network, config, profiles)
    print(f"Building an engine from file {MODEL}; this may take a while...")
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise SystemExit("the engine could not be built")
    print("Completed creating Engine")
    with open(PLAN, "wb") as file:
        file.write(plan)
    return plan


def get_plan(version_compatible):
    if not os.path.exists(PLAN):
        return build_plan(version_compatible)
    print(f"Reading engine from file {PLAN}...")
    with open(PLAN, "rb") as file:
        return file.read()


class Weights:
    """Arrays where a refitter reads them."""

    def __init__(self, location):
        self.location = trt.TensorLocation.DEVICE if location == "GPU" else trt.TensorLocation.HOST
        self.kept = []

    def of(self, array):
        if self.location == trt.TensorLocation.HOST:
            return trt.Weights(array)
        device = cuda.mem_alloc(array.nbytes)
        cuda.memcpy_htod(device, array)
        self.kept.append(device)
        return trt.Weights(trt.float32, int(device), array.size)


def refit(api, engine, arrays, location):
    weights = Weights(location)
    refitter = api.Refitter(engine, TRT_LOGGER)
    print(f"Refitting engine from {location} weights...")
    given = {name: weights.of(array) for name, array in arrays.items()}
    start = time.perf_counter()
    for name, each in given.items():
        refitter.set_named_weights(name, each, weights.location)
    assert refitter.get_missing_weights() == []
    if not refitter.refit_cuda_engine():
        raise SystemExit("the engine could not be refitted")
    print(f"Engine refitted in {1000 * (time.perf_counter() - start):.2f} ms.")


def infer(engine, profile, context, query):
    """The words that the engine finds."""
    print("Doing inference...")
    return ask(engine, profile, context, query)


def ask(engine, profile, context, query):
    run, stream = engine.create_execution_context(), cuda.Stream()
    run.set_optimization_profile_async(profile, stream.handle)
    given, found = data_processing.feeds(context, query)
    outputs = {name: cuda.pagelocked_empty(1, np.int32) for name in ("start_pos", "end_pos")}
    devices = {name: cuda.mem_alloc(each.nbytes) for name, each in {**given, **outputs}.items()}
    for name, array in given.items():
        run.set_input_shape(name, array.shape)
        cuda.memcpy_htod_async(devices[name], array, stream)
    for name, device in devices.items():
        run.set_tensor_address(name, int(device))
    if not run.execute_async_v3(stream_handle=stream.handle):
        raise SystemExit("the engine could not be run")
    for name, array in outputs.items():
        cuda.memcpy_dtoh_async(array, devices[name], stream)
    stream.synchronize()
    return " ".join(found[outputs["start_pos"][0] : outputs["end_pos"][0] + 1])


def trained_weights():
    initializers = {each.name: each for each in onnx.load(MODEL).graph.initializer}
    return {name: numpy_helper.to_array(initializers[name]).copy() for name in WEIGHTS}


def check(api, engine, location):
    """Wrong weights answer wrongly, the trained ones rightly: on both profiles."""
    trained = trained_weights()
    wrong = {name: np.ones_like(array) for name, array in trained.items()}
    for arrays, right in ((wrong, False), (trained, True)):
        refit(api, engine, arrays, location)
        for profile in range(len(PROFILES)):
            answer = infer(engine, profile, CONTEXT, QUERY)
            assert (answer == ANSWER) == right, answer


def answer_all(path):
    """How many of a file's questions are answered, with wrong weights and with the trained ones."""
    plan = build_plan(False, [*PROFILES, (1, 30, 64)])
    engine = trt.Runtime(TRT_LOGGER).deserialize_cuda_engine(plan)
    with open(path) as file:
        questions = [json.loads(line) for line in file]
    trained = trained_weights()
    for arrays in ({name: np.ones_like(array) for name, array in trained.items()}, trained):
        refit(trt, engine, arrays, "CPU")
        right = sum(
            ask(engine, 2, each["context"], each["question"])
            == " ".join(data_processing.tokens(each["context"])[each["start"] : each["end"] + 1])
            for each in questions
        )
        print(f"{right} of {len(questions)} questions answered")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights-location", default="GPU", choices=["GPU", "CPU"])
    parser.add_argument("--version-compatible", action="store_true")
    parser.add_argument("--questions", action="store_true", help="answer those of the data")
    arguments = data_processing.parse(parser)
    if arguments.questions:
        return answer_all(os.path.join(arguments.data, "questions.jsonl"))
    api, logger = trt, TRT_LOGGER
    plan = get_plan(arguments.version_compatible)
    if arguments.version_compatible:
        import tensorrt_dispatch as api

        logger = api.Logger(api.Logger.WARNING)
    engine = api.Runtime(logger).deserialize_cuda_engine(plan)
    check(api, engine, arguments.weights_location)
    print("Passed")


if __name__ == "__main__":
    main()
