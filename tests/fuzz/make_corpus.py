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


def in_data_bin(array, name, offset):
    """A tensor of the array's type whose bytes the fuzz targets keep beside the model: zeros."""
    tensor = numpy_helper.from_array(array, name)
    onnx.external_data_helper.set_external_data(tensor, "data.bin", offset=offset, length=array.nbytes)
    tensor.ClearField("raw_data")
    return tensor


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
    sparse = lambda name: helper.make_sparse_tensor(
        helper.make_tensor(name, TensorProto.FLOAT, [1], [0.5]), helper.make_tensor("", TensorProto.INT64, [1], [3]), [6])
    constant = lambda name, **value: helper.make_node("Constant", [], [name], **value)
    inside = helper.make_graph(
        [helper.make_node("Add", ["tensor", "float"], ["r"]), constant("inner", value_int=1)], "inside", [],
        [helper.make_tensor_value_info("r", TensorProto.FLOAT, [2, 3])],
        [numpy_helper.from_array(np.full((2, 3), 7, np.float32), name) for name in ("tensor", "inner.weight")])
    save("constants", model(
        [constant("tensor", value=typed("f32")), constant("float", value_float=0.5), constant("int", value_int=-3),
         constant("floats", value_floats=[1.0, 2.5]), constant("ints", value_ints=[1, -2]),
         constant("string", value_string="a"), constant("strings", value_strings=["a", "b"]),
         constant("texts", value=helper.make_tensor("", TensorProto.STRING, [1], [b"a"])),
         constant("sparse", sparse_value=sparse("")),
         helper.make_node("Mul", ["x", "tensor"], ["y"]),
         helper.make_node("If", ["cond"], ["r"], then_branch=inside, else_branch=inside)], []))
    made = model([], [])
    made.graph.sparse_initializer.append(sparse("w"))
    save("sparse", made)
    save("external", model([], [in_data_bin(values("f32"), "f32", offset=4)]))


def operand(i, of):
    """A tuple is the shape of an input, a list an integer initializer, an array itself."""
    if isinstance(of, tuple):
        return helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, of)
    return numpy_helper.from_array(np.asarray(of), f"x{i}")


def import_seed(op, *operands, outputs=1, **attributes):
    made = [operand(i, of) for i, of in enumerate(operands)]
    inputs = [each for each in made if isinstance(each, onnx.ValueInfoProto)]
    initializers = [each for each in made if isinstance(each, onnx.TensorProto)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, [f"x{i}" for i in range(len(operands))], results, **attributes)
    empty = [helper.make_empty_tensor_value_info(each) for each in results]
    return model([node], initializers, input=inputs, output=empty)


def weight(*shape):
    return values("f32", shape)


def import_seeds():
    out = folder("onnx_import")
    norm = [weight(3)] * 4
    seeds = {
        "conv": import_seed("Conv", ("n", 4, 9, 9), weight(6, 2, 3, 3), weight(6), group=2, strides=[2, 1],
                            pads=[1, 0, 2, 1], dilations=[1, 2]),
        "conv_same": import_seed("Conv", (1, 1, "w"), weight(1, 1, 3), auto_pad="SAME_UPPER"),
        "max_pool": import_seed("MaxPool", ("n", 2, 7, 7), kernel_shape=[3, 3], ceil_mode=1, outputs=2),
        "average_pool": import_seed("AveragePool", (1, 2, 7, 7), kernel_shape=[2, 2], count_include_pad=1),
        "gemm": import_seed("Gemm", ("n", 4), weight(3, 4), weight(3), transB=1, alpha=0.5, beta=2.0),
        "matmul": import_seed("MatMul", (2, "n", 4), weight(4, 3)),
        "batch_norm": import_seed("BatchNormalization", ("n", 3, 4), *norm, epsilon=1e-3),
        "softmax": import_seed("Softmax", ("n", 5), axis=-1),
        "reduce": import_seed("ReduceMean", ("n", 3, 4), axes=[-1, 0], keepdims=0),
        "reduce_operand": import_seed("ReduceSum", ("n", 3, 4), [1, -1]),
        "reshape": import_seed("Reshape", ("n", 3, 4), [0, -1]),
        "squeeze": import_seed("Squeeze", (1, "n", 1), [0, -1]),
        "unsqueeze": import_seed("Unsqueeze", ("n", 2), [1, -1]),
        "flatten": import_seed("Flatten", ("n", "m", 4), axis=-1),
        "transpose": import_seed("Transpose", ("n", 3, 4), perm=[2, 0, 1]),
        "concat": import_seed("Concat", ("n", 3), ("m", 3), axis=0),
        "cast": import_seed("Cast", ("n", 3), to=TensorProto.BFLOAT16),
        "clip": import_seed("Clip", ("n", 3), np.float32(-1), np.float32(6)),
        "pow": import_seed("Pow", ("n", 3), np.float32(2)),
        "where": import_seed("Where", np.array([True, False]), ("n", 2), weight(2)),
        "erf": import_seed("Erf", ("n", 3)),
        "constant": import_seed("Constant", value_floats=[1.0, 2.5]),
        "shapes": model(
            [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Concat", ["s", "one"], ["t"], axis=0),
             helper.make_node("Reshape", ["x", "t"], ["r"]), helper.make_node("Add", ["r", "b"], ["y"])],
            [numpy_helper.from_array(np.array([1]), "one"), numpy_helper.from_array(weight(3, 1), "b")],
            input=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
            output=[helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]),
    }  # fmt: skip
    seeds["external"] = model(
        [helper.make_node("Reshape", ["x", "s"], ["y"])], [in_data_bin(values("i64", (2,)), "s", offset=8)],
        input=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        output=[helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])  # fmt: skip
    for name, made in seeds.items():
        (out / f"{name}.onnx").write_bytes(made.SerializeToString())


def shards_seeds():
    out = folder("shards")
    index = lambda name, made: (out / name).write_text(json.dumps(made))
    index("two", {"metadata": {"total_size": 24}, "weight_map": {"a": "one.safetensors", "b": "one.safetensors"}})
    index("outside", {"weight_map": {"a": "../one.safetensors"}})
    index("missing", {"weight_map": {"c": "one.safetensors", "a": "two.safetensors"}})
    index("empty", {"weight_map": {}, "other": [[], {"deep": [1, None, True, 0.5]}]})


if __name__ == "__main__":
    safetensors_seeds()
    npz_seeds()
    onnx_seeds()
    import_seeds()
    shards_seeds()
    made = ("safetensors", "npz", "onnx", "onnx_import", "shards")
    seeds = [path for target in made for path in (CORPUS / target).iterdir()]
    for path in seeds:
        path.chmod(0o644)
    large = [str(path) for path in seeds if path.stat().st_size >= 2048]
    sys.exit(f"too large for a seed: {large}" if large else 0)
