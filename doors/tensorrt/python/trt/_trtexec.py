"""`python -m tenon.trt trtexec`: builds, refits, saves and times an engine, as the tool of that name does."""

from __future__ import annotations

import pathlib
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

FLAGS = {"stripWeights", "refit", "versionCompatible", "excludeLeanRuntime", "skipInference", "dumpLayerInfo", "dumpProfile", "verbose", "fp16", "int8", "bf16", "best", "noTF32", "useSpinWait", "useCudaGraph", "noDataTransfers"}  # fmt: skip
VALUES = {"onnx", "saveEngine", "loadEngine", "minShapes", "optShapes", "maxShapes", "shapes", "memPoolSize", "timingCacheFile", "iterations", "duration", "warmUp", "builderOptimizationLevel"}  # fmt: skip
UNUSED = {"fp16", "int8", "bf16", "best", "noTF32", "useSpinWait", "useCudaGraph", "noDataTransfers", "memPoolSize", "warmUp"}
USAGE = "usage: python -m tenon.trt trtexec --onnx=FILE | --loadEngine=FILE [--saveEngine=FILE] [--refit] [--stripWeights] …"


def fail(text: str) -> NoReturn:
    print(f"&&&& FAILED trtexec: {text}", file=sys.stderr)
    raise SystemExit(1)


def options_of(arguments: list[str]) -> dict[str, str]:
    """By name without its dashes, of which there may be one or two."""
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        plain = name.lstrip("-")
        if not name.startswith("-") or plain not in FLAGS | VALUES:
            print(f"trtexec: there is no option {name} here\n{USAGE}", file=sys.stderr)
            raise SystemExit(2)
        if plain in VALUES and not equals:
            if not rest:
                print(f"trtexec: {name} takes a value", file=sys.stderr)
                raise SystemExit(2)
            value = rest.pop(0)
        options[plain] = value
    return options


def shapes_of(text: str) -> dict[str, tuple[int, ...]]:
    """ "x:1x3x224x224,mask:1x8" """
    shapes = {}
    for part in filter(None, text.split(",")):
        name, colon, extents = part.rpartition(":")
        try:
            shapes[name.strip("'\"")] = tuple(int(e) for e in extents.split("x") if e)
        except ValueError:
            colon = ""
        if not colon:
            fail(f"{part!r} is no shape; one is as x:1x3x224x224")
    return shapes


