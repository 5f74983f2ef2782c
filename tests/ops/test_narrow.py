"""Types of at most 8 bits: casts, quantising, moves, refits; against ONNX's reference and ml_dtypes."""

import itertools
import re

import ml_dtypes
import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon

FLOATS8 = {
    TensorProto.FLOAT8E4M3FN: ml_dtypes.float8_e4m3fn, TensorProto.FLOAT8E4M3FNUZ: ml_dtypes.float8_e4m3fnuz,
    TensorProto.FLOAT8E5M2: ml_dtypes.float8_e5m2, TensorProto.FLOAT8E5M2FNUZ: ml_dtypes.float8_e5m2fnuz,
}  # fmt: skip
FLOATS = FLOATS8 | {
    TensorProto.FLOAT6E2M3: ml_dtypes.float6_e2m3fn, TensorProto.FLOAT6E3M2: ml_dtypes.float6_e3m2fn,
    TensorProto.FLOAT4E2M1: ml_dtypes.float4_e2m1fn,
}  # fmt: skip
INTEGERS = {
    TensorProto.INT4: ml_dtypes.int4, TensorProto.UINT4: ml_dtypes.uint4,
    TensorProto.INT2: ml_dtypes.int2, TensorProto.UINT2: ml_dtypes.uint2,
}  # fmt: skip
POWERS = {TensorProto.FLOAT8E8M0: ml_dtypes.float8_e8m0fnu}
ALL = FLOATS | INTEGERS | POWERS
WIDE = (np.float32, np.float16, np.float64)


def type_of(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def model_of(op, arrays, attributes=None, initializers=(), opset=28):
    names = [f"x{i}" for i in range(len(arrays))]
    node = helper.make_node(op, names, ["y"], **(attributes or {}))
    given = [
        helper.make_tensor_value_info(name, type_of(array), array.shape)
        for i, (name, array) in enumerate(zip(names, arrays))
        if i not in initializers
    ]
    kept = [numpy_helper.from_array(arrays[i], names[i]) for i in initializers]
    graph = helper.make_graph([node], "g", given, [helper.make_empty_tensor_value_info("y")], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=13)


def run(model, arrays, initializers=()):
    engine = tenon.build(model.SerializeToString(), tactics="first", threads=1)
    return engine.run({f"x{i}": a for i, a in enumerate(arrays) if i not in initializers})["y"]


def check(op, arrays, attributes=None, initializers=()):
    model = model_of(op, arrays, attributes, initializers)
    feed = {f"x{i}": a for i, a in enumerate(arrays) if i not in initializers}
    with np.errstate(all="ignore"):
        (want,) = onnx.reference.ReferenceEvaluator(model).run(None, feed)
    got = run(model, arrays, initializers)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    same_bits(got, want)


def same_bits(got, want):
    """NaNs are equal whatever their sign."""
    got_nan, want_nan = (np.isnan(each.astype(np.float64)) for each in (got, want))
    np.testing.assert_array_equal(got_nan, want_nan)
    bits = np.dtype(f"u{got.dtype.itemsize}")
    np.testing.assert_array_equal(got.view(bits)[~got_nan], want.view(bits)[~want_nan])


def hard_numbers(dtype, narrow):
    """Every value of the type, what lies half way between neighbours, a little beside, and far out."""
    codes = np.arange(256, dtype=np.uint8).view(narrow).astype(np.float64)
    values = np.unique(codes[np.isfinite(codes)])
    middles = (values[1:] + values[:-1]) / 2
    far = [0.0, -0.0, np.inf, -np.inf, np.nan, 2 * values[-1], 1.05 * values[-1], 1e-12, -1e-12]
    return np.concatenate([values, middles, middles * (1 + 1e-3), middles * (1 - 1e-3), far]).astype(dtype)


@pytest.mark.parametrize("to", FLOATS, ids=TensorProto.DataType.Name)
@pytest.mark.parametrize("dtype", WIDE, ids=lambda dtype: np.dtype(dtype).name)
def test_casts_to_floats_round_and_saturate(dtype, to, device):
    with np.errstate(all="ignore"):
        x = hard_numbers(dtype, FLOATS[to])
    for saturate in (0, 1) if to in FLOATS8 else (1,):
        check("Cast", [x], {"to": to, "saturate": saturate})
        check("CastLike", [x, np.zeros(1, FLOATS[to])], {"saturate": saturate})


@pytest.mark.parametrize("rounding", ["up", "down", "nearest"])
@pytest.mark.parametrize("saturate", [0, 1])
def test_casts_to_powers(rounding, saturate, device):
    x = np.array([0, 1e-40, 0.124, 0.25, 0.5, 1.1, 1.5, 1.75, 3, 4, 5, 6, 8, 1e38, 2e38, 3.4e38, np.inf, np.nan], np.float32)
    check("Cast", [x], {"to": TensorProto.FLOAT8E8M0, "saturate": saturate, "round_mode": rounding})


@pytest.mark.parametrize("to", INTEGERS, ids=TensorProto.DataType.Name)
@pytest.mark.parametrize("dtype", [*WIDE, np.int32, np.int8, np.uint8], ids=lambda dtype: np.dtype(dtype).name)
def test_casts_to_integers(dtype, to, device):
    low, high = (ml_dtypes.iinfo(INTEGERS[to]).min, ml_dtypes.iinfo(INTEGERS[to]).max)
    numbers = np.arange(low, high + 1)
    if np.issubdtype(dtype, np.floating):
        numbers = np.concatenate([numbers, [0.7, 0.3]])
    check("Cast", [numbers[numbers >= 0].astype(dtype) if dtype is np.uint8 else numbers.astype(dtype)], {"to": to})


@pytest.mark.parametrize("source", ALL, ids=TensorProto.DataType.Name)
@pytest.mark.parametrize("to", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16])
def test_casts_from(source, to, device):
    bits = ml_dtypes.iinfo(ALL[source]).bits if source in INTEGERS else ml_dtypes.finfo(ALL[source]).bits
    codes = np.arange(2**bits, dtype=np.uint8).view(ALL[source])
    with np.errstate(all="ignore"):
        check("Cast", [codes], {"to": to})


