"""Mask R-CNN, whose outputs are as long as what it finds: parsed, walked, built, run through output allocators."""

import pathlib
import sys

import numpy as np
import onnx
import tenon.trt as trt
from small import quiet

import tenon

MODELS = pathlib.Path(__file__).parents[4] / "tests" / "models"
sys.path.insert(0, str(MODELS))
from filled import filled  # noqa: E402
from test_mask_rcnn import GRAPH, TOLERANCE, distance, references  # noqa: E402


class Allocator(trt.IOutputAllocator):
    def __init__(self):
        trt.IOutputAllocator.__init__(self)
        self.memory, self.shape = None, None

    def reallocate_output_async(self, tensor_name, memory, size, alignment, stream):
        self.memory = np.empty(size, np.uint8)
        return self.memory.ctypes.data

    def notify_shape(self, tensor_name, shape):
        self.shape = tuple(shape)


def outputs_of(engine, inputs):
    context, allocators = engine.create_execution_context(), {}
    for name in (engine.get_tensor_name(i) for i in range(engine.num_io_tensors)):
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            assert context.set_tensor_address(name, inputs[name].ctypes.data)
        else:
            allocators[name] = Allocator()
            assert context.set_output_allocator(name, allocators[name])
    assert context.execute_async_v3(0)
    made = {}
    for name, each in allocators.items():
        dtype = np.dtype(trt.nptype(engine.get_tensor_dtype(name)))
        made[name] = each.memory[: int(np.prod(each.shape)) * dtype.itemsize].view(dtype).reshape(each.shape)
    return made


def test_mask_r_cnn_is_refitted_by_layer_and_role():
    model, second = filled(GRAPH, 1), filled(GRAPH, 3)
    logger = quiet()
    builder = trt.Builder(logger)
    network, config = builder.create_network(), builder.create_builder_config()
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(model)
    config.builder_optimization_level = 0
    config.set_flag(trt.BuilderFlag.REFIT)
    profile, x = builder.create_optimization_profile(), network.get_input(0)
    shape = [320 if extent < 0 else extent for extent in x.shape]
    profile.set_shape(x.name, shape, shape, shape)
    config.add_optimization_profile(profile)
    engine = builder.build_engine_with_config(network, config)
    inputs = {x.name: np.random.default_rng(3).random(tuple(shape)).astype(np.float32)}
    got = outputs_of(engine, inputs)
    assert all(array.shape[0] > 0 for array in got.values()), "nothing is detected"
    for name, want, other in zip(*references(model, inputs), strict=True):
        assert got[name].shape == want.shape and distance(got[name], want) <= max(TOLERANCE, distance(other, want)), name

    own = tenon.build(second, tactics="first")
    refitter = trt.Refitter(engine, logger)
    names = refitter.get_all_weights()
    assert names == sorted(own.weights)
    arrays = {name: own.weights[name].numpy() for name in names}
    inputs_of = {node.name: node.input for node in onnx.load_from_string(model).graph.node}
    for layer, role in zip(*refitter.get_all(), strict=True):
        at = {trt.WeightsRole.KERNEL: 1, trt.WeightsRole.BIAS: 2}.get(role)
        name = layer if at is None else inputs_of[layer][at]
        assert refitter.set_weights(layer, role, arrays[name]), (layer, role)
    assert refitter.refit_cuda_engine()
    want = own.run(inputs)
    for name, array in outputs_of(engine, inputs).items():
        np.testing.assert_array_equal(array, want[name])