class Tool:
    def __init__(self, trt: Any, options: dict[str, str]) -> None:
        self.trt, self.options = trt, options
        self.logger = trt.Logger(trt.Logger.VERBOSE if "verbose" in options else trt.Logger.WARNING)
        for name in sorted(UNUSED & set(options)):
            print(f"[I] --{name} has no effect here")

    def run(self) -> None:
        engine = self.loaded() if "loadEngine" in self.options else self.built()
        if "dumpLayerInfo" in self.options:
            print(engine.create_engine_inspector().get_engine_information(self.trt.LayerInformationFormat.JSON))
        if "skipInference" not in self.options:
            self.infer(engine)

    def loaded(self) -> Any:
        runtime = self.trt.Runtime(self.logger)
        runtime.engine_host_code_allowed = True
        engine = runtime.deserialize_cuda_engine(pathlib.Path(self.options["loadEngine"]).read_bytes())
        if engine is None:
            fail(f"{self.options['loadEngine']} does not load")
        if "refit" in self.options and "onnx" in self.options:
            self.refit(engine)
        return engine

    def refit(self, engine: Any) -> None:
        refitter = self.trt.Refitter(engine, self.logger)
        parser = self.trt.OnnxParserRefitter(refitter, self.logger)
        start = time.perf_counter()
        if not parser.refit_from_file(self.options["onnx"]) or not refitter.refit_cuda_engine():
            fail("the engine could not be refitted")
        print(f"[I] refitted in {time.perf_counter() - start:.4f} s")

    def built(self) -> Any:
        trt, options = self.trt, self.options
        if "onnx" not in options:
            fail("give --onnx or --loadEngine")
        builder = trt.Builder(self.logger)
        network = builder.create_network(0)
        parser = trt.OnnxParser(network, self.logger)
        if not parser.parse_from_file(options["onnx"]):
            fail("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
        config = self.configured(builder)
        self.add_profile(builder, network, config)
        start = time.perf_counter()
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            fail("the engine could not be built")
        print(f"[I] engine built in {time.perf_counter() - start:.4f} s, {plan.nbytes} bytes")
        if "saveEngine" in options:
            pathlib.Path(options["saveEngine"]).write_bytes(bytes(plan))
        if "timingCacheFile" in options:
            pathlib.Path(options["timingCacheFile"]).write_bytes(bytes(config.get_timing_cache().serialize()))
        runtime = trt.Runtime(self.logger)
        runtime.engine_host_code_allowed = True
        return runtime.deserialize_cuda_engine(plan)

    def configured(self, builder: Any) -> Any:
        trt, options = self.trt, self.options
        config = builder.create_builder_config()
        wanted = {"stripWeights": "STRIP_PLAN", "refit": "REFIT", "versionCompatible": "VERSION_COMPATIBLE", "excludeLeanRuntime": "EXCLUDE_LEAN_RUNTIME"}  # fmt: skip
        for name, flag in wanted.items():
            if name in options:
                config.set_flag(trt.BuilderFlag[flag])
        if "dumpLayerInfo" in options:
            config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        if "builderOptimizationLevel" in options:
            config.builder_optimization_level = int(options["builderOptimizationLevel"])
        if "timingCacheFile" in options:
            file = pathlib.Path(options["timingCacheFile"])
            cache = config.create_timing_cache(file.read_bytes() if file.exists() else b"")
            if cache is None:
                fail(f"{file} is no timing cache")
            config.set_timing_cache(cache, False)
        return config

    def add_profile(self, builder: Any, network: Any, config: Any) -> None:
        given = {which: shapes_of(self.options.get(f"{which}Shapes", self.options.get("shapes", ""))) for which in ("min", "opt", "max")}
        profile, used = builder.create_optimization_profile(), False
        for i in range(network.num_inputs):
            tensor = network.get_input(i)
            if min(tensor.shape, default=1) >= 0:
                continue
            opened = tuple(1 if e < 0 else e for e in tensor.shape)
            typical = given["opt"].get(tensor.name, given["max"].get(tensor.name, given["min"].get(tensor.name, opened)))
            profile.set_shape(tensor.name, given["min"].get(tensor.name, typical), typical, given["max"].get(tensor.name, typical))
            used = True
        if used:
            config.add_optimization_profile(profile)

    def tensors(self, engine: Any) -> Iterator[tuple[str, bool]]:
        for name in (engine.get_tensor_name(i) for i in range(engine.num_io_tensors)):
            yield name, engine.get_tensor_mode(name) == self.trt.TensorIOMode.INPUT

    def infer(self, engine: Any) -> None:
        context, shapes = engine.create_execution_context(), shapes_of(self.options.get("shapes", ""))
        memory, rng = {}, np.random.default_rng(0)
        for name, is_input in self.tensors(engine):
            dtype = self.trt.nptype(engine.get_tensor_dtype(name))
            if is_input:
                shape = shapes.get(name, tuple(engine.get_tensor_profile_shape(name, 0)[1]))
                if not context.set_input_shape(name, shape):
                    fail(f"input {name} cannot be {shape}")
                memory[name] = rng.random(shape).astype(dtype)
            else:
                size = max(context.get_max_output_size(name), 1)
                memory[name] = np.empty(size, np.uint8)
            context.set_tensor_address(name, memory[name].ctypes.data)
        profiler = Times(self.trt) if "dumpProfile" in self.options else None
        times = self.timed(context)
        if profiler is not None:
            context.profiler = profiler
            context.execute_async_v3(0)
            for layer, ms in profiler.told:
                print(f"[I] {ms:10.4f} ms  {layer}")
        print(f"[I] {len(times)} runs: median {statistics.median(times):.4f} ms, min {min(times):.4f} ms, max {max(times):.4f} ms")
        print("&&&& PASSED trtexec")

    def timed(self, context: Any) -> list[float]:
        least, seconds = int(self.options.get("iterations", 10)), float(self.options.get("duration", 3))
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < max(least, 1) or time.perf_counter() < end:
            start = time.perf_counter()
            if not context.execute_async_v3(0):
                fail("a run failed")
            times.append(1e3 * (time.perf_counter() - start))
        return times


def Times(trt: Any) -> Any:  # noqa: N802
    """A profiler that keeps what it hears."""

    class Kept(trt.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.told: list[tuple[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.told.append((layer_name, ms))

    return Kept()


def main(arguments: list[str]) -> None:
    import tenon.trt as trt

    Tool(trt, options_of(arguments)).run()
