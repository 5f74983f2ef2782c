"""What may be given as an array, and who keeps it alive."""

import array
import ctypes
import gc
import os
import weakref

import numpy as np
import onnx
import pytest
from linear import B, W, X, linear_engine

import tenon

WANT = X @ W + B


class OnlyDLPack:
    """An array of some other library."""

    def __init__(self, of):
        self.of = of

    def __dlpack__(self, **options):
        return self.of.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.of.__dlpack_device__()


def read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


def with_gaps(x):
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, 1::3] = x
    return wide[::2, 1::3]


def ctypes_array(x):
    """A buffer without strides."""
    rows, columns = x.shape
    kind = ctypes.c_float * columns * rows
    return kind.from_buffer_copy(np.ascontiguousarray(x).tobytes())


FORMS = {
    "dense": lambda x: x,
    "fortran order": np.asfortranarray,
    "gaps": with_gaps,
    "reversed": lambda x: np.ascontiguousarray(x[:, ::-1])[:, ::-1],
    "read only": read_only,
    "read only memory": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "dlpack": lambda x: OnlyDLPack(np.ascontiguousarray(x)),
    "memoryview": lambda x: memoryview(np.ascontiguousarray(x)),
    "ctypes": ctypes_array,
    "subclass": lambda x: np.ma.masked_array(x).view(type("Mine", (np.ndarray,), {})),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_array_is_an_input(linear, form):
    assert np.array_equal(linear(FORMS[form](X)), WANT)
    assert np.array_equal(linear.run({"x": FORMS[form](X)})["y"], WANT)


@pytest.mark.parametrize("form", FORMS)
def test_any_array_is_a_weight(linear, form):
    linear.refit({"w": FORMS[form](2 * W)})
    assert np.array_equal(linear.weights["w"].numpy(), 2 * W)
    refitter = linear.refitter()
    refitter.set("w", FORMS[form](3 * W))
    refitter.commit()
    assert np.array_equal(linear(X), X @ (3 * W) + B)
    refitter.borrow("w", FORMS[form](4 * W))
    gc.collect()
    refitter.commit()
    assert np.array_equal(linear(X), X @ (4 * W) + B)
    assert np.array_equal(linear.weights["w"].numpy(), 4 * W)


def test_weights_may_be_lists_and_numbers(linear):
    linear.refit({"b": [0.0, 1.0, 2.0, 3.5], "w": W.tolist()})
    assert np.array_equal(linear.weights["b"].numpy(), np.float32([0, 1, 2, 3.5]))


def test_arrays_of_the_standard_library(linear):
    linear.refit({"b": array.array("f", [1, 2, 3, 4])})
    assert np.array_equal(linear.weights["b"].numpy(), np.float32([1, 2, 3, 4]))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_floats_convert_as_they_are_read(linear, dtype):
    linear.refit({"w": (W / 2).astype(dtype)})
    assert np.array_equal(linear.weights["w"].numpy(), W / 2)
    assert linear.weights["w"].dtype == np.float32


def test_what_is_no_array_is_refused(linear):
    for bad in ("text", None, object(), X.astype(">f4"), X.astype(complex), np.array([["a"] * 3]), [[1, 2], [3]], {}):
        with pytest.raises(tenon.InputError, match='input "x"'):
            linear(bad)
        with pytest.raises(tenon.Error, match='weights?:? "w"'):
            linear.refit({"w": bad})
    assert linear.version == 1 and np.array_equal(linear(X), WANT)


def test_torch_tensors(linear):
    torch = pytest.importorskip("torch")
    assert np.array_equal(linear(torch.from_numpy(X)), WANT)
    linear.refit({"w": torch.nn.Parameter(torch.from_numpy(2 * W)), "b": torch.zeros(4, dtype=torch.bfloat16)})
    assert np.array_equal(linear(X), X @ (2 * W))
    out = torch.zeros(1, 4)
    linear.run({"x": X}, out={"y": out})
    assert np.array_equal(out.numpy(), X @ (2 * W))


def test_scalars_and_empty_arrays(linear, device):
    assert linear(np.zeros((0, 3), np.float32)).shape == (0, 4)
    net = tenon.Network()
    net.output("y", net.relu(net.input("x", [])))
    engine = tenon.build(net, device=device)
    assert engine(np.float32(3)).shape == () and engine(np.array(-2, np.float32)) == 0


# --- lifetimes


def test_no_engine_refers_to_an_array_after_its_refit(linear):
    weight = 2 * W
    alive = weakref.ref(weight)
    linear.refit({"w": weight})
    weight[:] = 0
    del weight
    gc.collect()
    assert alive() is None
    assert np.array_equal(linear(X), X @ (2 * W) + B)
    assert np.array_equal(linear.weights["w"].numpy(), 2 * W)


def test_set_keeps_no_array(linear):
    weight = 2 * W
    alive = weakref.ref(weight)
    refitter = linear.refitter()
    refitter.set("w", weight)
    del weight
    assert alive() is None
    refitter.commit()
    assert np.array_equal(linear(X), X @ (2 * W) + B)


def test_borrow_keeps_its_array_until_unset(linear):
    weight = 2 * W
    alive = weakref.ref(weight)
    refitter = linear.refitter()
    refitter.borrow("w", weight)
    del weight
    gc.collect()
    assert alive() is not None
    refitter.commit()
    refitter.commit()
    refitter.unset("w")
    assert alive() is None
    assert np.array_equal(linear(X), X @ (2 * W) + B)


def test_a_refitter_drops_its_arrays_with_itself(linear):
    weight = 2 * W
    alive = weakref.ref(weight)
    refitter = linear.refitter()
    refitter.borrow("w", weight)
    del weight, refitter
    assert alive() is None


def test_no_input_is_kept(linear):
    x = X.copy()
    alive = weakref.ref(x)
    linear(x)
    del x
    assert alive() is None


def test_outputs_weights_sets_and_refitters_outlive_their_engine(device):
    engine = linear_engine(device)
    y, weight, current, refitter = engine(X), engine.weights["w"], engine.current, engine.refitter()
    del engine
    gc.collect()
    assert np.array_equal(y, WANT)
    assert np.array_equal(weight.numpy(), W) and current.version == 1
    refitter.set("w", 2 * W)
    assert refitter.commit().version == 2
    assert np.array_equal(weight.numpy(), 2 * W)


def test_a_network_keeps_its_own_copy(device):
    net = tenon.Network()
    w = W.copy()
    net.output("y", net.matmul(net.input("x", ["n", 3]), net.weight("w", w)))
    w[:] = 0
    assert np.array_equal(tenon.build(net, device=device)(X), X @ W)
    assert np.array_equal(tenon.build(net, device=device)(X), X @ W)


def test_engines_leave_no_memory_behind(device):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    # What malloc keeps for later comes and goes by some megabytes, and differs between threads: so
    # engines enough that one lost weight of each would be far above that.
    big, engines = np.ones((1024, 1024), np.float32), 40
    for i in range(8 + engines):
        if i == 8:
            before = resident()
        engine = linear_engine(device, big, np.ones(1024, np.float32))
        engine.refit({"w": big})
    assert resident() - before < engines / 2 * big.nbytes


@pytest.mark.parametrize("key", [1, None, b"w", "\udcff"])
def test_a_name_that_is_no_text_is_refused(linear, key):
    for give in (linear.refit, linear.run):
        with pytest.raises(tenon.InputError, match="is no name"):
            give({key: B})
    assert linear.version == 1


def test_paths_are_the_systems(linear, tmp_path):
    name = os.fsdecode(bytes(tmp_path) + b"/\xff.plan")  # not UTF-8
    linear.save(name)
    assert np.array_equal(tenon.load(name, device=linear.device)(X), WANT)
    with pytest.raises(tenon.InputError, match="NUL"):
        linear.save(tmp_path / "cut\0.plan")
    assert len(list(tmp_path.iterdir())) == 1


class Exports:
    """An object that only NumPy's older protocols export."""

    def __init__(self, array, protocol):
        self.array = array
        setattr(self, "kept", protocol)

    def __getattr__(self, name):
        if name == self.__dict__.get("kept"):
            return self.array.__array_interface__ if name == "__array_interface__" else self.array.__array__
        raise AttributeError(name)


@pytest.mark.parametrize("protocol", ["__array_interface__", "buffer", "readonly"])
def test_other_exports_are_arrays_too(linear, protocol):
    x = np.ascontiguousarray(X)
    given = Exports(x, protocol)
    if protocol == "buffer":
        given = memoryview(x)
    if protocol == "readonly":
        given = x.copy()
        given.flags.writeable = False
    np.testing.assert_array_equal(linear(given), linear(x))


def test_a_masked_array_is_refused(linear):
    masked = np.ma.masked_array(X, mask=np.zeros_like(X, dtype=bool))
    with pytest.raises(tenon.InputError, match="masked"):
        linear(masked)


def test_bits_that_torch_keeps_beside_the_bytes_count(linear):
    torch = pytest.importorskip("torch")
    negative = torch.complex(torch.zeros(X.shape), torch.tensor(X)).conj().imag
    assert negative.is_neg()
    np.testing.assert_array_equal(linear(negative), linear(-X))
    with pytest.raises(tenon.InputError, match="cannot be written"):
        linear.run({"x": X}, out={"y": torch.complex(torch.zeros(linear(X).shape), torch.zeros(linear(X).shape)).conj().imag})


def test_models_come_as_bytes_of_any_kind(mnist, tmp_path):
    data = (mnist / "lenet.onnx").read_bytes()
    with (mnist / "lenet.onnx").open("rb") as file:
        for model in (bytearray(data), memoryview(data), file, onnx.load_from_string(data)):
            assert len(tenon.build(model, tactics="first").weights) == 8
    with pytest.raises(tenon.InputError, match="give a path"):
        tenon.build(3.5)


def test_arrays_of_a_device_stay_there(device):
    there = linear_engine(device).run({"x": X}, device_outputs=True)["y"]
    if device == "cpu":
        assert isinstance(there, np.ndarray)
        return
    assert (there.device, there.shape, there.dtype) == ("far", (1, 4), np.float32)
    assert repr(there) == "Tensor(float32, (1, 4), device='far')"
    same = np.eye(4, dtype=np.float32), np.zeros(4, np.float32)
    engine = linear_engine(device, *same)
    assert np.array_equal(engine(there), WANT)
    assert np.array_equal(engine(OnlyDLPack(there)), WANT)
    target = engine.run({"x": X @ W}, device_outputs=True)["y"]
    assert engine.run({"x": there}, out={"y": target})["y"] is target
    assert np.array_equal(engine.submit({"x": target}).result()["y"], WANT)
    engine.refit({"b": OnlyDLPack(linear_bias(device))})
    assert np.array_equal(engine(X @ W), WANT)
    reaches = 'lies on "far", and this engine reaches arrays on "cpu"; copy it there first'
    on_host = linear_engine("cpu", *same)
    with pytest.raises(tenon.InputError, match='input "x" ' + reaches):
        on_host(there)
    with pytest.raises(tenon.RefitError, match='weights: "b" ' + reaches):
        on_host.refit({"b": there})
    with pytest.raises(tenon.InputError, match='lies on "far"; copy it to host memory first'):
        tenon.Network().weight("w", there)


def linear_bias(device):
    """B in the memory of the device."""
    net = tenon.Network()
    zero = net.weight("zero", np.zeros(4, np.float32))
    (y,) = net.add("Add", net.input("x", [4]), zero)
    net.output("y", y)
    return tenon.build(net, device=device).run({"x": B}, device_outputs=True)["y"]


class MadeAnew:
    """Each export is memory of its own, that only the export keeps."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return (self.array + 0).__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_an_export_lives_as_long_as_it_is_read():
    def adder():
        network = tenon.Network()
        x = network.input("x", [4096])
        network.output("y", network.add("Add", x, network.weight("w", np.zeros(4096, "f4")))[0])
        return tenon.build(network, tactics="first")
    one, other, zero = adder(), adder(), np.zeros(4096, "f4")
    for value in range(1, 30):
        want = np.full(4096, value, "f4")
        one.refit({"w": MadeAnew(want)})
        np.testing.assert_array_equal(one(zero), want)
        other.refit(one.weights)
        np.testing.assert_array_equal(other(zero), want)
        np.testing.assert_array_equal(other(one.weights["w"]), want + want)
        np.testing.assert_array_equal(other.submit({"x": MadeAnew(want)}).result()["y"], want + want)
        refitter = other.refitter()
        refitter.borrow("w", MadeAnew(want + 1))
        refitter.commit()
        np.testing.assert_array_equal(other(zero), want + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8", "int32", "int64"])
def test_lists_and_numbers_take_the_inputs_dtype(dtype):
    name = np.dtype(dtype).name.replace("uint", "u").replace("int", "i").replace("float", "f")
    network = tenon.Network()
    network.output("y", network.add("Abs", network.input("x", ["n"], name))[0])
    engine = tenon.build(network, tactics="first")
    for given in ([1, 2, 3], (4, 5), []):
        y = engine(given)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, given)
    if name.startswith("f"):
        np.testing.assert_array_equal(engine([0.5, 2]), [0.5, 2])
    else:
        with pytest.raises(tenon.InputError, match=f"is f64, the network takes {name}"):
            engine([0.5, 2])
        if name in ("i8", "u8"):
            with pytest.raises(tenon.InputError, match="outside"):
                engine([300])


def test_a_number_is_a_scalar():
    network = tenon.Network()
    network.output("y", network.add("Abs", network.input("x", []))[0])
    engine = tenon.build(network, tactics="first")
    assert engine(-2) == 2 and engine(-0.5) == 0.5
