"""Which of ONNX's published cases pass: the body of `python -m tenon.backend`."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import sys
import time
import warnings
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.runner import Runner

import tenon
from tenon.backend import Backend, _array

RESULTS = ("passes", "rounds", "random", "refused", "wrong", "crashes")
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
ROUNDS = "differs by at most two units in the last place of the greatest element"
# Cases whose expected values are one draw of NumPy's: only shape, type and distribution can be met.
RANDOM = re.compile(r"^test_(bernoulli|training_dropout)")


@dataclasses.dataclass(frozen=True)
class Case:
    kind: str
    name: str
    ops: tuple[str, ...]  # "Domain.Op-version"


@dataclasses.dataclass(frozen=True)
class Verdict:
    case: Case
    result: str  # one of RESULTS
    reason: str = ""


def _cases(kind: str) -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model_tests(kind=kind)


def _model(case: Any) -> onnx.ModelProto:
    return case.model or onnx.load(pathlib.Path(case.model_dir, "model.onnx"))


def _ops(model: onnx.ModelProto) -> tuple[str, ...]:
    """Ops at the versions that the model's opsets mean; local functions are what they are made of."""
    opsets = {each.domain or "ai.onnx": each.version for each in model.opset_import}
    found: dict[str, None] = {}

    def visit(nodes: Any) -> None:
        for node in nodes:
            domain = node.domain or "ai.onnx"
            for attribute in node.attribute:
                for graph in (attribute.g, *attribute.graphs):
                    visit(graph.node)
            try:
                schema = onnx.defs.get_schema(node.op_type, opsets.get(domain, 1), node.domain)
            except onnx.defs.SchemaError:
                continue
            prefix = "" if domain == "ai.onnx" else f"{domain}."
            found[f"{prefix}{node.op_type}-{schema.since_version}"] = None

    visit(model.graph.node)
    for function in model.functions:
        visit(function.node)
    return tuple(sorted(found))


def _read(path: pathlib.Path, type_: onnx.TypeProto) -> Any:
    data = path.read_bytes()
    if type_.WhichOneof("value") == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if type_.WhichOneof("value") == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def _data_sets(case: Any, model: onnx.ModelProto) -> list[tuple[list[Any], list[Any]]]:
    if case.data_sets is not None:
        return [([*inputs], [*outputs]) for inputs, outputs in case.data_sets]
    sets = []
    for folder in sorted(pathlib.Path(case.model_dir).glob("test_data_set_*")):
        inputs, outputs = (
            [
                _read(folder / f"{what}_{i}.pb", port.type)
                for i, port in enumerate(ports)
                if (folder / f"{what}_{i}.pb").exists()
            ]
            for what, ports in (("input", model.graph.input), ("output", model.graph.output))
        )
        sets.append((inputs, outputs))
    return sets


def _difference(got: Any, want: Any, case: Any) -> str:
    """How an output differs from what it should be; nothing where it does not."""
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            return f"a sequence of {len(want)} is expected"
        return next((d for d in map(_difference, got, want, [case] * len(want)) if d), "")
    if want is None or got is None:
        return "" if want is got else "one of the two is empty"
    got, want = np.asarray(got), np.asarray(_array(want))
    if RANDOM.match(case.name):
        if (got.dtype, got.shape) != (want.dtype, want.shape):
            return f"{got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
        return _distribution(got, want)
    try:  # by ONNX's rules
        Runner.assert_similar_outputs([want], [got], case.rtol, case.atol)
    except AssertionError as error:
        if got.dtype.kind == "f" and got.shape == want.shape and _rounds(got, want):
            return ROUNDS
        return " ".join(str(error).split())[:160]
    return ""


def _rounds(got: Any, want: Any) -> bool:
    """Whether no difference is more than noise that the type itself makes."""
    unit = np.finfo(got.dtype).eps * np.max(np.abs(want), initial=0).astype(np.float64)
    return bool(np.all(np.abs(got.astype(np.float64) - want.astype(np.float64)) <= 2 * unit))


def _distribution(got: Any, want: Any) -> str:
    """Of draws that keep or drop: what both keep is the same, and they keep about as often."""
    both = np.logical_and(got != 0, want != 0)
    if not np.allclose(got[both].astype(np.float64), want[both].astype(np.float64), rtol=1e-6):
        return "values that no draw gives"
    kept = [np.count_nonzero(each) / max(1, each.size) for each in (got, want)]
    spread = 4 * np.sqrt(0.5 / max(1, want.size))
    return "" if abs(kept[0] - kept[1]) <= spread else f"keeps {kept[0]:.2f}, not {kept[1]:.2f}"


