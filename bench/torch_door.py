"""Measures tenon.torch beside what torch itself takes: `./run bench --torch [NAME …]`.

ResNet-18 and BERT-base with seeded weights, two threads. Peers are measured in turn with ours; times
are medians. What needs a process of its own (a known architecture, memory) gets one.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import tenon
import tenon.torch
from anonymous import Anonymous
from tenon.torch._part import EnginePart
from tenon.torch._tensors import array_of

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "torch"))

import models  # noqa: E402  (after the path is set)

THREADS = 2
NETWORKS = {
    "ResNet-18": (lambda: models.ResNet18(64, 1000), lambda: (torch.randn(1, 3, 224, 224),)),
    "BERT-base": (
        lambda: models.Bert(30522, 768, 12, 12),
        lambda: (torch.arange(64)[None], torch.ones(1, 64, dtype=torch.int64)),
    ),
}
#: Each row's limit by network, in the row's unit; smaller is better.
LIMITS = {
    "refit, first, ms": {"ResNet-18": 40, "BERT-base": 300},
    "refit, steady, ms": {"ResNet-18": 20, "BERT-base": 150},
    "Python around the engine's refit, ms": {"ResNet-18": 1},
    "what an ExportedProgram adds, ms": {"ResNet-18": 5, "BERT-base": 20},
    "known architecture, new process, ms": {"ResNet-18": 60, "BERT-base": 400},
    "compile beside export, onnx and build, s": {"ResNet-18": 0.15, "BERT-base": 0.15},
    "anonymous memory added by a compile, MB": {"ResNet-18": 361, "BERT-base": 868},  # 1.3 x weights + 300
    "call over engine.run, us": {"MLP": 20},
    "switch of a bank's entry, us": {"MLP": 20},
    "watching by version, us": {"ResNet-18": 15},
    "watching by sample, us": {"ResNet-18": 150},
    "watching by digest, ms": {"ResNet-18": 3},
    "rescaled adapter over a refit of its weights": {"BERT-base": 1.5},
    "swapped adapter over a refit of its weights": {"BERT-base": 1.5},
}


def once(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(runs, turns):
    """Median seconds of each; all run once a turn, one after the other."""
    for run in runs.values():
        run()
    taken = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            taken[name].append(once(run))
    return {name: float(np.median(each)) for name, each in taken.items()}


def made(name, seed=0):
    make, inputs = NETWORKS[name]
    return models.seeded(make, seed), inputs()


def compiled(name, **options):
    module, args = made(name)
    return tenon.torch.compile(module, args, threads=THREADS, tactics="first", **options)


# Refits. -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def core_time():
    """Gives a list of the seconds that each refit takes in the core."""
    taken, before = [], EnginePart.prepare

    def prepare(part, *arguments):
        start = time.perf_counter()
        try:
            return before(part, *arguments)
        finally:
            taken.append(time.perf_counter() - start)

    EnginePart.prepare = prepare
    try:
        yield taken
    finally:
        EnginePart.prepare = before


def copies(state):
    """memcpy of the same bytes, on one thread, into memory that has been written before."""
    given = [tensor.numpy() for tensor in state.values()]
    memory = [np.zeros_like(array) for array in given]

    def copy():
        for target, source in zip(memory, given):
            np.copyto(target, source)

    return copy


def refits(name, turns):
    target, (peer, args) = compiled(name), made(name, 1)
    state = peer.state_dict()
    first = once(lambda: target.refit(state))
    core = tenon.load(target.engines[0].to_bytes(), threads=THREADS)
    arrays = {key: array_of(value) for key, value in state.items() if key in core.weights}
    program, around = torch.export.export(peer, args), []
    in_torch = made(name)[0]

    def ours():
        with core_time() as inner:
            whole = once(lambda: target.refit(state))
        around.append(whole - sum(inner))

    runs = {
        "ours": ours,
        "load_state_dict": lambda: in_torch.load_state_dict(state),
        "memcpy": copies(state),
        "the core's": lambda: core.refit(arrays),
        "program": lambda: target.refit(program),
    }
    seconds = in_turn(runs, turns)
    peers = ("load_state_dict", "memcpy", "the core's")
    beside = ", ".join(f"{each} {1e3 * seconds[each]:.1f}" for each in peers)
    yield "refit, first, ms", 1e3 * first, beside
    yield "refit, steady, ms", 1e3 * seconds["ours"], beside
    yield "Python around the engine's refit, ms", 1e3 * float(np.median(around)), f"{len(arrays)} tensors"
    yield "what an ExportedProgram adds, ms", 1e3 * (seconds["program"] - seconds["ours"]), ""


# Compiles, each in a process of its own. ---------------------------------------------------------


def compile_alone(name):
    """A child's work: seconds of a compile and of what others do in it, and its peak of memory."""
    module, args = made(name)
    others = []

    def timed(function):
        def call(*arguments, **options):
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                others.append(time.perf_counter() - start)

        return call

    options = {"threads": THREADS, "tactics": "first"}
    compile_small(options)
    for place, function in ((torch.export, "export"), (torch.onnx, "export"), (tenon, "build")):
        setattr(place, function, timed(getattr(place, function)))
    with Anonymous() as memory:
        whole = once(lambda: tenon.torch.compile(module, args, cache=False, check=False, **options))
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    return {"whole": whole, "own": whole - sum(others), "added": memory.added, "weights": weights}


