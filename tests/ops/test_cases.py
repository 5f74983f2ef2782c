"""Every line of *.cases, against ONNX Runtime or ONNX's reference."""

import math
import os
import subprocess
import sys

import cases
import numpy as np
import pytest
import test_control
import test_domains
import test_draws
import test_ml
import test_strings

import tenon

CASES = cases.read()
VECTORISED = ("conv.cases", "pool.cases", "matmul.cases", "recurrent.cases")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where}-{case.op}")
def test_case(case, device):
    problems = cases.check(case, device)
    assert not problems, "\n".join(problems)


def same_bits(one, other):
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where}-{case.op}")
def test_case_in_code(case, device):
    """A node made by Network.add() is the file's, bit for bit."""
    if case.error:
        assert cases.refusal(case, device, cases.run_in_code) is None
        return
    for form in cases.forms(case):
        try:
            want = cases.run(case, form, device)
        except tenon.BuildError as error:
            if not cases.is_refused(case, device, str(error)):
                raise
            continue
        got = cases.run_in_code(case, form, device)
        assert all(same_bits(*each) for each in zip(got, want, strict=True)), form


@pytest.mark.parametrize("line", ["Erf  x: f64[50]", "Gelu  x: f64[50]"])
def test_erf_in_f64(line, device):
    case = cases.parse(line, "here")
    x = case.operands[0].array
    erf = [math.erf(each * (1 if case.op == "Erf" else math.sqrt(0.5))) for each in x]
    want = np.array(erf) if case.op == "Erf" else x / 2 * (1 + np.array(erf))
    problems = cases.check(case, device, want=[want])
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("features", ["reference", "avx2"])
def test_vector_targets(features, device):
    files = [str(cases.FOLDER / name) for name in VECTORISED]
    done = subprocess.run(
        [sys.executable, cases.__file__, device, *files],
        env={**os.environ, "TENON_CPU_FEATURES": features},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", tenon.pass_names())
def test_every_op_without_a_pass(name, device):
    firsts = {case.op: case for case in reversed(CASES) if not case.error}
    problems = [each for case in firsts.values() for each in cases.check(case, device, without=[name])]
    assert not problems, "\n".join(problems)


def test_the_corpus_holds_every_op_of_the_importer():
    table = cases.FOLDER.parent.parent / "src" / "onnx" / "import_table.cpp"
    known = {line.split('"')[1] for line in table.read_text().splitlines() if line.startswith('    {"')}
    assert len(known) > 90
    elsewhere = test_control.OPS | test_domains.OPS | test_draws.OPS | test_ml.OPS | test_strings.OPS
    assert known - {case.op for case in CASES if not case.error} - elsewhere == set()