def _verdict(case: Any) -> Verdict:
    model = _model(case)
    about = Case(case.kind, case.name, _ops(model))
    try:
        prepared = Backend.prepare(model)
        for inputs, wanted in _data_sets(case, model):
            got = prepared.run(inputs)
            if len(got) < len(wanted):
                return Verdict(about, "wrong", f"{len(got)} outputs, not {len(wanted)}")
            for each, want in zip(got, wanted):
                if different := _difference(each, want, case):
                    return Verdict(about, "rounds" if different == ROUNDS else "wrong", different)
    except tenon.Error as error:
        return Verdict(about, "refused", " ".join(str(error).split()))
    except Exception as error:  # what must not come out of Tenon
        return Verdict(about, "crashes", f"{type(error).__name__}: {error}")
    return Verdict(about, "random" if RANDOM.match(case.name) else "passes")


def _some(kind: str, part: int, parts: int) -> list[Verdict]:
    return [_verdict(case) for case in _cases(kind)[part::parts]]


def _one(kind: str, index: int) -> Verdict:
    return _verdict(_cases(kind)[index])


def verdicts(workers: int) -> list[Verdict]:
    """Of all cases. They run in processes; where one dies, its cases run again by themselves."""
    tasks = [("node", part, 8 * workers) for part in range(8 * workers)]
    tasks += [(kind, 0, 1) for kind in KINDS[1:]]
    done: list[Verdict] = []
    lost = []
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        futures = [(task, pool.submit(_some, *task)) for task in tasks]
        for task, future in futures:
            try:
                done += future.result()
            except concurrent.futures.process.BrokenProcessPool:
                lost.append(task)
    for kind, part, parts in lost:
        cases = _cases(kind)
        for index in range(part, len(cases), parts):
            with concurrent.futures.ProcessPoolExecutor(1) as pool:
                try:
                    done.append(pool.submit(_one, kind, index).result())
                except concurrent.futures.process.BrokenProcessPool:
                    about = Case(kind, cases[index].name, _ops(_model(cases[index])))
                    done.append(Verdict(about, "crashes", "the process died"))
    return sorted(done, key=lambda verdict: (KINDS.index(verdict.case.kind), verdict.case.name))


HEADER = """# ONNX coverage

Written by `python -m tenon.backend --report docs/onnx_coverage.md`; the tests compare it with what
happens. The cases are those that the package onnx publishes (`onnx.backend.test`) without the kind
`real`, which downloads. Refused: one typed error, before anything runs. Counted apart: cases whose
expected values are one draw of NumPy's random stream ("random": shape, type and distribution are
met), and those that differ by at most two units in the last place of the greatest element
("rounds"): ONNX's own expectations are rounded step by step, in f16 or beside zero, and Tenon's sums
are not.
"""


def report(all_: list[Verdict]) -> str:
    """The page, without times and machines: equal wherever the same cases pass."""
    lines = [HEADER, f"With onnx {onnx.__version__}.\n"]
    lines.append("| kind | cases | " + " | ".join(RESULTS) + " |")
    lines.append("|---" * (len(RESULTS) + 2) + "|")
    for kind in (*KINDS, "all"):
        counts = collections.Counter(v.result for v in all_ if kind in (v.case.kind, "all"))
        numbers = [sum(counts.values()), *(counts[result] for result in RESULTS)]
        lines.append(f"| {kind} | " + " | ".join(map(str, numbers)) + " |")
    lines.append("\n## Operators\n\nCases that hold the operator, alone or among others.\n")
    lines.append("| operator, version | pass | of |")
    lines.append("|---|---|---|")
    by_op = collections.defaultdict(list)
    for verdict in all_:
        for op in verdict.case.ops:
            by_op[op].append(verdict.result in ("passes", "random"))
    lines += [f"| {op} | {sum(by_op[op])} | {len(by_op[op])} |" for op in sorted(by_op)]
    lines.append("\n## What does not pass\n")
    reasons = collections.defaultdict(list)
    for verdict in all_:
        if verdict.result not in ("passes", "random"):
            reasons[verdict.result, _general(verdict.reason)].append(verdict.case.name)
    for (result, reason), names in sorted(reasons.items()):
        lines.append(f"- {result}: {reason}\n  ({len(names)}) " + ", ".join(sorted(names)))
    return "\n".join(lines) + "\n"


def _general(reason: str) -> str:
    """A refusal without what is particular to one case."""
    return re.sub(r'( \(node)? "[^"]*"\)?', "", reason)[:200]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tenon.backend", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--report", type=pathlib.Path, metavar="FILE", help="write the page")
    what.add_argument("--check", type=pathlib.Path, metavar="FILE", help="is the page true?")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    start = time.monotonic()
    all_ = verdicts(options.workers)
    counts = collections.Counter(verdict.result for verdict in all_)
    print(", ".join(f"{n} {result}" for result, n in counts.items()), end="")
    print(f", in {time.monotonic() - start:.0f} s", file=sys.stderr)
    text = report(all_)
    if options.report:
        options.report.write_text(text)
        return 0
    if options.check.read_text() != text:
        print(f"{options.check} is not true any more; write it again with --report")
        return 1
    return 0
