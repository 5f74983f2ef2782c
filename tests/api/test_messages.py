"""Bad input: each function below does one wrong thing, and golden_messages.txt holds what must be said."""

import contextlib
import ctypes
import json
import os
import pathlib
import pickle
import re
import resource
import struct
import zipfile

import numpy as np
import pytest
from linear import B, W, X
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file
from stage import SCENES, Stage, external_model, f32, relu_model, safetensors_bytes, scene, varint

import tenon

GOLDEN = pathlib.Path(__file__).parent / "golden_messages.txt"


# --- ONNX


@scene
def onnx_no_such_file(s):
    tenon.build(s.folder / "model.onnx", device=s.device)


@scene
def onnx_is_a_folder(s):
    tenon.build(s.folder, device=s.device)


@scene
def onnx_is_empty(s):
    s.build(b"")


@scene
def onnx_is_truncated(s):
    s.build((s.mnist / "lenet.onnx").read_bytes()[:2000])


@scene
def onnx_is_text(s):
    s.build(b"this is no model, it is a sentence")


@scene
def onnx_length_overflows(s):
    s.build(b"\x08\x08\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")


@scene
def onnx_nests_too_deeply(s):
    graph = b""
    for _ in range(2000):  # a node with an attribute that is a graph with a node …
        for tag in (0x32, 0x2A, 0x0A):
            graph = bytes([tag]) + varint(len(graph)) + graph
    s.build(b"\x08\x08" + b"\x3a" + varint(len(graph)) + graph)


@scene
def onnx_weight_is_shorter_than_its_shape(s):
    w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 4], raw_data=bytes(40))
    s.build(relu_model(nodes=[helper.make_node("MatMul", ["x", "w"], ["y"])], initializers=[w]))


@scene
def onnx_weight_has_a_huge_shape(s):
    w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**40, 2**40], raw_data=bytes(48))
    s.build(relu_model(nodes=[helper.make_node("MatMul", ["x", "w"], ["y"])], initializers=[w]))


@scene
def onnx_weight_has_a_negative_extent(s):
    w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-3, 4], raw_data=bytes(48))
    s.build(relu_model(nodes=[helper.make_node("MatMul", ["x", "w"], ["y"])], initializers=[w]))


@scene
def onnx_ops_are_unsupported(s):
    nodes = [
        helper.make_node("Gradient", ["x", "x"], ["a"], name="slope"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("ImageDecoder", ["b"], ["u"], name="picture"),
        helper.make_node("Fancy", ["u"], ["y"], name="mine", domain="com.example"),
    ]
    s.build(relu_model(nodes=nodes))


@scene
def onnx_attribute_is_unknown(s):
    s.build(relu_model(nodes=[helper.make_node("Relu", ["x"], ["y"], name="act", slope=0.5)]))


@scene
def onnx_operand_is_made_nowhere(s):
    s.build(relu_model(nodes=[helper.make_node("Add", ["x", "z"], ["y"], name="sum")]))


@scene
def onnx_shapes_do_not_fit(s):
    w = numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "conv1.weight")
    node = helper.make_node("Conv", ["x", "conv1.weight"], ["y"], name="conv1")
    s.build(relu_model((1, 64, 9, 9), [node], [w]))


@scene
def onnx_weights_make_a_tensor_of_a_pebibyte(s):
    edges = {"a": (2**16, 1, 1), "b": (1, 2**16, 1), "c": (1, 1, 2**16)}
    arrays = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in edges.items()]
    nodes = [helper.make_node("Add", ins, [out]) for *ins, out in ("abd", "dce", "xey")]
    s.build(relu_model((1,), nodes, arrays))


@scene
def onnx_pads_make_a_tensor_of_more_than_64_bits(s):
    w = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv1", pads=[2**31 - 1] * 4)
    s.build(relu_model((1, 1, 2, 2), [node], [w]))


@scene
def onnx_opset_is_too_old(s):
    s.build(relu_model(opset=0))


