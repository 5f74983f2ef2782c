"""Each scene does one wrong thing; golden_messages.txt holds the one report that it gives."""

import functools
import pathlib
import tempfile

import numpy as np
import pytest
import tenon.trt as trt
from onnx import TensorProto, helper
from small import Records, build, network, weights

GOLDEN = pathlib.Path(__file__).parents[1] / "golden_messages.txt"
SCENES = {}
SUM, F = trt.ElementWiseOperation.SUM, trt.BuilderFlag
LONG = "n" * 4096


def scene(function):
    SCENES[function.__name__] = function
    return function


class Stage:
    """A logger, a builder, a configuration, and a network with an image x and a matrix m."""

    def __init__(self):
        self.logger = Records()
        self.builder = trt.Builder(self.logger)
        self.config = self.builder.create_builder_config()
        self.config.builder_optimization_level = 0
        self.net = self.builder.create_network(1)
        self.x = self.net.add_input("x", trt.float32, (1, 2, 6, 6))
        self.m = self.net.add_input("m", trt.float32, (4, 5))

    def build(self, *outputs):
        for tensor in outputs:
            self.net.mark_output(tensor)
        return self.builder.build_serialized_network(self.net, self.config)

    def engine(self, *flags):
        self.w = weights(1)
        return trt.Runtime(self.logger).deserialize_cuda_engine(build(self.w, *flags))

    def refitter(self):
        return trt.Refitter(self.engine(F.REFIT), self.logger)

    def context(self):
        return self.engine().create_execution_context()

    def layer(self, layer):
        """What an add or else a build tells."""
        if layer is None:
            return None
        self.net.mark_output(layer.get_output(0))
        return self.builder.build_serialized_network(self.net, self.config)

    def parse(self, *nodes, inputs=("a",), type_=TensorProto.FLOAT):
        given = [helper.make_tensor_value_info(name, type_, [2, 2]) for name in inputs]
        graph = helper.make_graph(list(nodes), "g", given, [helper.make_empty_tensor_value_info("y")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        parser = trt.OnnxParser(self.builder.create_network(0), self.logger)
        return parser.parse(model.SerializeToString())


# --- networks: names, types, extents


@scene
def an_input_without_a_name(s):
    s.net.add_input("", trt.float32, (1,))


@scene
def an_input_whose_name_is_too_long(s):
    s.net.add_input(LONG, trt.float32, (1,))


@scene
def an_input_twice(s):
    s.net.add_input("x", trt.float32, (1,))


@scene
def an_input_of_a_lacking_type(s):
    s.net.add_input("z", trt.fp8, (1,))


@scene
def an_input_of_negative_extents(s):
    s.net.add_input("z", trt.float32, (-2,))


@scene
def a_network_of_unknown_flags(s):
    s.builder.create_network(1 << 7)


@scene
def a_network_of_both_kinds_of_plugins(s):
    s.builder.create_network(0b1100)


@scene
def another_networks_tensor(s):
    s.net.add_identity(s.builder.create_network(0).add_input("z", trt.float32, (1,)))


@scene
def an_input_as_output(s):
    s.net.mark_output(s.x)


@scene
def a_layer_that_is_not_there(s):
    s.net.get_layer(7)


@scene
def the_dimensions_of_what_is_inferred(s):
    s.net.add_identity(s.x).get_output(0).shape = (1,)


@scene
def formats_without_linear(s):
    s.x.allowed_formats = 1 << int(trt.TensorFormat.CHW32)


@scene
def a_range_from_more_to_less(s):
    s.x.dynamic_range = (1, -1)


@scene
def a_dimension_name_of_an_axis_that_is_not_there(s):
    s.x.set_dimension_name(9, "n")


# --- layers


@scene
def no_output_maps(s):
    s.net.add_convolution_nd(s.x, 0, (3, 3), np.ones(18, np.float32))


@scene
def a_window_of_one_axis(s):
    s.net.add_pooling_nd(s.x, trt.PoolingType.MAX, (2,))


@scene
def a_kernel_of_a_wrong_count(s):
    s.layer(s.net.add_convolution_nd(s.x, 4, (3, 3), np.ones(50, np.float32)))


@scene
def a_bias_of_a_wrong_count(s):
    s.layer(s.net.add_convolution_nd(s.x, 4, (3, 3), np.ones(72, np.float32), np.ones(3, np.float32)))


@scene
def a_constant_of_a_wrong_count(s):
    s.layer(s.net.add_constant((2, 3), np.ones(5, np.float32)))


@scene
def ranks_that_differ(s):
    s.layer(s.net.add_elementwise(s.x, s.m, SUM))


@scene
def extents_that_do_not_broadcast(s):
    s.layer(s.net.add_elementwise(s.m, s.net.add_input("z", trt.float32, (4, 3)), SUM))


@scene
def a_product_of_extents_that_do_not_match(s):
    s.layer(s.net.add_matrix_multiply(s.m, trt.MatrixOperation.NONE, s.m, trt.MatrixOperation.NONE))


@scene
def a_softmax_along_several_axes(s):
    s.net.add_softmax(s.x).axes = 3


@scene
def a_reduction_outside_of_the_rank(s):
    s.layer(s.net.add_reduce(s.m, trt.ReduceOperation.SUM, 1 << 4, True))


@scene
def a_reshape_to_another_count(s):
    shuffle = s.net.add_shuffle(s.m)
    shuffle.reshape_dims = (3, 7)
    s.layer(shuffle)


@scene
def a_topk_of_several_axes(s):
    s.net.add_topk(s.x, trt.TopKOperation.MAX, 1, 3)


@scene
def an_input_that_a_layer_does_not_have(s):
    s.net.add_identity(s.x).set_input(3, s.x)


@scene
def a_random_fill_of_integers(s):
    s.net.add_fill((2,), trt.FillOperation.RANDOM_UNIFORM, trt.int32)


@scene
def a_fill_of_unknown_extents(s):
    s.layer(s.net.add_fill((-1,), trt.FillOperation.RANDOM_NORMAL))


@scene
def an_attention_of_matrices(s):
    made = s.net.add_attention(s.m, s.m, s.m, trt.AttentionNormalizationOp.SOFTMAX, False)
    s.build(made.get_output(0))


@scene
def an_odd_rotation(s):
    s.net.add_rotary_embedding(s.x, s.x, s.x, False, 3)


@scene
def an_assertion_of_numbers(s):
    s.net.add_assertion(s.m, "no")
    s.layer(s.net.add_identity(s.m))


@scene
def a_plugin(s):
    s.net.add_plugin_v2([s.x], object())


# --- weights by name


@scene
def the_name_of_weights_that_no_layer_has(s):
    s.net.set_weights_name(np.ones(3, np.float32), "w")


@scene
def two_weights_of_one_name(s):
    w = weights(1)
    net = network(s.builder, w)
    net.set_weights_name(w["bias"], "conv1.weight")


@scene
def a_mark_of_unknown_weights(s):
    s.net.mark_weights_refittable("nobody")


# --- configurations and builds


@scene
def unknown_builder_flags(s):
    s.config.flags = 1 << 30


@scene
def a_negative_optimization_level(s):
    s.config.builder_optimization_level = -1


@scene
def a_pool_of_dla(s):
    s.config.set_memory_pool_limit(trt.MemoryPoolType.DLA_LOCAL_DRAM, 4096)


@scene
def a_timing_cache_of_other_bytes(s):
    s.config.create_timing_cache(b"other")


@scene
def a_build_without_outputs(s):
    s.build()


@scene
def individual_and_all(s):
    s.config.set_flag(F.REFIT)
    s.config.set_flag(F.REFIT_INDIVIDUAL)
    s.layer(s.net.add_identity(s.x))


@scene
def half_precision_of_a_typed_network(s):
    net = s.builder.create_network(2)
    net.mark_output(net.add_identity(net.add_input("z", trt.float32, (2,))).get_output(0))
    s.config.set_flag(F.FP16)
    s.builder.build_serialized_network(net, s.config)


@scene
def a_safe_engine(s):
    s.config.engine_capability = trt.EngineCapability.SAFETY
    s.layer(s.net.add_identity(s.x))


@scene
def an_open_extent_without_a_profile(s):
    s.layer(s.net.add_identity(s.net.add_input("z", trt.float32, (-1, 2))))


@scene
def a_profile_without_the_input(s):
    z = s.net.add_input("z", trt.float32, (-1, 2))
    profile = s.builder.create_optimization_profile()
    profile.set_shape("other", (1,), (1,), (1,))
    s.config.add_optimization_profile(profile)
    s.layer(s.net.add_identity(z))


@scene
def a_profile_that_falls(s):
    with pytest.raises(RuntimeError):
        s.builder.create_optimization_profile().set_shape("x", (2,), (1,), (3,))


@scene
def an_engine_without_detour_of_compatible_plans(s):
    s.config.set_flag(F.VERSION_COMPATIBLE)
    s.net.mark_output(s.net.add_identity(s.x).get_output(0))
    s.builder.build_engine_with_config(s.net, s.config)


# --- plans


@scene
def an_empty_plan(s):
    trt.Runtime(s.logger).deserialize_cuda_engine(b"")


@scene
def a_plan_of_nvidias(s):
    trt.Runtime(s.logger).deserialize_cuda_engine(b"ftrt" + bytes(64))


@scene
def a_truncated_plan(s):
    trt.Runtime(s.logger).deserialize_cuda_engine(build(weights(1))[:-40])


@scene
def a_plan_that_is_a_sentence(s):
    trt.Runtime(s.logger).deserialize_cuda_engine(b"this is no plan, it is a sentence")


@scene
def a_compatible_plan_without_leave(s):
    s.engine(F.VERSION_COMPATIBLE)


@scene
def a_library_that_is_no_runtime(s):
    trt.Runtime(s.logger).load_runtime("/proc/self/exe")


@scene
def stripping_what_is_frozen(s):
    engine = s.engine()
    config = engine.create_serialization_config()
    config.set_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    engine.serialize_with_config(config)


@scene
def saving_full_what_was_never_filled(s):
    engine = s.engine(F.REFIT, F.STRIP_PLAN)
    config = engine.create_serialization_config()
    config.clear_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    engine.serialize_with_config(config)


# --- runs


@scene
def a_run_without_addresses(s):
    s.context().execute_async_v3(0)


@scene
def an_address_of_nobody(s):
    s.context().set_tensor_address("nobody", 64)


@scene
def a_shape_that_does_not_fit(s):
    s.context().set_input_shape("x", (2, 2, 6, 6))


@scene
def a_profile_that_is_not_there(s):
    with pytest.raises(RuntimeError):
        s.context().set_optimization_profile_async(3, 0)


@scene
def a_run_of_an_engine_without_weights(s):
    context = s.engine(F.REFIT, F.STRIP_PLAN).create_execution_context()
    x, y = np.ones((1, 2, 6, 6), np.float32), np.ones((1, 5), np.float32)
    context.execute_v2([x.ctypes.data, y.ctypes.data])


@scene
def an_index_outside(s):
    at = s.net.add_input("at", trt.int32, (1,))
    y = s.net.add_gather(s.m, at, 0).get_output(0)
    y.name = "y"
    s.net.mark_output(y)
    engine = s.builder.build_engine_with_config(s.net, s.config)
    memory = {"x": np.ones((1, 2, 6, 6), np.float32), "m": np.ones((4, 5), np.float32), "at": np.array([9], np.int32), "y": np.ones((1, 5), np.float32)}
    engine.create_execution_context().execute_v2([memory[name].ctypes.data for name in engine])


# --- refits


@scene
def a_refitter_of_a_frozen_engine(s):
    with pytest.raises(TypeError):
        trt.Refitter(s.engine(), s.logger)


@scene
def weights_of_an_unknown_name(s):
    s.refitter().set_named_weights("conv1.weigth", np.ones(54, np.float32))


@scene
def weights_of_a_wrong_count(s):
    s.refitter().set_named_weights("conv1.weight", np.ones(53, np.float32))


@scene
def weights_of_a_wrong_type(s):
    s.refitter().set_named_weights("conv1.weight", np.ones(54, np.float16))


@scene
def weights_at_null(s):
    s.refitter().set_named_weights("conv1.weight", trt.Weights(trt.float32, 0, 54))


@scene
def a_role_that_a_layer_does_not_have(s):
    s.refitter().set_weights("conv_1", trt.WeightsRole.SHIFT, np.ones(3, np.float32))


@scene
def weights_that_were_never_set(s):
    s.refitter().unset_named_weights("conv1.weight")


@scene
def a_fill_that_lacks_weights(s):
    trt.Refitter(s.engine(F.REFIT, F.STRIP_PLAN), s.logger).refit_cuda_engine()


@scene
def other_values_than_the_identical(s):
    refitter = trt.Refitter(s.engine(F.REFIT_IDENTICAL), s.logger)
    refitter.set_named_weights("conv1.weight", np.ones(54, np.float32))
    refitter.refit_cuda_engine()


# --- ONNX


@scene
def a_model_of_unknown_operators(s):
    s.parse(helper.make_node("Frobnicate", ["a"], ["y"], name="f", domain="other"))


@scene
def a_model_of_strings(s):
    s.parse(helper.make_node("Identity", ["a"], ["y"], name="i"), type_=TensorProto.STRING)


@scene
def a_model_that_is_no_model(s):
    trt.OnnxParser(s.builder.create_network(0), s.logger).parse(b"no model")


@scene
def a_model_that_is_not_there(s):
    trt.OnnxParser(s.builder.create_network(0), s.logger).parse_from_file("/nowhere/model.onnx")


@functools.cache
def told(name):
    stage = Stage()
    SCENES[name](stage)
    return stage.logger.errors()


def test_bad_input_is_told_as_it_is_written():
    said = "\n".join(f"{name}\n" + "".join(f"    {line}\n" for line in told(name)) for name in SCENES)
    golden = GOLDEN.read_text()
    whole = golden.partition("\n\n")[0] + f"\n\n{said}"
    if whole != golden:
        actual = pathlib.Path(tempfile.gettempdir(), "trt_golden_messages.txt")
        actual.write_text(whole)
        pytest.fail(f"cp {actual} {GOLDEN} where the change is meant")


def test_each_problem_is_one_report():
    counts = {name: len(told(name)) for name in SCENES}
    assert {name: count for name, count in counts.items() if count != 1} == {}
