"""Every name of the tables: there, with its keywords; parameters keep what they are given."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tenon.trt as trt
from layers_for_test import Layers, floats
from small import Records, engine, network, quiet, weights

TABLES = pathlib.Path(__file__).parents[1] / "tables"
sys.path.insert(0, str(TABLES))
import coverage  # noqa: E402
import tables  # noqa: E402

ROOT = pathlib.Path(__file__).parents[4]
COMPILERS = [name for name in ("g++", "clang++-16") if shutil.which(name)]


@pytest.mark.parametrize("standard", [14, 17, 20])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_name_is_there(compiler, standard, tmp_path):
    program = tmp_path / "names.cpp"
    program.write_text(tables.program(tables.cpp()))
    flags = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-fno-rtti", "-fno-exceptions", f"-std=c++{standard}"]
    include = f"-I{ROOT / 'doors/tensorrt/include'}"
    done = subprocess.run([compiler, *flags, include, program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]


def test_every_python_name_takes_its_keywords():
    assert tables.lacking(trt) == []


def test_the_coverage_page_is_that_of_the_tables():
    page = (ROOT / "docs/tensorrt_coverage.md").read_text()
    assert page == coverage.report(), "python doors/tensorrt/tests/tables/coverage.py > docs/tensorrt_coverage.md"


def image(layers, *shape):
    return layers.input(floats(*(shape or (1, 2, 8, 8))))


# How a layer is made, and parameters with a value that is not their default.
PARAMETERS = {
    "convolution": (
        lambda n, x: n.add_convolution_nd(x, 4, (3, 3), floats(4, 2, 3, 3)),
        {"kernel_size_nd": (5, 5), "num_output_maps": 8, "num_groups": 2, "stride_nd": (2, 1), "dilation_nd": (1, 2), "padding_nd": (1, 2),
         "padding_mode": trt.PaddingMode.SAME_UPPER, "kernel_size": (3, 1), "dilation": (2, 2), "num_output_channels": 6},
    ),
    "deconvolution": (
        lambda n, x: n.add_deconvolution(x, 4, (3, 3), floats(2, 4, 3, 3)),
        {"kernel_size_nd": (5, 5), "num_output_maps": 8, "kernel_size": (3, 1), "dilation": (2, 2), "pre_padding": (1, 0)},
    ),
    "pooling": (
        lambda n, x: n.add_pooling_nd(x, trt.PoolingType.MAX, (2, 2)),
        {"window_size_nd": (3, 3), "type": trt.PoolingType.MAX_AVERAGE_BLEND, "blend_factor": 0.25, "average_count_excludes_padding": False},
    ),
    "padding": (lambda n, x: n.add_padding_nd(x, (0, 0), (0, 0)), {"pre_padding_nd": (1, 2), "post_padding_nd": (3, 4)}),
    "shuffle": (lambda n, x: n.add_shuffle(x), {"zero_is_placeholder": False, "reshape_dims": (2, 64)}),
    "reduce": (lambda n, x: n.add_reduce(x, trt.ReduceOperation.SUM, 1, True), {"keep_dims": False, "axes": 6, "op": trt.ReduceOperation.MAX}),
    "topk": (lambda n, x: n.add_topk(x, trt.TopKOperation.MAX, 1, 1), {"indices_type": trt.int64, "axes": 8, "k": 2}),
    "gather": (lambda n, x: n.add_gather(x, x, 0), {"axis": 1, "num_elementwise_dims": 1}),
    "product": (
        lambda n, x: n.add_matrix_multiply(x, trt.MatrixOperation.NONE, x, trt.MatrixOperation.NONE),
        {"op0": trt.MatrixOperation.TRANSPOSE, "op1": trt.MatrixOperation.VECTOR, "transpose0": False, "transpose1": True},
    ),
    "cast": (lambda n, x: n.add_cast(x, trt.int32), {"to_type": trt.float16}),
    "resize": (
        lambda n, x: n.add_resize(x),
        {"selector_for_single_pixel": trt.ResizeSelector.UPPER, "exclude_outside": True, "cubic_coeff": -0.5, "align_corners": True,
         "shape": (1, 2, 4, 4)},
    ),
    "nms": (lambda n, x: n.add_nms(x, x, x), {"topk_box_limit": 7, "indices_type": trt.int64, "bounding_box_format": trt.BoundingBoxFormat.CENTER_SIZES}),
    "non-zero": (lambda n, x: n.add_non_zero(x), {"indices_type": trt.int64}),
    "fill": (lambda n, x: n.add_fill((2, 3), trt.FillOperation.LINSPACE), {"to_type": trt.int64, "alpha": 3, "beta": 2, "shape": (4,)}),
    "quantize": (lambda n, x: n.add_quantize(x, x), {"axis": 1, "to_type": trt.int8}),
    "dequantize": (lambda n, x: n.add_dequantize(x, x), {"axis": 1, "to_type": trt.float16}),
    "reverse": (lambda n, x: n.add_reverse_sequence(x, x), {"sequence_axis": 2, "batch_axis": 3}),
    "normalization": (
        lambda n, x: n.add_normalization(x, x, x, 4),
        {"epsilon": 0.5, "axes": 8, "num_groups": 2, "compute_precision": trt.float16, "precision": trt.float16},
    ),
    "activation": (lambda n, x: n.add_activation(x, trt.ActivationType.RELU), {"type": trt.ActivationType.CLIP, "alpha": 1.0, "beta": 2.0}),
}  # fmt: skip


@pytest.mark.parametrize("kind", PARAMETERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_parameters_keep_what_they_are_given(kind):
    logger = Records()
    layers = Layers(logger)
    make, parameters = PARAMETERS[kind]
    layer = make(layers.net, image(layers))
    for name, value in parameters.items():
        before = getattr(layer, name)
        setattr(layer, name, value)
        kept = getattr(layer, name)
        assert (tuple(kept) if isinstance(value, tuple) else kept) == value, name
        assert kept != before or name in ("to_type", "transpose0"), name
    assert not logger.errors()


def test_layers_without_parameters_have_a_class():
    layers = Layers()
    x, axes = image(layers, 1, 4), layers.constant(np.array([0], np.int32))
    conditional = layers.net.add_if_conditional()
    condition = conditional.set_condition(layers.constant(np.array(True)))
    branch = conditional.add_input(x)
    ends = conditional.add_output(branch.get_output(0), x)
    made = [
        (layers.net.add_identity(x), trt.IIdentityLayer),
        (layers.net.add_unsqueeze(x, axes), trt.IUnsqueezeLayer),
        (layers.net.add_ragged_softmax(x, x), trt.IRaggedSoftMaxLayer),
        (condition, trt.IConditionLayer),
        (branch, trt.IIfConditionalInputLayer),
        (ends, trt.IIfConditionalOutputLayer),
    ]
    assert [type(layer) for layer, _ in made] == [each for _, each in made]
    normalization = layers.net.add_normalization_v2(x, x, x, 2)
    assert normalization.is_v2 and not layers.net.add_normalization(x, x, x, 2).is_v2


def test_tensors_and_layers_answer():
    logger = Records()
    layers = Layers(logger)
    x = image(layers)
    assert x.is_network_input and not x.is_network_output and x.is_execution_tensor and not x.is_shape_tensor
    x.set_dimension_name(index=0, name="batch")
    assert x.get_dimension_name(0) == "batch" and x.get_dimension_name(1) is None
    x.allowed_formats = 1 << int(trt.TensorFormat.LINEAR)
    assert x.allowed_formats == 1
    x.allowed_formats = 1 << int(trt.TensorFormat.HWC8)
    assert x.allowed_formats == 1 and "allow kLINEAR" in logger.errors()[-1]
    x.dynamic_range = (-1, 1)
    x.location, x.broadcast_across_batch = trt.TensorLocation.HOST, True
    assert x.dynamic_range == (-1, 1) and not x.broadcast_across_batch
    identity = layers.net.add_identity(x)
    identity.set_output_type(0, trt.float16)
    assert identity.get_output_type(index=0) == trt.float16 and identity.output_type_is_set(0)
    identity.reset_output_type(0)
    assert identity.get_output_type(0) == trt.float32
    identity.num_ranks = 2
    assert identity.num_ranks == 1 and "one device" in logger.errors()[-1]
    quantize = layers.net.add_quantize(x, x)
    quantize.block_shape = (1, 16)
    assert len(logger.errors()) == 3 and "scales of blocks" in logger.errors()[-1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_networks_mark_and_unmark():
    logger, w = Records(), weights(0)
    builder = trt.Builder(logger)
    net = network(builder, w)
    y, relu = net.get_output(0), net[1].get_output(0)
    assert net.mark_output_for_shapes(relu) and net.num_outputs == 2 and relu.is_network_output
    assert net.unmark_output_for_shapes(relu) and not net.unmark_output_for_shapes(relu) and net.num_outputs == 1
    net.unmark_output(y)
    assert net.num_outputs == 0
    assert net.set_weights_name(w["bias"], "conv1.bias") and net.mark_weights_refittable("conv1.bias")
    assert net.are_weights_marked_refittable("conv1.bias") and net.unmark_weights_refittable("conv1.bias")
    assert not net.are_weights_marked_refittable("conv1.bias")
    assert not net.has_implicit_batch_dimension and not net.has_explicit_precision and not logger.errors()
    net.remove_tensor(relu)
    assert net.mark_debug(relu) and net.mark_debug(relu) and net.is_debug_tensor(relu)
    assert net.unmark_debug(relu) and not net.is_debug_tensor(relu) and not logger.errors()
    assert not net.unmark_debug(relu) and "no debug tensor" in logger.errors()[-1]
    assert not net.mark_unfused_tensors_as_debug_tensors() and not net.unmark_unfused_tensors_as_debug_tensors()
    assert len(logger.errors()) == 3 and "mark each by markDebug" in logger.errors()[-1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_builders_and_configurations_keep():
    logger = Records()
    builder = trt.Builder(logger)
    builder.max_threads = 3
    builder.max_threads = 0
    assert builder.max_threads == 3 and "1 is the least" in logger.errors()[-1]
    assert not (builder.platform_has_fast_fp16 or builder.platform_has_fast_int8 or builder.max_DLA_batch_size)
    builder.gpu_allocator = trt.IGpuAllocator()
    for name in ("int8_mode", "strict_type_constraints", "debug_sync"):
        setattr(builder, name, True)
        assert getattr(builder, name)
    for name, value in {"min_find_iterations": 4, "average_find_iterations": 5}.items():
        setattr(builder, name, value)
        assert getattr(builder, name) == value
    assert builder.get_device_type(None) == trt.DeviceType.GPU and not builder.can_run_on_DLA(None)
    builder.set_device_type(None, trt.DeviceType.DLA)
    assert "no DLA" in logger.errors()[-1]
    config = builder.create_builder_config()
    kept = {
        "avg_timing_iterations": 2, "hardware_compatibility_level": trt.HardwareCompatibilityLevel.AMPERE_PLUS, "max_aux_streams": 2,
        "runtime_platform": trt.RuntimePlatform.WINDOWS_AMD64, "max_num_tactics": 9, "l2_limit_for_tiling": 1 << 20,
        "tiling_optimization_level": trt.TilingOptimizationLevel.FULL, "profile_stream": 64, "quantization_flags": 1,
        "profiling_verbosity": trt.ProfilingVerbosity.DETAILED, "plugins_to_serialize": ["a.so"], "min_timing_iterations": 3,
    }  # fmt: skip
    for name, value in kept.items():
        assert getattr(config, name) != value
        setattr(config, name, value)
        assert getattr(config, name) == value
    assert config.get_quantization_flag(trt.QuantizationFlag.CALIBRATE_BEFORE_FUSION)
    config.clear_quantization_flag(trt.QuantizationFlag.CALIBRATE_BEFORE_FUSION)
    assert config.quantization_flags == 0
    assert config.set_tactic_sources(3) and config.get_tactic_sources() == 3 and not config.set_tactic_sources(1 << 9)
    config.set_preview_feature(trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03, True)
    assert config.get_preview_feature(trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03)
    config.remote_auto_tuning_config = config.build_route = "route"
    assert config.remote_auto_tuning_config == config.build_route == "" and config.all_build_routes == "{}"
    config.DLA_core = 1
    config.default_device_type = trt.DeviceType.DLA
    assert config.DLA_core == -1 and config.default_device_type == trt.DeviceType.GPU
    net = network(builder, weights(0))
    assert not config.can_run_on_DLA(net[0]) and not config.is_device_type_set(net[0])
    config.set_device_type(net[0], trt.DeviceType.GPU)
    assert config.is_device_type_set(net[0]) and config.get_device_type(net[0]) == trt.DeviceType.GPU
    config.reset_device_type(net[0])
    assert builder.build_serialized_network(net, config) is None and "carries no plugins" in logger.errors()[-1]


def test_a_build_warns_of_what_it_does_not_ask():
    logger = Records()
    builder = trt.Builder(logger)
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    config.int8_calibrator, config.algorithm_selector = trt.IInt8EntropyCalibrator2(), trt.IAlgorithmSelector()
    assert isinstance(config.int8_calibrator, trt.IInt8EntropyCalibrator2) and config.algorithm_selector is not None
    assert config.set_calibration_profile(profile) and config.get_calibration_profile() is not None
    profile.set_shape_input("n", [1], [2], [3])
    assert profile.get_shape_input("n") == [[1], [2], [3]] and profile.get_shape_input("m") == []
    with pytest.raises(RuntimeError, match="opt input provided for shape tensor"):
        profile.set_shape_input("n", [1], [2, 2], [3])
    profile.extra_memory_target = 0.5
    assert profile.extra_memory_target == 0.5 and profile.__nonzero__()
    assert builder.build_serialized_network(network(builder, weights(0)), config) is not None
    warned = [line for severity, line in logger.lines if severity == trt.Logger.WARNING]
    assert len(warned) == 2 and "no calibration" in warned[0] and "asks nobody" in warned[1]


def test_a_timing_cache_has_no_entries():
    config = trt.Builder(quiet()).create_builder_config()
    cache, key = config.create_timing_cache(b""), trt.TimingCacheKey.parse("0x" + "0f" * 16)
    assert str(key) == "0x" + "0f" * 16 and cache.queryKeys() == [] and cache.reset()
    value = cache.query(key)
    assert value.tacticHash == 2**64 - 1 and np.isnan(value.timingMSec)
    assert not cache.update(key, trt.TimingCacheValue(tactic_hash=1, timing_msec=2.0))
    assert config.set_timing_cache(cache, False) and cache.combine(config.get_timing_cache(), True)
    with pytest.raises(ValueError, match="32 hex digits"):
        trt.TimingCacheKey.parse("0x12")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_engines_answer():
    logger = Records()
    made = engine(weights(0), logger=logger)
    assert made.get_tensor_location("x") == made.get_location("x") == trt.TensorLocation.DEVICE
    assert not (made.is_shape_inference_io("x") or made.is_shape_binding("x") or made.has_implicit_batch_dimension)
    assert made.is_execution_binding("x") and made.num_aux_streams == 0 and made.tactic_sources == 31
    assert made.get_tensor_bytes_per_component("x", 0) == made.get_binding_bytes_per_component(0) == -1
    assert made.get_tensor_components_per_element("x", 0) == made.get_binding_components_per_element(0) == -1
    assert made.get_tensor_vectorized_dim("x", 0) == made.get_binding_vectorized_dim(0) == -1
    assert made.get_tensor_format("x", 0) == made.get_binding_format(0) == trt.TensorFormat.LINEAR
    assert made.get_tensor_format_desc("x") == made.get_binding_format_desc(0) == "Row-major linear FP32 format"
    sizes = [made.get_device_memory_size_for_profile(0), made.get_device_memory_size_for_profile_v2(0), made.device_memory_size, made.device_memory_size_v2]
    assert sizes == [0] * 4 and made.streamable_weights_size == made.weight_streaming_scratch_memory_size == 0
    made.weight_streaming_budget = made.weight_streaming_budget_v2 = 1
    assert made.weight_streaming_budget == made.weight_streaming_budget_v2 == made.minimum_weight_streaming_budget == 0
    assert made.get_weight_streaming_automatic_budget() == 0 and "never streamed" in logger.errors()[-1]
    assert [tuple(s) for s in made.get_profile_shape(0, "x")] == [(1, 2, 6, 6)] * 3 and not made.is_debug_tensor("x")
    for call in (made.get_tensor_profile_values, made.get_profile_shape_input):
        with pytest.raises(RuntimeError, match="values of no input"):
            call(0, "x")
    inspector = made.create_engine_inspector()
    inspector.execution_context = context = made.create_execution_context()
    assert inspector.execution_context is context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_contexts_of_all_kinds_have_their_own_memory():
    made, x = engine(weights(0)), floats(1, 2, 6, 6)
    config = made.create_runtime_config()
    config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    assert config.get_execution_context_allocation_strategy() == trt.ExecutionContextAllocationStrategy.USER_MANAGED
    answers = []
    for context in (
        made.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED),
        made.create_execution_context(runtime_config=config),
        made.create_execution_context_without_device_memory(),
    ):
        context.set_device_memory(0, 0)
        context.device_memory = 0
        y = np.empty((1, 5), np.float32)
        assert context.update_device_memory_size_for_shapes() > 0 and context.execute_v2([x.ctypes.data, y.ctypes.data])
        answers.append(y)
    assert np.array_equal(answers[0], answers[1]) and np.array_equal(answers[0], answers[2])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_contexts_keep():
    logger = Records()
    context = engine(weights(0), logger=logger).create_execution_context()
    assert context.all_binding_shapes_specified and context.all_shape_inputs_specified
    assert tuple(context.get_strides(0)) == tuple(context.get_tensor_strides("x")) == (72, 36, 6, 1)
    listener = trt.IDebugListener()
    assert context.set_debug_listener(listener) and context.get_debug_listener() is listener
    assert context.set_all_tensors_debug_state(True) and not context.get_debug_state("x")
    assert not context.set_tensor_debug_state("x", True) and "no debug tensor" in logger.errors()[-1]
    assert not context.set_communicator(None) and "one device" in logger.errors()[-1]
    assert not context.set_shape_input(0, [1]) and context.get_shape(0) == []
    kept = {"persistent_cache_limit": 9, "debug_sync": True, "unfused_tensors_debug_state": True, "nvtx_verbosity": trt.ProfilingVerbosity.NONE}
    for name, value in kept.items():
        assert getattr(context, name) != value
        setattr(context, name, value)
        assert getattr(context, name) == value
    context.nvtx_verbosity = trt.ProfilingVerbosity.DETAILED
    assert context.nvtx_verbosity == trt.ProfilingVerbosity.NONE and "built with less" in logger.errors()[-1]
    context.temporary_allocator = allocator = trt.IGpuAllocator()
    assert context.temporary_allocator is allocator and context.get_runtime_config() is not None
    assert context.set_input_consumed_event(16) and context.get_input_consumed_event() == 16
    context.set_aux_streams([])


def test_runtimes_and_refitters_keep():
    logger = Records()
    runtime = trt.Runtime(logger)
    runtime.max_threads, runtime.DLA_core, runtime.gpu_allocator = 2, 1, trt.IGpuAllocator()
    runtime.temporary_directory, runtime.tempfile_control_flags = "/tmp", 1
    assert (runtime.max_threads, runtime.DLA_core, runtime.num_DLA_cores) == (2, -1, 0)
    assert (runtime.temporary_directory, runtime.tempfile_control_flags) == ("/tmp", 1)
    assert runtime.get_plugin_registry() is trt.get_plugin_registry()
    refitter = trt.Refitter(engine(weights(0)), logger)
    assert refitter.weights_validation and refitter.max_threads == 1
    refitter.weights_validation, refitter.max_threads = False, 2
    assert not refitter.weights_validation and refitter.max_threads == 2
    assert not refitter.set_dynamic_range("x", (-1, 1)) and refitter.get_tensors_with_dynamic_range() == []
    assert refitter.get_dynamic_range("x") == (0, 0) and "no calibration" in logger.errors()[-1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_parsers_answer():
    logger = Records()
    net = trt.Builder(logger).create_network()
    parser = trt.OnnxParser(net, logger)
    assert not parser.parse_with_weight_descriptors(b"no model")
    error = parser.get_error(0)
    assert error.func() and error.local_function_stack() == [] and error.local_function_stack_size() == 0
    assert parser.set_builder_config(builder_config=net.builder.create_builder_config())
    assert parser.get_layer_output_tensor("nobody", 0) is None
    with pytest.raises(NotImplementedError, match="Refitter"):
        parser.get_refit_map()


class Resource(trt.IPluginResource):
    released = 0

    def clone(self):
        return Resource()

    def release(self):
        Resource.released += 1


class Creator(trt.IPluginCreatorV3One):
    name, plugin_version, plugin_namespace, field_names = "Mine", "1", "", trt.PluginFieldCollection([trt.PluginField("f", b"12")])

    def create_plugin(self, name, field_collection, phase):
        return trt.IPluginV3()


class OldCreator(trt.IPluginCreator):
    name, plugin_version = "Old", "1"


def test_plugins_register_and_are_found(tmp_path):
    registry, creator = trt.get_plugin_registry(), Creator()
    assert registry.register_creator(creator) and not registry.register_creator(Creator())
    assert registry.get_creator("Mine", "1") is creator and creator in registry.all_creators_recursive
    assert registry.plugin_creator_list == registry.all_creators and registry.parent_search_enabled
    assert registry.deregister_creator(creator) and registry.get_creator("Mine", "1") is None
    first = registry.acquire_plugin_resource("key", Resource())
    assert registry.acquire_plugin_resource("key", Resource()) is first
    assert [registry.release_plugin_resource("key") for _ in range(3)] == [0, 0, -1] and Resource.released == 1
    with pytest.raises(OSError):
        registry.load_library(str(tmp_path / "none.so"))
    registry.deregister_library(None)
    with pytest.raises(NotImplementedError, match="deserialize_plugin is not overridden"):
        OldCreator().deserialize_plugin("a", b"")
    assert issubclass(trt.IPluginV3QuickAOTBuild, trt.IPluginV3QuickBuild) and issubclass(trt.IPluginCreatorV3Quick, trt.IPluginCreatorInterface)
    assert issubclass(trt.IPluginV3QuickRuntime, trt.IPluginCapability)


def test_an_allocator_may_know_no_stream():
    class Allocator(trt.IOutputAllocator):
        def reallocate_output(self, tensor_name, memory, size, alignment):
            return (tensor_name, size)

    assert Allocator().reallocate_output_async("y", 0, 8, 64, 0) == ("y", 8)


THREADS = """
import os
import numpy as np
import tenon.trt as trt

