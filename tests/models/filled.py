"""Exports without their weights, filled with seeded ones: another seed is another checkpoint."""

import zlib

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper


def variances(graph):
    """Names that a BatchNormalization takes as variances, through Identities too."""
    same = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}
    names = [node.input[4] for node in graph.node if node.op_type == "BatchNormalization"]
    return {same.get(name, name) for name in names}


def values(name, shape, seed, positive):
    """Of a scale that keeps activations finite through deep graphs."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if positive:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if len([extent for extent in shape if extent > 1]) < 2:
        return (0.02 * rng.standard_normal(shape)).astype(np.float32)
    fan_in = int(np.prod(shape[1:])) if len(shape) > 2 else min(shape)
    return (rng.standard_normal(shape) * (1.5 / fan_in) ** 0.5).astype(np.float32)


def filled(path, seed):
    """The model as bytes."""
    model = onnx.load(path, load_external_data=False)
    positive = variances(model.graph)
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        name = tensor.name
        made = values(name, tuple(tensor.dims), seed, name in positive)
        tensor.CopyFrom(numpy_helper.from_array(made, name))
    return model.SerializeToString()


def untied(path, seed):
    """The model as bytes, each merged initializer come apart as in a trained network: no two float vectors are equal.

    Exporters write an Identity for each name that was lost.
    """
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    there = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Identity" and node.input[0] in there]:
        graph.initializer.add(name=node.output[0], data_type=TensorProto.FLOAT, dims=there[node.input[0]].dims)
        graph.node.remove(node)
    positive = variances(graph)
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            made = values(tensor.name, tuple(tensor.dims), seed, tensor.name in positive)
            tensor.CopyFrom(numpy_helper.from_array(made, tensor.name))
    return model.SerializeToString()


def replaced(path, arrays):
    """The model as bytes, with these arrays in place of its initializers."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name in arrays:
            tensor.CopyFrom(numpy_helper.from_array(arrays[tensor.name], tensor.name))
    return model.SerializeToString()


def weight_bytes(path):
    """Of the float weights that are not in the file."""
    graph = onnx.load(path, load_external_data=False).graph
    return sum(4 * int(np.prod(t.dims)) for t in graph.initializer if t.data_location == TensorProto.EXTERNAL)