@scene
def onnx_external_data_climbs_out(s):
    s.file("weights.bin", bytes(48))
    s.build(external_model("../weights.bin"), "models/model.onnx")


@scene
def onnx_external_data_is_absolute(s):
    s.build(external_model("/etc/passwd"))


@scene
def onnx_external_data_is_a_link_out(s):
    s.file("data/weights.bin", bytes(48))
    (s.folder / "models").mkdir()
    (s.folder / "models" / "linked").symlink_to(s.folder / "data")
    s.build(external_model("linked/weights.bin"), "models/model.onnx")


@scene
def onnx_external_data_is_missing(s):
    s.build(external_model("weights.bin"))


@scene
def onnx_external_data_is_too_short(s):
    s.file("weights.bin", bytes(40))
    s.build(external_model("weights.bin"))


@scene
def onnx_external_data_is_in_too_many_files(s):
    s.file("weights.bin", bytes(48))
    path = s.file("model.onnx", external_model("weights.bin").SerializeToString())
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))  # the model's own file, and no more
    try:
        tenon.build(path, device=s.device)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@scene
def onnx_external_data_of_bytes(s):
    tenon.build(external_model("weights.bin").SerializeToString(), device=s.device)


# --- safetensors


def refit_from(s, data, name="new.safetensors"):
    s.linear().refit(s.file(name, data))


@scene
def safetensors_is_truncated(s):
    save_file({"w": W, "b": B}, s.folder / "whole.safetensors")
    refit_from(s, (s.folder / "whole.safetensors").read_bytes()[:-8])


@scene
def safetensors_header_is_longer_than_the_file(s):
    refit_from(s, struct.pack("<Q", 2**63) + b"{}")


@scene
def safetensors_header_is_no_json(s):
    refit_from(s, safetensors_bytes(b'{"w": nonsense}'))


@scene
def safetensors_ranges_overlap(s):
    header = {"w": f32(0, 48, [3, 4]), "b": f32(40, 56, [4])}
    refit_from(s, safetensors_bytes(header, bytes(56)))


@scene
def safetensors_tensor_is_past_the_end(s):
    header = {"w": f32(0, 48, [3, 4]), "b": f32(48, 64, [4])}
    refit_from(s, safetensors_bytes(header, bytes(48)))


@scene
def safetensors_range_is_not_its_shapes(s):
    refit_from(s, safetensors_bytes({"b": f32(0, 12, [4])}, bytes(12)))


@scene
def safetensors_shape_overflows(s):
    refit_from(s, safetensors_bytes({"b": f32(0, 16, [2**62, 2**62])}, bytes(16)))


@scene
def safetensors_name_is_there_twice(s):
    one = json.dumps(f32(0, 16, [4]))
    refit_from(s, safetensors_bytes(f'{{"b": {one}, "b": {one}}}'.encode(), bytes(16)))


@scene
def safetensors_nests_too_deeply(s):
    refit_from(s, safetensors_bytes(b'{"b":' + b"[" * 100000))


@scene
def shards_index_climbs_out(s):
    save_file({"b": B}, s.folder / "out.safetensors")
    index = {"weight_map": {"b": "../out.safetensors"}}
    s.file("shards/model.safetensors.index.json", json.dumps(index).encode())
    s.linear().refit(s.folder / "shards")


@scene
def shard_is_missing(s):
    index = {"weight_map": {"b": "one.safetensors"}}
    s.file("shards/model.safetensors.index.json", json.dumps(index).encode())
    s.linear().refit(s.folder / "shards")


@scene
def folder_holds_no_weights(s):
    (s.folder / "empty").mkdir()
    s.linear().refit(s.folder / "empty")


@scene
def folder_holds_several_checkpoints(s):
    for name in ("a", "b"):
        s.file(f"two/{name}.safetensors", safetensors_bytes(b"{}"))
    s.linear().refit(s.folder / "two")


@scene
def folder_holds_files_of_torch(s):
    s.file("hub/pytorch_model.bin", b"PK")
    s.linear().refit(s.folder / "hub")


@scene
def names_have_a_prefix(s):
    s.linear().refit({"module.w": W, "module.b": B})


