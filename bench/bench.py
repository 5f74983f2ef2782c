"""Measures Tenon beside ONNX Runtime, memcpy and pread: `./run bench [--json FILE]`.

Every comparison is interleaved within one run; ratios are medians of pairs, times are medians.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from safetensors.numpy import save_file

import tenon

ROOT = pathlib.Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "mnist"
RELEASE = ROOT / "build" / "release"


def once(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def settled(work, warm_up=0.05, runs=10):
    """Median seconds of some runs, when the workers of who ran before have gone to sleep.

    ONNX Runtime's spin for some 20 ms after a run, and take a processor from whoever comes next.
    """
    until = time.perf_counter() + warm_up
    while time.perf_counter() < until:
        work()
    return np.median([once(work) for _ in range(runs)])


def pair(ours, peer, turns=30):
    """Seconds of both (medians), and the median ratio of the pairs."""
    taken = np.array([[settled(ours), settled(peer)] for _ in range(turns)])
    seconds = np.median(taken, axis=0)
    ratio = float(np.median(taken[:, 0] / taken[:, 1]))
    return {"seconds": float(seconds[0]), "peer_seconds": float(seconds[1]), "ratio": ratio}


def onnxruntime_session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def latency(model, batch, threads):
    """One run through each Python API, inputs and outputs in NumPy."""
    engine = tenon.build(model, threads=threads)
    session = onnxruntime_session(model, threads)
    port = engine.inputs[0]
    shape = [batch if isinstance(extent, str) else extent for extent in port.shape]
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    want = session.run(None, {port.name: x})[0]
    got = engine(x)
    assert np.linalg.norm(got - want) <= 1e-5 * np.linalg.norm(want), model
    return pair(lambda: engine(x), lambda: session.run(None, {port.name: x}))


def checkpoints(model, folder):
    """Two seeded sets of weights for a model, as files."""
    graph = onnx.load(model).graph
    files = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        arrays = {
            tensor.name: rng.standard_normal(tuple(tensor.dims)).astype(np.float32) * 0.1
            for tensor in graph.initializer
            if numpy_helper.to_array(tensor).dtype == np.float32
        }
        files.append(folder / f"{seed}.safetensors")
        save_file(arrays, files[-1])
    return files


def refits(model, file_a, file_b):
    command = [RELEASE / "bench" / "refit", model, file_a, file_b]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    del result["end"]
    return result


def build_and_load(model, folder):
    plan = folder / "bench.plan"
    build = float(np.median([once(lambda: tenon.build(model, tactics="first")) for _ in range(7)]))
    timed = once(lambda: tenon.build(model))
    tenon.build(model).save(plan)
    load = float(np.median([once(lambda: tenon.load(plan)) for _ in range(7)]))
    return {"build_first_seconds": build, "build_timed_seconds": timed, "load_seconds": load}


def large_convolutions(folder):
    """Four at 224 x 224, of super-resolution's extents, with random weights."""
    rng = np.random.default_rng(0)
    nodes, weights, value = [], [], "x"
    for i, (outputs, inputs, size) in enumerate(((64, 1, 5), (64, 64, 3), (32, 64, 3), (9, 32, 3))):
        kernel = 0.1 * rng.standard_normal((outputs, inputs, size, size)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{i}"))
        nodes.append(helper.make_node("Conv", [value, f"w{i}"], [f"c{i}"], pads=[size // 2] * 4))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"y{i}"]))
        value = f"y{i}"
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, channels, 224, 224))
        for name, channels in (("x", 1), (value, 9))
    )
    graph = helper.make_graph(nodes, "convolutions", [x], [y], weights)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), folder / "conv.onnx")
    return folder / "conv.onnx"


def timed_build(model, folder):
    """Seconds of a build that times every kernel: its cache is empty."""
    before = os.environ.get("TENON_CACHE_DIR")
    os.environ["TENON_CACHE_DIR"] = str(folder / "no timings yet")
    seconds = once(lambda: tenon.build(model))
    if before is None:
        del os.environ["TENON_CACHE_DIR"]
    else:
        os.environ["TENON_CACHE_DIR"] = before
    return seconds


