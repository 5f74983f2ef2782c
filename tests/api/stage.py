"""What the scenes of test_messages.py work with: a folder, engines, and bytes that are wrong in one place."""

import json
import struct

from linear import linear_engine
from onnx import TensorProto, helper

import tenon

SCENES = {}


def scene(function):
    SCENES[function.__name__] = function
    return function


class Stage:
    """What a scene works with: a folder of its own, the device, LeNet, and y = x w + b."""

    def __init__(self, folder, device, mnist):
        self.folder, self.device, self.mnist = folder, device, mnist

    def linear(self, **options):
        return linear_engine(self.device, **options)

    def lenet(self):
        return tenon.build(self.mnist / "lenet.onnx", device=self.device, tactics="first")

    def file(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def build(self, model, name="model.onnx"):
        data = model if isinstance(model, bytes) else model.SerializeToString()
        return tenon.build(self.file(name, data), device=self.device)

    def plan(self, **options):
        path = self.folder / "linear.plan"
        self.linear().save(path, **options)
        return path

    def load(self, path):
        return tenon.load(path, device=self.device)


def relu_model(shape=("n", 3), nodes=None, initializers=(), opset=21):
    nodes = nodes or [helper.make_node("Relu", ["x"], ["y"], name="act")]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_empty_tensor_value_info("y")
    graph = helper.make_graph(nodes, "g", [x], [y], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def external_model(location, offset=0, length=48):
    """y = x w + b with w in another file."""
    w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": str(offset), "length": str(length)}.items():
        w.external_data.add(key=key, value=value)
    return relu_model(nodes=[helper.make_node("MatMul", ["x", "w"], ["y"])], initializers=[w])


def varint(value):
    low = bytes()
    while value >= 128:
        low += bytes([value % 128 + 128])
        value //= 128
    return low + bytes([value])


def safetensors_bytes(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def f32(begin, end, shape):
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