@scene
def refit_is_not_complete(s):
    s.linear().refit({"w": W}, complete=True)


# --- npz


@scene
def npz_is_truncated(s):
    np.savez(s.folder / "whole.npz", w=W, b=B)
    refit_from(s, (s.folder / "whole.npz").read_bytes()[:-30], "new.npz")


@scene
def npz_holds_pickles(s):
    np.savez(s.folder / "new.npz", b=np.array([{"a": 1}], object), allow_pickle=True)
    s.linear().refit(s.folder / "new.npz")


def npz_of(s, name, member):
    with zipfile.ZipFile(s.folder / "new.npz", "w") as file:
        file.writestr(name, member)
    return s.folder / "new.npz"


def npy(header, data=b""):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@scene
def npz_array_is_huge(s):
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000, 1000000000), }"
    s.linear().refit(npz_of(s, "b.npy", npy(text)))


@scene
def npz_array_is_shorter_than_its_shape(s):
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }"
    s.linear().refit(npz_of(s, "b.npy", npy(text, bytes(12))))


@scene
def npz_member_is_damaged(s):
    np.savez_compressed(s.folder / "whole.npz", b=B)
    data = bytearray((s.folder / "whole.npz").read_bytes())
    data[data.rindex(b"PK\x01\x02") - 20] ^= 16
    refit_from(s, bytes(data), "new.npz")


@scene
def weights_are_a_pickle(s):
    refit_from(s, pickle.dumps({"b": 1}), "new.pkl")


@scene
def weights_are_of_no_known_format(s):
    refit_from(s, b"\xf0GUF" + bytes(60), "new.gguf")


@scene
def weights_are_a_pytorch_checkpoint(s):
    with zipfile.ZipFile(s.folder / "new.pt", "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"b": 1}))
    s.linear().refit(s.folder / "new.pt")


# --- weights of another model


@scene
def refit_of_a_folded_export_with_a_state_dict(s):
    names = ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    s.linear().refit({name: np.zeros(4, np.float32) for name in names})


@scene
def refit_with_another_models_weights(s):
    arrays = load_file(s.mnist / "lenet_a.safetensors")
    arrays["layer1.0.conv1.weight"] = np.zeros((64, 64, 3, 3), np.float32)
    arrays["fc1.weigth"] = arrays.pop("fc1.weight")
    arrays["fc2.bias"] = np.zeros(12, np.float32)
    arrays["conv1.bias"] = np.zeros(20, np.int64)
    save_file(arrays, s.folder / "other.safetensors")
    s.lenet().refit(s.folder / "other.safetensors")


@scene
def refit_of_a_stripped_plan_with_too_little(s):
    engine = s.load(s.plan(strip=True))
    engine.refit({"b": B})


@scene
def refit_of_a_frozen_weight(s):
    s.linear(refit=["w"]).refit({"b": B + 1})


@scene
def refit_strict(s):
    s.linear().refit({"b": B, "bn.num_batches_tracked": np.array(7)}, strict=True)


@scene
def refit_of_a_guarded_weight(s):
    exponent = numpy_helper.from_array(np.float32(2), "exponent")
    engine = s.build(relu_model(nodes=[helper.make_node("Pow", ["x", "exponent"], ["y"])], initializers=[exponent]))
    engine.refit({"exponent": np.float32(3)})


@scene
def refit_of_an_identical_plan(s):
    engine = s.load(s.plan(identical=True))
    engine.refit({"b": np.float32([7, 7, 7, 7])})


@scene
def refit_from_shifted_onnx_names(s):
    def model(first, second):
        nodes = [helper.make_node("Mul", ["x", first], ["t"]), helper.make_node("Add", ["t", second], ["y"])]
        arrays = [numpy_helper.from_array(np.float32([i, i, i]), f"v{i}") for i in (1, 2)]
        return relu_model(nodes=nodes, initializers=arrays)

    engine = s.build(model("v1", "v2"))
    engine.refit(s.file("shifted.onnx", model("v2", "v1").SerializeToString()))


def scaled_model(value, sparse=()):
    """y = x c + w"""
    c = helper.make_node("Constant", [], ["c"], value_float=value)
    nodes = [c, helper.make_node("Mul", ["x", "c"], ["t"]), helper.make_node("Add", ["t", "w"], ["y"])]
    w = [] if sparse else [numpy_helper.from_array(np.ones(3, np.float32), "w")]
    model = relu_model(nodes=nodes, initializers=w)
    model.graph.sparse_initializer.extend(sparse)
    return model.SerializeToString()


@scene
def refit_from_onnx_with_another_constant(s):
    s.build(scaled_model(2.0)).refit(s.file("new.onnx", scaled_model(3.0)))


@scene
def refit_from_onnx_with_a_sparse_weight(s):
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [5])
    w = helper.make_sparse_tensor(values, helper.make_tensor("", TensorProto.INT64, [1], [2]), [3])
    s.build(scaled_model(2.0)).refit(s.file("new.onnx", scaled_model(2.0, [w])))