def compile_small(options):
    """What the first compile of a process imports is not a compile's."""
    tenon.torch.compile(models.seeded(models.Mlp), (torch.randn(2, 4),), cache=False, **options)


def known_alone(name):
    """A child's work: seconds of a compile from a program, with what TENON_CACHE_DIR has."""
    module, args = made(name, int(os.environ["SEED"]))
    program = torch.export.export(module, args)
    return {"whole": once(lambda: tenon.torch.compile(program, args, threads=THREADS, tactics="first"))}


CHILDREN = {"compile": compile_alone, "known": known_alone}


def child(work, name, **environment):
    command = [sys.executable, __file__, "--child", work, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return json.loads(done.stdout.splitlines()[-1])


def compiles(name, turns):
    with tempfile.TemporaryDirectory() as folder:
        new = child("known", name, TENON_CACHE_DIR=folder, SEED="0")["whole"]
        known = [child("known", name, TENON_CACHE_DIR=folder, SEED=str(1 + turn))["whole"] for turn in range(turns)]
    yield "known architecture, new process, ms", 1e3 * float(np.median(known)), f"unknown {1e3 * new:.0f}"
    taken = [child("compile", name) for _ in range(turns)]
    own, whole = (float(np.median([each[key] for each in taken])) for key in ("own", "whole"))
    yield "compile beside export, onnx and build, s", own, f"of {whole:.1f}"
    added, weights = float(np.median([each["added"] for each in taken])), taken[0]["weights"]
    yield "anonymous memory added by a compile, MB", added / 1e6, f"weights {weights / 1e6:.0f}"


# Calls. ------------------------------------------------------------------------------------------


def calls(turns):
    module, x = models.seeded(models.Mlp), torch.randn(2, 4)
    target = tenon.torch.compile(module, (x,), threads=1, tactics="first")
    (engine,) = target.engines
    name = engine.inputs[0].name
    bank = tenon.torch.Bank(target)
    bank["a"], bank["b"] = (models.seeded(models.Mlp, seed).state_dict() for seed in (1, 2))

    def repeated(work):
        return lambda: [work() for _ in range(200)]

    def switched():
        for entry in "ab":
            with bank.use(entry):
                target(x)

    runs = {
        "call": repeated(lambda: target(x)),
        "run": repeated(lambda: engine.run({name: x})),
        "switch": repeated(switched),
    }
    seconds = {name: each / 200 for name, each in in_turn(runs, turns).items()}
    over = 1e6 * (seconds["call"] - seconds["run"])
    yield "call over engine.run, us", over, f"engine.run {1e6 * seconds['run']:.1f}"
    yield "switch of a bank's entry, us", 1e6 * (seconds["switch"] / 2 - seconds["call"]), ""


def watching(name, turns):
    module, args = made(name)
    runs = {}
    for watch in ("version", "sample", "digest"):
        fast = tenon.torch.MutableModule(module, watch=watch, tactics="first", check=False)
        fast(*args)
        runs[watch] = fast._follow
    seconds = in_turn(runs, turns)
    count = f"{len(module.state_dict())} tensors"
    yield "watching by version, us", 1e6 * seconds["version"], count
    yield "watching by sample, us", 1e6 * seconds["sample"], count
    yield "watching by digest, ms", 1e3 * seconds["digest"], count


def low_rank(module, seed, rank=16):
    """An adapter for each query and value, with PEFT's names."""
    generator, found = torch.Generator().manual_seed(seed), {}
    for name, each in module.named_modules():
        if name.endswith((".query", ".value")):
            rows, columns = each.weight.shape
            for kind, shape in (("A", (rank, columns)), ("B", (rows, rank))):
                key = f"base_model.model.{name}.lora_{kind}.weight"
                found[key] = torch.randn(shape, generator=generator) * 0.02
    return found


def adapters(name, turns):
    target, module = compiled(name), made(name, 1)[0]
    for seed, adapter in enumerate("ab"):
        target.adapters.add(adapter, low_rank(module, seed), 0.5)
    wanted = {n: t for n, t in module.state_dict().items() if n.endswith((".query.weight", ".value.weight"))}
    plain = tenon.torch.compile(made(name)[0], made(name)[1], threads=THREADS, tactics="first")
    scales, entries = iter(range(1, 10**6)), iter("ab" * 10**6)
    runs = {
        "refit": lambda: plain.refit(wanted),
        "rescale": lambda: target.adapters.set({"a": 1 / next(scales)}),
        "swap": lambda: target.adapters.set({next(entries): 1.0}),
    }
    seconds = in_turn(runs, turns)
    beside = f"refit of {len(wanted)} weights {1e3 * seconds['refit']:.1f} ms"
    for what, done in (("rescale", "rescaled"), ("swap", "swapped")):
        yield f"{done} adapter over a refit of its weights", seconds[what] / seconds["refit"], beside


# The table. --------------------------------------------------------------------------------------


def rows(names, turns):
    """(row, network, value, beside) as they are measured."""
    for name in names:
        for case in (refits, compiles, *([watching] if name == "ResNet-18" else [adapters])):
            for row, value, beside in case(name, 3 if case is compiles else turns):
                yield row, name, value, beside
    for row, value, beside in calls(turns):
        yield row, "MLP", value, beside


def main(arguments):
    parser = argparse.ArgumentParser(prog="./run bench --torch", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(NETWORKS), help=", ".join(NETWORKS))
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--json", type=pathlib.Path, help="where the rows go, one JSON object a line")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(THREADS)
    if options.child:
        print(json.dumps(CHILDREN[options.child](options.names[0])))
        return
    if unknown := set(options.names) - NETWORKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}")
    print(f"torch {torch.__version__}, {THREADS} threads; medians of {options.turns} turns")
    print(f"| {'what':<56} | {'network':<9} | {'here':>8} | {'limit':>6} | beside |\n|---|---|---|---|---|")
    lines = []
    for row, name, value, beside in rows(options.names, options.turns):
        limit = LIMITS[row].get(name, "")
        print(f"| {row:<56} | {name:<9} | {value:>8.3g} | {limit!s:>6} | {beside} |", flush=True)
        lines.append(json.dumps({"row": row, "network": name, "value": value, "limit": limit, "beside": beside}))
    if options.json:
        options.json.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
