"""Writes the seed corpora of the fuzz targets, with the formats' own libraries: tests/fuzz/corpus/<target>/.

The unit tests of src/weights read the same files: element i of a tensor is i * 0.5 - 1 in a float type, i in an integer
type, i % 2 in bool. Needs numpy, ml_dtypes, onnx and safetensors.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

CORPUS = Path(__file__).resolve().parent / "corpus"

DTYPES = {
    "f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
    "i64": np.int64, "i32": np.int32, "i16": np.int16, "i8": np.int8,
    "u64": np.uint64, "u32": np.uint32, "u16": np.uint16, "u8": np.uint8, "bool": np.bool_,
}


def values(name, shape=(2, 3)):
    index = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    if name in ("f64", "f32", "f16", "bf16"):
        return (index * 0.5 - 1).astype(DTYPES[name])
    if name == "bool":
        return index % 2 == 1
    return index.astype(DTYPES[name])


def folder(name):
    path = CORPUS / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def safetensors_seeds():
    out = folder("safetensors")
    # The library lacks some of NumPy's types; the format is small enough to write it out.
    entries, data = {"__metadata__": {"kind": "seed"}}, b""
    for name in DTYPES:
        raw = values(name).tobytes()
        entries[name] = {"dtype": name.upper(), "shape": [2, 3], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    header = json.dumps(entries).encode()
    (out / "all_dtypes.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    save_file({"a.weight": values("f32"), "b": values("i64", ()), "empty": values("f16", (0, 4))},
              out / "library.safetensors", metadata={"a": "ä\n"})
    save_file({}, out / "no_tensors.safetensors")


def npz_seeds():
    out = folder("npz")
    np.savez(out / "stored.npz", **{name: values(name) for name in ("f64", "f32", "i8", "bool")})
    np.savez_compressed(out / "deflated.npz", **{name: values(name) for name in ("f64", "f16", "i64", "u32", "bool")})
    np.savez(out / "fortran.npz", f32=np.asfortranarray(values("f32")), u16=np.asfortranarray(values("u16")))
    np.savez(out / "scalar_and_empty.npz", i64=values("i64", ()), f16=values("f16", (0, 4)))
    np.savez(out / "none.npz")
    np.savez(out / "pickled.npz", x=np.array([None]))
    np.savez(out / "big_endian.npz", x=np.arange(3, dtype=">f4"))
    np.savez(out / "structured.npz", x=np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))


def model(nodes, initializers, **fields):
    graph = helper.make_graph(nodes, "seed", [], [], initializers)
    for key, infos in fields.items():
        getattr(graph, key).extend(infos)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="seeds")
    made.ir_version = 8
    return made


def typed(name):
    array = values(name)
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor(name, kind, array.shape, array.flatten().tolist())


def onnx_seeds():
    out = folder("onnx")
    save = lambda name, made: (out / f"{name}.onnx").write_bytes(made.SerializeToString())
    save("raw", model([], [numpy_helper.from_array(values(name), name) for name in DTYPES]))
    save("typed", model([], [typed(name) for name in DTYPES]))
    save("no_dtype_of_ours", model([], [
        helper.make_tensor("text", TensorProto.STRING, [2], [b"a", b"b"]),
        helper.make_tensor("complex", TensorProto.COMPLEX64, [1], [1 + 2j]),
        typed("f32")]))
    save("identity", model(
        [helper.make_node("Identity", ["bn1.weight"], ["bn2.weight"]),
         helper.make_node("BatchNormalization", ["x", "bn1.weight", "b", "m", "v"], ["y"]),
         helper.make_node("BatchNormalization", ["y", "bn2.weight", "b", "m", "v"], ["z"])],
        [numpy_helper.from_array(values("f32", (3,)), name) for name in ("bn1.weight", "b", "m", "v")],
        input=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, None])],
        output=[helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]))
    branch = helper.make_graph([helper.make_node("Relu", ["f32"], ["r"])], "branch", [],
                               [helper.make_tensor_value_info("r", TensorProto.FLOAT, [2, 3])])
    save("attributes", model(
        [helper.make_node("Custom", ["", "f32"], ["out"], name="c", domain="my.ops", f=0.5, i=-3, s="text",
                          floats=[1.0, 2.5], ints=[1, -2], strings=["a", "b"], t=typed("i32")),
         helper.make_node("If", ["cond"], ["r"], then_branch=branch, else_branch=branch)],
        [typed("f32")],
        value_info=[helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None)]))
    external = numpy_helper.from_array(values("f32"), "f32")
    onnx.external_data_helper.set_external_data(external, "data.bin", offset=4, length=24)
    external.ClearField("raw_data")
    save("external", model([], [external]))


if __name__ == "__main__":
    safetensors_seeds()
    npz_seeds()
    onnx_seeds()
    seeds = [path for target in ("safetensors", "npz", "onnx") for path in (CORPUS / target).iterdir()]
    for path in seeds:
        path.chmod(0o644)
    large = [str(path) for path in seeds if path.stat().st_size >= 2048]
    sys.exit(f"too large for a seed: {large}" if large else 0)