@scene
def refit_with_no_such_file(s):
    s.linear().refit(s.folder / "gone.safetensors")


@scene
def refit_with_something_else(s):
    s.linear().refit({"b": "zeros"})


@scene
def a_weight_is_read_after_its_source_was_rewritten_in_place(s):
    path = s.folder / "new.safetensors"
    save_file({"w": 2 * W, "b": B}, path)
    engine = s.linear()
    engine.refit(path)
    with open(path, "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\0\0\0")
    os.utime(path, (1, 1))
    engine.weights["w"].numpy()


@scene
def save_after_the_source_was_rewritten_in_place(s):
    path = s.folder / "new.safetensors"
    save_file({"w": 2 * W, "b": B}, path)
    engine = s.linear()
    engine.refit(path)
    os.utime(path, (1, 1))
    engine.save(s.folder / "new.plan")


@scene
def partial_refit_after_the_source_was_rewritten_in_place(s):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *"gbmv"], ["y"]),
    ]
    arrays = {"w": np.ones((2, 1, 1, 1), np.float32)} | {name: np.ones(2, np.float32) for name in "gbmv"}
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    engine = s.build(relu_model(("n", 1, 2, 2), nodes, tensors))
    path = s.folder / "new.safetensors"
    save_file(arrays, path)
    engine.refit(path)
    os.utime(path, (1, 1))
    engine.refit({"g": arrays["g"]})


# --- running


@scene
def input_name_is_unknown(s):
    s.lenet().run({"image": np.zeros((1, 1, 28, 28), np.float32)})


@scene
def input_is_missing(s):
    s.lenet().run({})


@scene
def input_is_given_twice(s):
    s.linear()(X, x=X)


@scene
def inputs_are_too_many(s):
    s.linear()(X, X)


@scene
def input_dtype_is_wrong(s):
    s.linear()(X.astype(np.float64))


@scene
def input_rank_is_wrong(s):
    s.lenet()(np.zeros((28, 28), np.float32))


@scene
def input_size_is_wrong(s):
    s.lenet()(np.zeros((1, 1, 32, 32), np.float32))


@scene
def input_is_no_array(s):
    s.linear()("pixels")


@scene
def output_name_is_unknown(s):
    s.linear().run({"x": X}, out={"z": np.zeros((1, 4), np.float32)})


@scene
def output_has_another_shape(s):
    s.linear().run({"x": X}, out={"y": np.zeros((1, 5), np.float32)})


@scene
def output_of_a_pebibyte(s):
    model = relu_model(("n", 1, 1), [helper.make_node("Where", ["c", "x", "z"], ["y"])])
    for name, dtype, shape in ("c", TensorProto.BOOL, (1, "m", 1)), ("z", TensorProto.FLOAT, (1, 1, "k")):
        model.graph.input.append(helper.make_tensor_value_info(name, dtype, shape))
    edge = np.ones(2**16, np.float32)
    s.build(model)(x=edge[:, None, None], c=edge[None, :, None] > 0, z=edge[None, None, :])


