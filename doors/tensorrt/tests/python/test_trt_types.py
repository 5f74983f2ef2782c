"""Dims, Weights, enumerations, addresses: Python's own rules."""

import copy
import pickle

import numpy as np
import pytest
import tenon.trt as trt
from small import build, engine, quiet, weights


def test_enums_are_numbers_with_names():
    assert repr(trt.DataType.FLOAT) == "<DataType.FLOAT: 0>"
    assert str(trt.DataType.FLOAT) == "DataType.FLOAT"
    assert trt.DataType(3) is trt.DataType.INT32 and trt.float32 is trt.DataType.FLOAT
    assert 1 << int(trt.BuilderFlag.REFIT) == 1 << trt.BuilderFlag.REFIT.value == 16
    assert trt.BuilderFlag.WEIGHTLESS is trt.BuilderFlag.__members__["STRIP_PLAN"]
    assert trt.Logger.ERROR < trt.Logger.VERBOSE and trt.ILogger.INFO == 3
    for value in (trt.DataType.HALF, trt.Logger.WARNING, trt.LayerType.KV_CACHE_UPDATE):
        assert pickle.loads(pickle.dumps(value)) is value


def test_dims_are_sequences():
    dims = trt.Dims((1, 2, 3))
    assert dims == (1, 2, 3) and dims == [1, 2, 3] and dims != (1, 2) and len(dims) == 3
    assert (dims[-1], dims[1:], list(dims)) == (3, (2, 3), [1, 2, 3])
    assert (str(dims), repr(trt.Dims((3,))), str(trt.Dims())) == ("(1, 2, 3)", "(3,)", "()")
    dims[0] = 5
    dims[1:] = (6, 7)
    assert dims == (5, 6, 7) and copy.copy(dims) == dims == pickle.loads(pickle.dumps(dims))
    assert trt.Dims.MAX_DIMS == 8 and trt.volume(dims) == 210 and trt.volume(()) == 1
    with pytest.raises(IndexError):
        dims[3]
    with pytest.raises(ValueError, match="at most 8"):
        trt.Dims(range(9))


def test_dims_of_a_rank():
    size = trt.DimsHW(2, 3)
    size.h = 4
    assert (size.h, size.w, trt.DimsHW([5, 6])) == (4, 3, (5, 6))
    assert trt.Dims3(1, 2, 3) == trt.Dims3((1, 2, 3)) == (1, 2, 3) and trt.Dims4() == (0, 0, 0, 0)
    assert trt.Dims3(dim0=1, dim1=2, dim2=3) == trt.Dims3(shape=(1, 2, 3))
    with pytest.raises(ValueError, match="3 extents"):
        trt.Dims3((1, 2))
    assert trt.Permutation((1, 0)) == (1, 0, 2, 3, 4, 5, 6, 7)


def test_an_unknown_rank_has_no_length():
    shape = engine(weights(0)).get_tensor_shape("nobody")
    assert str(shape) == "()"
    with pytest.raises(ValueError, match="rank"):
        len(shape)


@pytest.mark.parametrize(
    "dtype, ours",
    [("float32", "FLOAT"), ("float16", "HALF"), ("int8", "INT8"), ("int32", "INT32"),
     ("int64", "INT64"), ("bool", "BOOL"), ("uint8", "UINT8")],
)  # fmt: skip
def test_weights_lie_on_the_array(dtype, ours):
    array = np.array([0, 1, 1, 0], dtype)
    made = trt.Weights(array)
    assert made.dtype == trt.DataType[ours] and trt.nptype(made.dtype) is np.dtype(dtype).type
    assert (made.size, len(made), made.nbytes) == (4, 4, array.nbytes)
    array[2] = 0
    assert made.numpy().dtype == array.dtype and made.numpy().tolist() == array.tolist()


def test_weights_refuse_what_would_be_another_value(capfd):
    with pytest.raises(ValueError, match="float64"):
        trt.Weights(np.zeros(3))
    assert "Could not implicitly convert NumPy data type: float64" in capfd.readouterr().err
    with pytest.raises(ValueError, match="ascontiguousarray"):
        trt.Weights(np.zeros((3, 4), np.float32, order="F"))
    with pytest.raises(ValueError, match=">f4"):
        trt.Weights(np.zeros(3, ">f4"))
    with pytest.raises(TypeError, match="ndarray"):
        trt.Weights([1.0, 2.0])


def test_weights_take_what_is_whole():
    read_only = np.zeros(2, np.float32)
    read_only.flags.writeable = False
    assert trt.Weights(read_only).size == 2
    assert trt.Weights(np.zeros(0, np.float32)).size == 0
    assert trt.Weights(np.array(3, np.float32)).size == 1
    empty = trt.Weights(trt.float16)
    assert (empty.size, empty.dtype, empty.numpy().size) == (0, trt.float16, 0)
    half = np.array([1, 2], np.float32)
    pointed = trt.Weights(trt.bfloat16, half.ctypes.data, 4)
    assert isinstance(pointed.numpy(), trt.Weights) and pointed.nbytes == 8


def test_types_without_a_numpy_type():
    for each in (trt.bfloat16, trt.fp8, trt.int4, trt.fp4, trt.e8m0):
        with pytest.raises(TypeError, match="numpy datatype"):
            trt.nptype(each)
    assert [trt.bfloat16.itemsize, trt.int4.itemsize, trt.int64.itemsize] == [2, 0.5, 8]


class Handle:
    def __init__(self, address):
        self.address = address

    def __int__(self):
        return self.address


def test_addresses_are_integers_of_any_kind():
    context = engine(weights(0)).create_execution_context()
    for given in (4096, np.uint64(4096), np.int32(4096), Handle(4096)):
        assert context.set_tensor_address("x", given)
        assert context.get_tensor_address("x") == 4096
    assert context.set_tensor_address("x", None) and context.get_tensor_address("x") == 0
    for given in (1.0, np.float32(1), "1", b"1", -1, 1 << 64, object()):
        with pytest.raises(TypeError, match="address"):
            context.set_tensor_address("x", given)
    assert not context.set_tensor_address("nobody", 4096)


def test_a_plan_is_a_buffer(tmp_path):
    logger = quiet()
    builder = trt.Builder(logger)
    net = builder.create_network()
    net.mark_output(net.add_identity(net.add_input("x", trt.float32, (2,))).get_output(0))
    plan = builder.build_serialized_network(net, builder.create_builder_config())
    view = memoryview(plan)
    assert (view.format, view.readonly) == ("B", True)
    assert len(plan) == plan.nbytes == view.nbytes
    file = tmp_path / "plan"
    with open(file, "wb") as out:
        out.write(plan)
    assert file.read_bytes() == bytes(plan)
    runtime = trt.Runtime(logger)
    for given in (plan, bytes(plan), bytearray(plan), view, np.frombuffer(plan, np.uint8)):
        assert runtime.deserialize_cuda_engine(given) is not None
    with pytest.raises(TypeError, match="buffer"):
        runtime.deserialize_cuda_engine("plan")
    assert runtime.deserialize_cuda_engine(build(weights(0))[:100]) is None