@pytest.mark.parametrize("to", [*FLOATS, *INTEGERS], ids=TensorProto.DataType.Name)
def test_quantising_and_back(to, device):
    narrow = (FLOATS | INTEGERS)[to]
    rng = np.random.default_rng(to)
    x = rng.uniform(-40, 40, (3, 8)).astype(np.float32)
    scales, zeros = np.array([0.5, 2, 4], np.float32), np.zeros(3, narrow)
    check("QuantizeLinear", [x, scales, zeros], {"axis": 0})
    check("QuantizeLinear", [x, np.float32(2.5)], {"output_dtype": to})
    q = rng.integers(0, 2**2, (3, 8)).astype(np.float32).astype(narrow)
    for kept in ((), (0,)):
        check("DequantizeLinear", [q, scales, zeros], {"axis": 0}, initializers=kept)
        check("DequantizeLinear", [q, np.ones((3, 4), np.float32) / 4], {"axis": 1, "block_size": 2}, initializers=kept)
    if to in INTEGERS:
        check("DequantizeLinear", [q, scales, np.ones(3, narrow)], {"axis": 0})


def test_moves(device):
    for narrow in (ml_dtypes.float8_e5m2, ml_dtypes.int4):
        x = np.arange(-8, 7).reshape(3, 5).astype(narrow)
        check("Transpose", [x], {"perm": [1, 0]})
        check("Concat", [x, x], {"axis": 1})
        check("Gather", [x, np.array([2, 0])], {"axis": 0})
        check("Reshape", [x, np.array([5, 3])], initializers=(1,))
        check("Slice", [x, np.array([1]), np.array([3])], initializers=(1, 2))
        check("Identity", [x])


def test_what_computes_refuses(device):
    x = np.ones(3, ml_dtypes.float8_e4m3fn)
    for op, operands in (("Add", 2), ("Relu", 1), ("ReduceSum", 1), ("Softmax", 1), ("Less", 2)):
        with pytest.raises(tenon.BuildError, match="f8_e4m3"):
            tenon.build(model_of(op, [x] * operands).SerializeToString(), tactics="first")