@scene
def engine_is_not_ready(s):
    s.load(s.plan(strip=True))(X)


@scene
def sets_of_another_engine(s):
    s.linear().publish(s.linear().current)


# --- plans


def digest_of(s, data):
    """As Tenon makes it: of a weight with these bytes."""
    net = tenon.Network()
    net.weight("data", np.frombuffer(data, np.uint8))
    net.output("y", net.relu(net.input("x", [1])))
    return tenon.build(net, device=s.device).weights["data"].digest


def rewritten(s, change, sign=True):
    """A plan with another program; its digest fits where it is signed."""
    path = s.plan()
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header["__metadata__"]
    (digest,) = (key for key, value in metadata.items() if value.startswith("xxh3:"))
    (program,) = (key for key, value in metadata.items() if value.startswith("{"))
    assert digest_of(s, metadata[program].encode()) == metadata[digest]
    text = change(metadata[program])
    assert text != metadata[program]
    metadata[program] = text
    if sign:
        metadata[digest] = digest_of(s, text.encode())
    path.write_bytes(safetensors_bytes(header, data[8 + length :]))
    return path


@scene
def plan_is_missing(s):
    s.load(s.folder / "gone.plan")


@scene
def plan_is_truncated(s):
    path = s.plan()
    path.write_bytes(path.read_bytes()[:-4])
    s.load(path)


@scene
def plan_is_damaged_in_a_weight(s):
    path = s.plan()
    data = bytearray(path.read_bytes())
    data[-2] ^= 64
    path.write_bytes(data)
    s.load(path)


@scene
def plan_is_damaged_in_its_program(s):
    s.load(rewritten(s, lambda text: text.replace("matmul", "matmut"), sign=False))


@scene
def plan_is_of_another_format(s):
    s.load(rewritten(s, lambda text: text.replace('"format":5', '"format":9')))


@scene
def plan_has_an_op_of_another_version(s):
    s.load(rewritten(s, lambda text: text.replace("matmul(", "telepathy(")))


@scene
def plan_has_a_field_of_another_version(s):
    s.load(rewritten(s, lambda text: text.replace('"format":5', '"format":5,"future":2')))


@scene
def plan_is_an_onnx_file(s):
    s.load(s.mnist / "lenet.onnx")


@scene
def plan_is_a_checkpoint(s):
    s.load(s.mnist / "lenet_a.safetensors")


def skip_beside_a_driver():
    with contextlib.suppress(OSError):
        ctypes.CDLL("libcuda.so.1")
        pytest.skip("NVIDIA's driver is here")


@scene
def plan_is_for_a_device_that_is_not_here(s):
    skip_beside_a_driver()
    tenon.load(s.plan(), device="cuda")


@scene
def save_into_a_folder_that_is_not_there(s):
    s.linear().save(s.folder / "gone" / "linear.plan")


@scene
def save_to_no_name(s):
    s.linear().save("")


@scene
def save_onto_a_folder(s):
    (s.folder / "linear.plan").mkdir()
    s.linear().save(s.folder / "linear.plan")