def threads():
    return len(os.listdir("/proc/self/task"))

w, x, y = (np.ones((512, 512), np.float32) for _ in range(3))
logger = trt.Logger()
builder, runtime = trt.Builder(logger), trt.Runtime(logger)
assert builder.max_threads == runtime.max_threads == 1
builder.max_threads = runtime.max_threads = 1
net = builder.create_network()
given = net.add_input("x", trt.float32, (512, 512))
product = net.add_matrix_multiply(given, trt.MatrixOperation.NONE, net.add_constant((512, 512), w).get_output(0), trt.MatrixOperation.NONE)
product.get_output(0).name = "y"
net.mark_output(product.get_output(0))
config = builder.create_builder_config()
config.set_flag(trt.BuilderFlag.REFIT)
before = threads()
engine = runtime.deserialize_cuda_engine(builder.build_serialized_network(net, config))
refitter = trt.Refitter(engine, logger)
refitter.max_threads = 1
for name in refitter.get_all_weights():
    assert refitter.set_named_weights(name, w)
assert refitter.refit_cuda_engine()
assert threads() == before, (threads(), before)
assert engine.create_execution_context().execute_v2([x.ctypes.data, y.ctypes.data]) and (y == 512).all()
assert threads() > before
"""


def test_max_threads_bounds_builds_loads_and_refits():
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, env={**os.environ, "TENON_THREADS": "4"})
    assert done.returncode == 0, done.stderr