# --- weights


def codes_of(shape, narrow, seed=1):
    info = ml_dtypes.iinfo(narrow)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(narrow)


def packed(array, bits):
    flat = array.view(np.uint8).ravel() & (2**bits - 1)
    stream = sum(int(code) << (bits * i) for i, code in enumerate(flat))
    return np.frombuffer(stream.to_bytes(-(-bits * flat.size // 8), "little"), np.uint8)


def dequantizer(w):
    return model_of("DequantizeLinear", [w, np.float32(0.5)], initializers=(0,))


@pytest.mark.parametrize("shape", [(3, 5), (1,), (0, 4), (7, 300)])
@pytest.mark.parametrize("narrow, bits", [(ml_dtypes.int4, 4), (ml_dtypes.uint4, 4), (ml_dtypes.int2, 2), (ml_dtypes.uint2, 2)])
def test_a_weight_is_given_in_three_ways(narrow, bits, shape, device, tmp_path):
    w, other = codes_of(shape, narrow), codes_of(shape, narrow, 2)
    engine = tenon.build(dequantizer(w).SerializeToString(), device=device, tactics="first")
    assert engine.weights["x0"].dtype == np.dtype(narrow)
    scale = {"x1": np.float32(0.5)}

    def is_now(values):
        np.testing.assert_array_equal(engine.run(scale)["y"], values.astype(np.float32) / 2)

    is_now(w)
    eight = np.int8 if ml_dtypes.iinfo(narrow).min < 0 else np.uint8
    for given in (other, other.astype(eight), packed(other, bits)):
        engine.refit({"x0": w})
        is_now(w)
        engine.refit({"x0": given})
        is_now(other)
    engine.save(tmp_path / "m.plan")
    engine = tenon.load(tmp_path / "m.plan", device=device)
    is_now(other)
    onnx.save(dequantizer(w), tmp_path / "m.onnx")
    engine.refit(tmp_path / "m.onnx")
    is_now(w)


def test_floats_of_four_bits_are_given_packed(device):
    w = np.array([0.5, -1, 6, 3, -0.0], ml_dtypes.float4_e2m1fn)
    engine = tenon.build(dequantizer(np.zeros_like(w)).SerializeToString(), device=device, tactics="first")
    for given in (w, packed(w, 4)):
        engine.refit({"x0": np.zeros_like(w)})
        engine.refit({"x0": given})
        np.testing.assert_array_equal(engine.run({"x1": np.float32(1)})["y"], w.astype(np.float32))


def test_a_number_outside_the_range_is_one_problem(device):
    engine = tenon.build(dequantizer(codes_of((3, 5), ml_dtypes.int4)).SerializeToString(), device=device, tactics="first")
    before = engine.version
    for bad, said in ((8, "holds 8, which is no i4"), (-9, "holds -9, which is no i4")):
        with pytest.raises(tenon.RefitError, match=said):
            engine.refit({"x0": np.full((3, 5), bad, np.int8)})
    with pytest.raises(tenon.RefitError, match=re.escape("has shape [3, 4]")):
        engine.refit({"x0": np.zeros((3, 4), np.int8)})
    assert engine.version == before


def test_typed_data_is_read_as_raw_data_is(device):
    for to, narrow in itertools.chain(INTEGERS.items(), FLOATS.items()):
        codes = np.arange(7, dtype=np.uint8) % (4 if to in (TensorProto.INT2, TensorProto.UINT2) else 7)
        w = codes.view(narrow)
        typed = helper.make_tensor("x0", to, w.shape, w.astype(np.float32))
        raw = numpy_helper.from_array(w, "x0")
        assert typed.raw_data == b"" and raw.raw_data != b""
        answers = []
        for tensor in (typed, raw):
            model = dequantizer(w)
            model.graph.initializer[0].CopyFrom(tensor)
            answers.append(run(model, [w, np.float32(1)], initializers=(0,)))
        np.testing.assert_array_equal(answers[0], w.astype(np.float32))
        np.testing.assert_array_equal(*answers)
