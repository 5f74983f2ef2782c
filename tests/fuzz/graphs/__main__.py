"""Random small graphs, against onnx's reference evaluator: python tests/fuzz/graphs [--seed N] [--count N | --seconds S].

Every graph has a number, which makes it again. Where Tenon differs, ONNX Runtime says what it thinks, and the first value
that differs is named. Tenon must give the reference's answers up to rounding, with all passes or with some left out, saved
and loaded, with extents fixed or symbolic; and an engine refitted to other weights must hold the bits of one built with them.
"""

import argparse
import os
import sys
import time

import elementwise, moves, patterns, sums  # noqa: E401, F401  (they fill KINDS)
import numpy as np
from kinds import KINDS
from maker import Maker, Unfit, run_onnxruntime
from onnx import helper

import tenon

def drawn(number):
    """The graph of this number."""
    make = Maker(number)
    want = make.integer(1, 9)
    for _ in range(20 * want):
        if len(make.nodes) >= want:
            break
        before = len(make.values)
        kept = [dict(each) for each in (make.inputs, make.weights, make.constants)]
        try:
            with np.errstate(all="ignore"):
                make.one_of(KINDS)(make)
        except Unfit:
            del make.values[before:]
            make.inputs, make.weights, make.constants = kept
    return make


def difference(value, got):
    """What is wrong with an answer, or nothing. Results may be as far off as a few roundings of each step would make them."""
    want = value.array
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
    if not want.size or want.dtype.kind != "f":
        return "" if np.array_equal(got, want) else f"has other elements: {sample(got, want)}"
    far, scale = (np.abs(each.astype(np.float64)) for each in (value.shadow - want, want))
    allowed = value.tolerance * max(1, scale.max()) + 50 * far.max()
    off = np.abs(got.astype(np.float64) - want)
    return "" if (off <= allowed).all() else f"is off by {np.nanmax(off):.3g}, allowed {allowed:.3g}: {sample(got, want)}"


def sample(got, want):
    return f"{got.ravel()[:6]}, not {want.ravel()[:6]}"


def ran(engine, make):
    return engine.run({port.name: make.inputs[port.name] for port in engine.inputs})


def by_onnxruntime(model, make, names):
    try:
        return dict(zip(names, run_onnxruntime(model, make.inputs), strict=True))
    except Exception as error:
        return str(error).splitlines()[0]


def wrong(make, engine, names):
    values = {value.name: value for value in make.values}
    got = ran(engine, make)
    return {name: problem for name in names if (problem := difference(values[name], got[name]))}


def first_difference(make, device):
    """In a graph whose values all are outputs: the first that is wrong, and what ONNX Runtime thinks of the reference."""
    values = {value.name: value for value in make.values}
    names = [name for node in make.nodes for name in node.output]
    model = make.model(names)
    problems = wrong(make, tenon.build(model, device=device, tactics="first"), names)
    if not problems:
        return "with every value an output nothing differs: a pass, or memory"
    name = next(iter(problems))
    node = next(node for node in make.nodes if name in node.output)
    peer = by_onnxruntime(model, make, names)
    verdict = peer if isinstance(peer, str) else difference(values[name], peer[name]) or "agrees with the reference"
    return f"{name} = {described(node, make)} {problems[name]}; ONNX Runtime {verdict}"


def described(node, make):
    arrays = {value.name: value.array for value in make.values} | make.constants
    operands = [f"{name}: {arrays[name].dtype}{list(arrays[name].shape)}" if name else "-" for name in node.input]
    fields = [f"{each.name}={helper.get_attribute_value(each)}" for each in node.attribute]
    return f"{node.op_type}({', '.join(operands)}) {{{', '.join(fields)}}}"


def refits(make, names, device):
    """A refit to other weights holds the bits of a build with them."""
    old = dict(make.weights)
    options = {"device": device, "tactics": "first", "refit": list(old)}
    first = tenon.build(make.model(names), **options)
    free = {name: array for name, array in old.items() if not first.weights[name].guarded}
    for name, array in free.items():
        make.weights[name] = (array * array.dtype.type(0.75)).astype(array.dtype)
    fresh = tenon.build(make.model(names), **options)
    first.refit({name: make.weights[name] for name in free})
    one, other = ran(first, make), ran(fresh, make)
    make.weights.update(old)
    same = all(one[name].tobytes() == other[name].tobytes() for name in names)
    return "" if same else "refitted, it has not the bits of a build"


def built(model, make, **options):
    """An engine; typical extents are given only where it asks for them."""
    try:
        return tenon.build(model, **options)
    except tenon.BuildError as error:
        if "give typical shapes" not in str(error):
            raise
        shapes = {name: [(0, extent, 2000) for extent in array.shape] for name, array in make.inputs.items()}
        return tenon.build(model, shapes=shapes, **options)


def options_of(number, make, device):
    """How the graph of this number is built: with all passes, or some, or none; seldom with kernels that were timed."""
    passes = tenon.pass_names()
    without = [[], [], passes, [name for name in passes if make.chance(0.3)]][number % 4]
    return {"device": device, "tactics": "time" if number % 16 == 5 else "first", "without": without}


def answers(number, make, names, symbolic, options):
    engine = built(make.model(names, symbolic), make, **options)
    if number % 5 == 0:
        engine = tenon.load(engine.to_bytes(), device=options["device"])
    if problems := wrong(make, engine, names):
        return f"{options} {problems} {first_difference(make, options['device'])}"
    return ""


def problem_of(number, device):
    """What is wrong with the graph of this number, or nothing."""
    make = drawn(number)
    names = make.last()
    if not names:
        return ""
    options = options_of(number, make, device)
    for symbolic in (False, True):
        try:
            problem = answers(number, make, names, symbolic, options)
            if not problem and not symbolic and make.weights and not finds_extents(make):
                problem = refits(make, names, device)
        except tenon.Error as error:
            problem = "" if is_inherent(error, make, symbolic) else f"{type(error).__name__}: {error}"
        if problem:
            return f"{'symbolic: ' if symbolic else ''}{problem}"
    return ""


def finds_extents(make):
    """Whether extents depend on elements: those of other weights need not fit the rest."""
    return any(node.op_type in ("Compress", "NonZero") for node in make.nodes)


def is_inherent(error, make, symbolic):
    """Whether it says of an extent that only a run knows that it had to be known before."""
    return (symbolic or finds_extents(make)) and "known while building" in str(error)


def shown(number):
    make = drawn(number)
    return "\n".join(f"    {', '.join(node.output)} = {described(node, make)}" for node in make.nodes)


def main():
    parser = argparse.ArgumentParser(prog="python tests/fuzz/graphs", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=time.time_ns() >> 20, help="the number of the first graph (by the clock)")
    parser.add_argument("--count", type=int, help="how many graphs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--device", default=os.environ.get("TENON_TEST_DEVICE", "cpu"))
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    failed, number = 0, options.seed
    while number - options.seed < options.count if options.count else time.monotonic() < until:
        if problem := problem_of(number, options.device):
            failed += 1
            print(f"graph {number}: {problem}\n{shown(number)}", flush=True)
        number += 1
    print(f"fuzz: graphs: {number - options.seed} from {options.seed}, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
