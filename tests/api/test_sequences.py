"""Sequences and optionals as inputs and outputs of a network."""

import numpy as np
import onnx.parser
import pytest

import tenon


def built(text, device):
    return tenon.build(onnx.parser.parse_model(text).SerializeToString(), device=device, tactics="first", threads=1)


HEAD = '<ir_version: 10, opset_import: ["" : 21]>\n'
A, B = np.arange(3, dtype=np.float32), np.arange(5, dtype=np.float32) + 10


def same(got, want):
    assert len(got) == len(want)
    for one, other in zip(got, want):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_sequence_goes_in_and_out(device):
    engine = built(HEAD + "g (seq(float[n]) x, float[m] y, int64 at) => (seq(float[n]) z, float[k] one) {"
                   " z = SequenceInsert(x, y, at)  one = SequenceAt(x, at) }", device)  # fmt: skip
    assert [port.kind for port in engine.inputs] == ["sequence", "tensor", "tensor"]
    assert [port.kind for port in engine.outputs] == ["sequence", "tensor"]
    for given in ([A, B], (A, B, A[::-1])):
        got = engine.run({"x": given, "y": B, "at": np.int64(1)})
        same(got["z"], [given[0], B, *given[1:]])
        np.testing.assert_array_equal(got["one"], given[1])
    z, one = engine([B], A, np.int64(-1))
    same(z, [A, B])
    np.testing.assert_array_equal(one, B)
    with pytest.raises(tenon.InputError, match="position 2 is outside a sequence of 1"):
        engine.run({"x": [A], "y": A, "at": np.int64(2)})


def test_an_empty_sequence_has_no_tensors(device):
    engine = built(HEAD + "g (seq(float[n]) x) => (int64 n, seq(float[n]) y) { n = SequenceLength(x)  y = Identity(x) }", device)
    for given in ([], [A], [A, B, A]):
        got = engine.run({"x": given})
        assert got["n"] == len(given)
        same(got["y"], given)


def test_results_of_one_run_outlive_the_next(device):
    engine = built(HEAD + "g (float[6] x) => (seq(float[2]) y) <int64 two = {2}> { y = SplitToSequence(x, two) }", device)
    x = np.arange(6, dtype=np.float32)
    first = engine.run({"x": x})["y"]
    second = engine.run({"x": -x})["y"]
    same(first, [x[:2], x[2:4], x[4:]])
    same(second, [-x[:2], -x[2:4], -x[4:]])


def test_elements_of_other_extents_are_computed_with(device):
    engine = built(HEAD + """g (seq(float[n]) x, float[1] d) => (seq(float[n]) y) {
        y = SequenceMap(x, d) <body = b (float[n] i, float[1] j) => (float[n] o) { o = Add(i, j) }>
    }""", device)  # fmt: skip
    same(engine.run({"x": [A, B], "d": np.float32([1])})["y"], [A + 1, B + 1])


def test_parts_of_a_size_that_only_a_run_knows(device):
    engine = built(HEAD + "g (float[2,k] x, int64 part) => (seq(float[2,j]) y) { y = SplitToSequence <axis = 1> (x, part) }", device)
    x = np.arange(14, dtype=np.float32).reshape(2, 7)
    for part in (1, 3, 7, 9):
        same(engine.run({"x": x, "part": np.int64(part)})["y"], [x[:, i : i + part] for i in range(0, 7, part)])


def test_optionals_may_be_none(device):
    engine = built(HEAD + "g (optional(float[3]) x) => (bool has) { has = OptionalHasElement(x) }", device)
    assert [port.kind for port in engine.inputs] == ["optional"]
    assert engine.run({"x": A})["has"]
    assert not engine.run({"x": None})["has"]
    engine = built(HEAD + "g (optional(float[n]) x) => (float[n] y, optional(float[n]) z) {"
                   " y0 = OptionalGetElement(x)  y = Neg(y0)  z = Identity(x) }", device)  # fmt: skip
    got = engine.run({"x": B})
    np.testing.assert_array_equal(got["y"], -B)
    np.testing.assert_array_equal(got["z"], B)
    with pytest.raises(tenon.InputError, match="the optional holds nothing"):
        engine.run({"x": None})


def test_what_does_not_fit_is_told(device):
    engine = built(HEAD + "g (seq(float[3]) x, float[2] d) => (seq(float[3]) y, float[2] e) { y = Identity(x)  e = Neg(d) }", device)
    d = np.zeros(2, np.float32)
    for given, said in (
        ({"d": d}, 'input "x" is missing; give it a seq'),
        ({"x": A, "d": d}, 'input "x" is a sequence; give a list of arrays'),
        ({"x": [A, A.astype(np.float64)], "d": d}, 'input "x", tensor 1 is f64, the network takes f32'),
        ({"x": [A, B], "d": d}, 'input "x", tensor 1: axis 0 has 5 elements, the network takes 3'),
        ({"x": [A.reshape(1, 3)], "d": d}, 'input "x", tensor 0 has rank 2'),
        ({"x": [], "d": d, "z": d}, 'input "z" is not the network'),
    ):
        with pytest.raises(tenon.InputError) as refused:
            engine.run(given)
        assert said in str(refused.value)
    with pytest.raises(tenon.InputError, match='out "y" is no tensor'):
        engine.run({"x": [A], "d": d}, out={"y": A.copy()})


def test_a_plan_keeps_them(device, tmp_path):
    engine = built(HEAD + "g (seq(float[n]) x) => (seq(float[n]) y) { y = SequenceErase(x) }", device)
    engine.save(tmp_path / "m.plan")
    again = tenon.load(tmp_path / "m.plan", device=device)
    same(again.run({"x": [A, B]})["y"], [A])