@scene
def save_without_space(s):
    engine = s.linear(w=np.ones((3, 40000), np.float32), b=np.ones(40000, np.float32))
    path = s.file("linear.plan", b"the old one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # Python ignores SIGXFSZ
    try:
        engine.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == b"the old one"
        assert os.listdir(s.folder) == ["linear.plan"]


@scene
def save_of_an_engine_without_weights(s):
    s.load(s.plan(strip=True)).save(s.folder / "again.plan")


# --- options


@scene
def device_is_not_here(s):
    skip_beside_a_driver()
    tenon.build(s.mnist / "lenet.onnx", device="cuda:0")


@scene
def model_is_no_model(s):
    tenon.build(5)


@scene
def refit_names_nobody(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, refit=["fc1.weigth"])


@scene
def without_is_no_pass(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, without="fusion")


@scene
def tactics_are_unknown(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, tactics="best")


@scene
def memory_is_unknown(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, memory="none")


@scene
def sources_are_unknown(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, sources="lose")


@scene
def sets_are_too_few(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, sets=1)


@scene
def threads_are_too_few(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, threads=0)


@scene
def shapes_name_no_input(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, shapes={"image": (1, 1, 28, 28)})


@scene
def shapes_have_another_rank(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, shapes={"input": (1, 28, 28)})


@scene
def shapes_change_a_fixed_extent(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, shapes={"input": ("n", 1, 32, 28)})


@scene
def shapes_are_not_in_order(s):
    tenon.build(s.mnist / "lenet.onnx", device=s.device, shapes={"input": ((8, 4, 2), 1, 28, 28)})


@scene
def load_tactics_are_unknown(s):
    tenon.load(s.plan(), tactics="best")


@scene
def network_dtype_is_unknown(s):
    tenon.Network().input("x", [3], "float8")


@scene
def network_operands_do_not_fit(s):
    net = tenon.Network()
    net.matmul(net.input("x", ["n", 3]), net.weight("w", np.zeros((4, 5), np.float32)))


@scene
def network_name_is_taken(s):
    net = tenon.Network()
    net.weight("w", W)
    net.weight("w", W)


@scene
def network_has_no_output(s):
    net = tenon.Network()
    net.relu(net.input("x", [3]))
    tenon.build(net, device=s.device)


@scene
def network_value_is_another_networks(s):
    one, two = tenon.Network(), tenon.Network()
    one.relu(two.relu(two.input("x", [3])))


def add_to(network, op, *inputs, **options):
    return network.add(op, network.input("x", [2, 3]), *inputs, name="node", **options)


@scene
def network_op_is_unknown(s):
    add_to(tenon.Network(), "Softmaks")


@scene
def network_version_is_out_of_range(s):
    add_to(tenon.Network(), "Relu", version=29)


@scene
def network_operands_are_too_many(s):
    net = tenon.Network()
    add_to(net, "Relu", net.input("y", [3]))


@scene
def network_operand_is_another_networks(s):
    add_to(tenon.Network(), "Add", tenon.Network().input("y", [3]))


@scene
def network_attribute_is_unknown(s):
    add_to(tenon.Network(), "Softmax", axes=1, version=13)


@scene
def network_attribute_is_of_another_type(s):
    add_to(tenon.Network(), "Softmax", axis="last")


@scene
def network_attribute_is_no_value(s):
    add_to(tenon.Network(), "Softmax", axis=[1, "last"])


@scene
def network_outputs_are_too_many(s):
    add_to(tenon.Network(), "Relu", outputs=["a", "b"])


def golden():
    """By name: the class, the code, and the lines."""
    messages = {}
    for block in GOLDEN.read_text().split("\n\n")[1:]:
        title, *lines = block.strip().split("\n")
        messages[title.split(":")[0]] = (title.split(": ")[1], [line.removeprefix("    ") for line in lines])
    return messages


def said(function, stage):
    with pytest.raises(tenon.Error) as raised:
        function(stage)
    error = raised.value
    lines = error.problems if isinstance(error, tenon.RefitError) else [str(error)]
    lines = [line.replace(str(stage.folder), "{folder}").replace(str(stage.mnist), "{mnist}") for line in lines]
    lines = [re.sub("xxh3:[0-9a-f]{16}", "xxh3:…", line) for line in lines]
    return f"{type(error).__name__} {error.code}", lines


@pytest.mark.parametrize("name", SCENES)
def test_message(name, tmp_path, device, mnist):
    heading, lines = said(SCENES[name], Stage(tmp_path, device, mnist))
    want_heading, want_lines = golden()[name]
    assert (heading, lines) == (want_heading, want_lines)


def test_every_golden_message_has_its_scene():
    assert set(golden()) == set(SCENES) and len(SCENES) >= 40


def test_every_message_is_one_line_in_lower_case():
    for name, (_, lines) in golden().items():
        for line in lines:
            assert line and line == line.strip() and not line.endswith("."), name
            assert not line[0].isupper(), name
