"""Measures Tenon beside ONNX Runtime, and OpenVINO where it is installed, on the real networks of
tests/data/graphs: `./run bench --models [NAME …]`.

Symbolic batches are 1, symbolic sequences 128; weights are seeded; fp32, the same number of threads.
All of one network run in turn; a ratio is the median over the turns.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

import numpy as np
import onnxruntime

import tenon

ROOT = pathlib.Path(__file__).parent.parent
GRAPHS = ROOT / "tests" / "data" / "graphs"
sys.path.insert(0, str(ROOT / "tests" / "models"))

from filled import filled  # noqa: E402  (after the path is set)


def inputs_of(engine):
    """Random inputs; masks are all ones."""
    rng = np.random.default_rng(7)
    inputs = {}
    for port in engine.inputs:
        size = [extent if isinstance(extent, int) else (1 if axis == 0 else 128) for axis, extent in enumerate(port.shape)]
        if str(port.dtype) == "int64":
            inputs[port.name] = np.ones(size, np.int64) if "mask" in port.name else rng.integers(0, 100, size)
        else:
            inputs[port.name] = rng.standard_normal(size, dtype=np.float32)
    return inputs


def onnxruntime_run(path, threads, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda: dict(zip((o.name for o in session.get_outputs()), session.run(None, inputs), strict=True))


def openvino_run(path, threads, inputs):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(str(path)), "CPU", settings).create_infer_request()
    return lambda: request.infer(inputs)


def peers(path, threads, inputs):
    runs = {"onnxruntime": onnxruntime_run(path, threads, inputs)}
    try:
        runs["openvino"] = openvino_run(path, threads, inputs)
    except ImportError:
        pass
    return runs


def turns_of(runs, seconds):
    """Seconds of each in turn, for about so long; the workers of who ran before have 20 ms to go to sleep."""
    taken = {name: [] for name in runs}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(taken["tenon"]) < 5:
        for name, run in runs.items():
            time.sleep(0.02)
            run()
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: np.array(each) for name, each in taken.items()}


def error(got, want):
    return max(
        float(np.linalg.norm(np.asarray(got[name], np.float64) - array) / (np.linalg.norm(array) or 1))
        for name, array in want.items()
    )


def once(work):
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def measure(path, threads, seconds, tactics, layers):
    model = filled(path, 1)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.onnx"
        file.write_bytes(model)
        engine, build = once(lambda: tenon.build(file, threads=threads, tactics=tactics))
        inputs = inputs_of(engine)
        runs = {"tenon": lambda: engine.run(inputs), **peers(file, threads, inputs)}
        row = {"model": path.stem, "threads": threads, "build_seconds": build}
        row["error"] = error(engine.run(inputs), runs["onnxruntime"]())
        taken = turns_of(runs, seconds)
        for name, each in taken.items():
            row[f"{name}_ms"] = 1e3 * float(np.median(each))
        best = np.min([each for name, each in taken.items() if name != "tenon"], axis=0)
        row["ratio"] = float(np.median(taken["tenon"] / best))
        if layers:
            row["layers"] = slowest(engine, inputs)
    return row


def slowest(engine, inputs, most=12):
    """[kernel, milliseconds, steps, the slowest one's name] of the kernels that take the most."""
    by_kernel = {}
    for layer, seconds in zip(engine.layers, engine.profile(inputs, runs=5), strict=True):
        key = layer.kernel or layer.op
        total, count, worst = by_kernel.get(key, (0, 0, (0, "")))
        by_kernel[key] = (total + seconds, count + 1, max(worst, (seconds, layer.name)))
    rows = sorted(by_kernel.items(), key=lambda item: -item[1][0])[:most]
    return [[key, round(1e3 * total, 3), count, worst[1], round(1e3 * worst[0], 3)] for key, (total, count, worst) in rows]


def main(arguments):
    parser = argparse.ArgumentParser(prog="./run bench --models", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="the start of a network's name (all)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=4, help="of turns for each network")
    parser.add_argument("--tactics", default="time", choices=("time", "first"))
    parser.add_argument("--layers", action="store_true", help="the kernels that take the most, too")
    options = parser.parse_args(arguments)
    ratios = []
    for path in sorted(GRAPHS.glob("*.onnx")):
        if options.names and not path.stem.startswith(tuple(options.names)):
            continue
        for threads in options.threads:
            row = measure(path, threads, options.seconds, options.tactics, options.layers)
            ratios.append(row["ratio"])
            print(json.dumps(row), flush=True)
    print(json.dumps({"geometric_mean": float(np.exp(np.mean(np.log(ratios))))}))