def scale():
    done = subprocess.run([RELEASE / "bench" / "scale"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def runtime_size():
    library = next(RELEASE.glob("libtenon_runtime.so.*.*.*"))
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "runtime.so"
        subprocess.run(["strip", "-o", stripped, library], check=True)
        return stripped.stat().st_size


def measure():
    lenet, mnist8 = DATA / "lenet.onnx", DATA / "mnist-8-simplified.onnx"
    result = {"latency": {}}
    for threads in (1, 2):
        for name, model, batch in (("lenet", lenet, 1), ("lenet", lenet, 64), ("mnist-8", mnist8, 1)):
            key = f"{name}, batch {batch}, threads {threads}"
            result["latency"][key] = latency(model, batch, threads)
    result["lenet refit"] = refits(lenet, DATA / "lenet_a.safetensors", DATA / "lenet_b.safetensors")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        result["mnist-8 refit"] = refits(mnist8, *checkpoints(mnist8, folder))
        result["lenet build and load"] = build_and_load(lenet, folder)
        result["mnist-8 build and load"] = build_and_load(mnist8, folder)
        result["convolutions at 224 x 224, timed build, seconds"] = timed_build(
            large_convolutions(folder), folder
        )
    result["scale"] = scale()
    result["libtenon_runtime.so, stripped, bytes"] = runtime_size()
    return result


def row(name, entry, peer):
    print(f"{name:<52} {1e6 * entry['seconds']:>11.1f} {1e6 * entry['peer_seconds']:>11.1f} {entry['ratio']:>7.2f}  {peer}")


def show(result):
    print(f"{'':<52} {'Tenon, us':>11} {'peer, us':>11} {'ratio':>7}")
    for name, entry in result["latency"].items():
        row(f"run {name}", entry, "ONNX Runtime")
    for model in ("lenet", "mnist-8"):
        refit = result[f"{model} refit"]
        print(f"{model}: {refit['bytes']:,} bytes of weights")
        for name, peer in (
            ("first_from_arrays", "memcpy"),
            ("steady_from_arrays", "memcpy"),
            ("steady_from_file", "open and pread"),
            ("refittable_beside_none_batch_1", "refit=none, 20 runs"),
            ("refittable_beside_none_batch_64", "refit=none, 20 runs"),
        ):
            row(f"  {name}", refit[name], peer)
        for name, seconds in result[f"{model} build and load"].items():
            print(f"  {name:<50} {1e6 * seconds:>11.1f}")
    name = "convolutions at 224 x 224, timed build, seconds"
    print(f"{name}: {result[name]:.2f}")
    for entry in result["scale"]:
        steps, *taken = entry.items()
        figures = (f"{name} {1e3 * seconds:.1f} ms" for name, seconds in taken)
        print(f"{steps[1]:,} steps: {', '.join(figures)}")
    size = result["libtenon_runtime.so, stripped, bytes"]
    print(f"libtenon_runtime.so, stripped: {size / 1e6:.2f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=pathlib.Path, default=RELEASE / "bench.json", help="where the figures go")
    parser.add_argument("--device", default="cpu", help="cuda: beside torch (bench/gpu.py)")
    parser.add_argument("--models", action="store_true", help="real networks, beside OpenVINO too (bench/models.py)")
    parser.add_argument("--life", action="store_true", help="builds, loads and memory of large networks (bench/life.py)")
    parser.add_argument("--torch", action="store_true", help="tenon.torch, beside torch (bench/torch_door.py)")
    options, rest = parser.parse_known_args()
    if options.torch:
        import torch_door

        return torch_door.main(rest)
    if options.life:
        import life

        return life.main(rest)
    if options.models:
        import models

        return models.main(rest)
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    if options.device != "cpu":
        import gpu

        return gpu.main(options.device)
    result = measure()
    show(result)
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(f"wrote {options.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
