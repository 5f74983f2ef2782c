"""What engines, plans and contexts keep: places of weights, profiles, flags; allocators, profilers, streams."""

import json

import numpy as np
import pytest
import tenon.trt as trt
from small import Records, answer, build, engine, network, quiet, run, sample, weights


def dynamic(*ranges, flags=(), logger=None):
    """x [n, 3] to y = -x with a profile a range."""
    builder = trt.Builder(logger or quiet())
    net, config = builder.create_network(), builder.create_builder_config()
    config.builder_optimization_level = 0
    for flag in flags:
        config.set_flag(flag)
    y = net.add_unary(net.add_input("x", trt.float32, (-1, 3)), trt.UnaryOperation.NEG).get_output(0)
    y.name = "y"
    net.mark_output(y)
    for least, typical, greatest in ranges:
        profile = builder.create_optimization_profile()
        profile.set_shape("x", (least, 3), (typical, 3), (greatest, 3))
        config.add_optimization_profile(profile)
    return builder, net, config


def reloaded(plan, logger=None):
    return trt.Runtime(logger or quiet()).deserialize_cuda_engine(plan)


# --- plans


def test_a_plan_keeps_where_its_weights_stand():
    old, new, x = weights(1), weights(2), sample()
    made = reloaded(build(old, trt.BuilderFlag.REFIT))
    refitter = trt.Refitter(made, quiet())
    assert refitter.get_all_weights() == ["conv1.weight", "conv_1 BIAS", "fc CONSTANT"]
    layers, roles = refitter.get_all()
    assert list(zip(layers, [r.name for r in roles], strict=True)) == [("conv_1", "KERNEL"), ("conv_1", "BIAS"), ("fc", "CONSTANT")]
    assert refitter.set_weights("conv_1", trt.WeightsRole.KERNEL, new["kernel"])
    assert refitter.set_weights("conv_1", trt.WeightsRole.BIAS, new["bias"])
    assert refitter.set_named_weights("fc CONSTANT", new["matrix"]) and refitter.refit_cuda_engine()
    np.testing.assert_array_equal(run(made, x), run(engine(new), x))
    again = reloaded(made.serialize())
    assert trt.Refitter(again, quiet()).get_all() == refitter.get_all()


def test_a_plan_keeps_names_profiles_and_verbosity():
    builder, net, config = dynamic((1, 2, 4), (3, 8, 16))
    net.name, config.profiling_verbosity = "mine", trt.ProfilingVerbosity.DETAILED
    plan = builder.build_serialized_network(net, config)
    made = reloaded(plan)
    assert made.name == "mine" and made.profiling_verbosity == trt.ProfilingVerbosity.DETAILED
    assert made.num_optimization_profiles == 2 and not made.refittable
    assert [tuple(s) for s in made.get_tensor_profile_shape("x", 1)] == [(3, 3), (8, 3), (16, 3)]
    assert [tuple(s) for s in made.get_tensor_profile_shape("y", 0)] == [(1, 3), (2, 3), (4, 3)]
    assert bytes(made.serialize()) == bytes(plan)


def test_damaged_notes_of_a_plan_are_left_out(tmp_path):
    import tenon

    plain = tenon.load(bytes(build(weights(1), trt.BuilderFlag.REFIT)))
    notes = {**plain.notes, "tensorrt.place.00000000": "9 -4 x", "tensorrt.place.00000001": "0 99 short", "tensorrt.profile.7.x": "1;2", "tensorrt.profile.99999999.x": "1;2;3"}
    made = reloaded(plain.to_bytes(notes=notes))
    assert made.num_optimization_profiles == 1 and len(trt.Refitter(made, quiet()).get_all_weights()) == 3
    bare = reloaded(plain.to_bytes(notes={}))
    assert bare.refittable and run(bare, sample()).shape == (1, 5)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_full_plan_of_a_stripped_engine_is_refittable_where_asked(keeps):
    w, logger = weights(1), quiet()
    made = reloaded(build(w, trt.BuilderFlag.REFIT, trt.BuilderFlag.STRIP_PLAN))
    assert made.get_engine_stat(trt.EngineStat.STRIPPED_WEIGHTS_SIZE) == made.get_engine_stat() == 4 * (54 + 3 + 240)
    refitter = trt.Refitter(made, logger)
    for name, each in zip(refitter.get_all_weights(), ["kernel", "bias", "matrix"], strict=True):
        assert refitter.set_named_weights(name, w[each])
    assert refitter.refit_cuda_engine() and made.get_engine_stat(trt.EngineStat.STRIPPED_WEIGHTS_SIZE) == 0
    config = made.create_serialization_config()
    assert config.get_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    config.clear_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    if keeps:
        config.set_flag(trt.SerializationFlag.INCLUDE_REFIT)
    again = reloaded(made.serialize_with_config(config))
    np.testing.assert_array_equal(run(again, sample()), run(made, sample()))
    assert again.refittable is keeps and made.refittable
    assert engine(w).get_engine_stat(trt.EngineStat.STRIPPED_WEIGHTS_SIZE) == -1


def test_version_compatible_plans_have_a_gate():
    logger = Records()
    gated = build(weights(1), trt.BuilderFlag.VERSION_COMPATIBLE)
    runtime = trt.Runtime(logger)
    assert runtime.deserialize_cuda_engine(gated) is None and "setEngineHostCodeAllowed" in logger.errors()[0]
    runtime.engine_host_code_allowed = True
    made = runtime.deserialize_cuda_engine(gated)
    assert run(made, sample()).shape == (1, 5)
    config = made.create_serialization_config()
    config.set_flag(trt.SerializationFlag.EXCLUDE_LEAN_RUNTIME)
    assert reloaded(made.serialize_with_config(config)) is not None
    assert reloaded(build(weights(1), trt.BuilderFlag.VERSION_COMPATIBLE, trt.BuilderFlag.EXCLUDE_LEAN_RUNTIME)) is not None


class Pieces(trt.IStreamReaderV2):
    def __init__(self, data, size):
        trt.IStreamReaderV2.__init__(self)
        self.data, self.size, self.at = bytes(data), size, 0

    def read(self, num_bytes, stream):
        piece = self.data[self.at : self.at + min(num_bytes, self.size)]
        self.at += len(piece)
        return piece

    def seek(self, offset, where):
        return False


class Old(trt.IStreamReader):
    def __init__(self, data):
        trt.IStreamReader.__init__(self)
        self.data = bytes(data)

    def read(self, size):
        piece, self.data = self.data[:size], self.data[size:]
        return piece


class Writer(trt.IStreamWriter):
    def __init__(self, most=1 << 40):
        trt.IStreamWriter.__init__(self)
        self.data, self.most = b"", most

    def write(self, data):
        self.data += data
        return min(len(data), self.most)


def test_plans_come_and_go_by_streams():
    w, logger = weights(1), Records()
    builder = trt.Builder(logger)
    net, config = network(builder, w), builder.create_builder_config()
    config.builder_optimization_level = 0
    writer = Writer()
    assert builder.build_serialized_network_to_stream(net, config, writer)
    for reader in (Pieces(writer.data, 1000), Pieces(writer.data, 1 << 30), Old(writer.data)):
        np.testing.assert_allclose(run(reloaded(reader), sample()), answer(w, sample()), rtol=1e-4, atol=1e-5)
    assert not builder.build_serialized_network_to_stream(net, config, Writer(10))
    assert len(logger.errors()) == 1
    for reader in (Pieces(b"", 10), Pieces(writer.data[:2000], 500)):
        assert reloaded(reader, logger) is None
    assert len(logger.errors()) == 3


# --- contexts


def test_each_profile_has_its_range_and_a_context_one_profile():
    builder, net, config = dynamic((1, 2, 4), (8, 8, 16))
    context = builder.build_engine_with_config(net, config).create_execution_context()
    assert context.active_optimization_profile == 0 and context.infer_shapes() == ["x"]
    assert not context.set_input_shape("x", (8, 3)) and context.set_input_shape("x", (4, 3))
    assert context.infer_shapes() == [] and tuple(context.get_tensor_shape("y")) == (4, 3)
    assert tuple(context.get_tensor_strides("y")) == (3, 1) and context.get_max_output_size("y") == 48
    assert context.set_optimization_profile_async(1, 0) and context.active_optimization_profile == 1
    assert context.infer_shapes() == ["x"] and context.get_max_output_size("y") == 16 * 12
    assert context.set_input_shape("x", (16, 3)) and not context.set_input_shape("x", (4, 3))
    x, y = np.random.default_rng(1).random((16, 3)).astype(np.float32), np.empty((16, 3), np.float32)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_array_equal(y, -x)
    with pytest.raises(RuntimeError, match="Error in set optimization profile async"):
        context.set_optimization_profile_async(2, 0)


def test_one_refit_serves_all_profiles():
    w, x = weights(1), sample(batch=3)
    builder = trt.Builder(quiet())
    net, config = network(builder, w, batch=-1), builder.create_builder_config()
    net[2].reshape_dims = (-1, 48)
    config.builder_optimization_level = 0
    config.set_flag(trt.BuilderFlag.REFIT)
    for least, greatest in ((1, 2), (3, 8)):
        profile = builder.create_optimization_profile()
        profile.set_shape("x", (least, 2, 6, 6), (least, 2, 6, 6), (greatest, 2, 6, 6))
        assert config.add_optimization_profile(profile) >= 0
    made = builder.build_engine_with_config(net, config)
    refitter, new = trt.Refitter(made, quiet()), weights(2)
    for name, each in zip(refitter.get_all_weights(), ["kernel", "bias", "matrix"], strict=True):
        assert refitter.set_named_weights(name, new[each])
    assert refitter.refit_cuda_engine()
    context = made.create_execution_context()
    for profile, batch in ((0, 1), (1, 3), (0, 2)):
        given, y = np.ascontiguousarray(x[:batch]), np.empty((batch, 5), np.float32)
        assert context.set_optimization_profile_async(profile, 0) and context.set_input_shape("x", given.shape)
        assert context.execute_v2([given.ctypes.data, y.ctypes.data])
        np.testing.assert_allclose(y, answer(new, given), rtol=1e-4, atol=1e-5)


class Allocator(trt.IOutputAllocator):
    def __init__(self, gives=True):
        trt.IOutputAllocator.__init__(self)
        self.gives, self.memory, self.shapes = gives, None, []

    def reallocate_output(self, name, memory, size, alignment):
        self.memory = np.empty(size, np.uint8)
        return self.memory.ctypes.data if self.gives else 0

    def notify_shape(self, name, shape):
        self.shapes.append((name, tuple(shape)))


def test_an_allocator_gives_memory_for_what_only_a_run_tells():
    builder = trt.Builder(quiet())
    net = builder.create_network()
    at = net.add_non_zero(net.add_input("x", trt.float32, (2, 3))).get_output(0)
    at.name = "at"
    net.mark_output(at)
    context = builder.build_engine_with_config(net, builder.create_builder_config()).create_execution_context()
    assert tuple(context.get_tensor_shape("at")) == (2, -1) and context.get_max_output_size("at") == -1
    allocator = Allocator()
    assert context.set_output_allocator("at", allocator) and context.get_output_allocator("at") is allocator
    for x in (np.array([[1, 0, 2], [0, 0, 3]], np.float32), np.eye(2, 3, dtype=np.float32), np.zeros((2, 3), np.float32)):
        assert context.set_tensor_address("x", x.ctypes.data) and context.execute_async_v3(0)
        want = np.array(np.nonzero(x), np.int32)
        assert allocator.shapes.pop() == ("at", want.shape) == ("at", tuple(context.get_tensor_shape("at")))
        np.testing.assert_array_equal(allocator.memory[: want.nbytes].view(np.int32).reshape(want.shape), want)
    allocator.gives = False
    assert not context.execute_async_v3(0)
    assert not context.set_output_allocator("x", allocator)


def test_an_allocator_serves_known_outputs_too():
    context = engine(weights(1)).create_execution_context()
    allocator, x = Allocator(), sample()
    assert context.set_output_allocator("y", allocator) and context.set_tensor_address("x", x.ctypes.data)
    assert context.execute_async_v3(0) and allocator.shapes == [("y", (1, 5))]
    np.testing.assert_allclose(allocator.memory[:20].view(np.float32).reshape(1, 5), answer(weights(1), x), rtol=1e-4, atol=1e-5)


class Times(trt.IProfiler):
    def __init__(self):
        trt.IProfiler.__init__(self)
        self.told = []

    def report_layer_time(self, layer_name, ms):
        self.told.append((layer_name, ms))


def test_a_profiler_hears_of_every_step():
    made = engine(weights(1))
    context, profiler = made.create_execution_context(), Times()
    context.profiler = profiler
    x, y = sample(), np.empty((1, 5), np.float32)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    assert len(profiler.told) == made.num_layers and all(ms >= 0 for _, ms in profiler.told)
    np.testing.assert_allclose(y, answer(weights(1), x), rtol=1e-4, atol=1e-5)
    context.enqueue_emits_profile = False
    assert context.execute_v2([x.ctypes.data, y.ctypes.data]) and len(profiler.told) == made.num_layers
    assert context.report_to_profiler() and len(profiler.told) == 2 * made.num_layers
    assert not context.report_to_profiler()


def test_an_inspector_tells_of_the_steps():
    builder = trt.Builder(quiet())
    net, config = network(builder, weights(1)), builder.create_builder_config()
    named = builder.build_engine_with_config(net, config)
    inspector = named.create_engine_inspector()
    told = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    assert len(told["Layers"]) == named.num_layers and told["Bindings"] == ["x", "y"]
    assert inspector.get_layer_information(0, trt.LayerInformationFormat.ONELINE) == told["Layers"][0]
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    detailed = builder.build_engine_with_config(net, config).create_engine_inspector()
    layer = json.loads(detailed.get_layer_information(0, trt.LayerInformationFormat.JSON))
    assert layer["Name"] and layer["TacticName"].startswith("cpu.")
    assert detailed.get_layer_information(99, trt.LayerInformationFormat.JSON) == ""


# --- builds


class Phases(trt.IProgressMonitor):
    def __init__(self, until=None):
        trt.IProgressMonitor.__init__(self)
        self.open, self.seen, self.until = [], [], until

    def phase_start(self, phase_name, parent_phase, num_steps):
        assert parent_phase == (self.open[-1] if self.open else None)
        self.open.append(phase_name)
        self.seen.append(phase_name)

    def step_complete(self, phase_name, step):
        return self.until is None

    def phase_finish(self, phase_name):
        assert self.open.pop() == phase_name


@pytest.mark.parametrize("stops", [False, True])
def test_a_monitor_hears_of_phases_and_may_stop(stops):
    builder = trt.Builder(Records())
    net, config = network(builder, weights(1)), builder.create_builder_config()
    monitor = Phases(1 if stops else None)
    config.progress_monitor = monitor
    made = builder.build_engine_with_config(net, config)
    assert (made is None) == stops and monitor.open == [] and monitor.seen[0] == "Building engine" and len(monitor.seen) > 1


def test_a_configuration_keeps_what_it_is_told():
    logger = Records()
    config = trt.Builder(logger).create_builder_config()
    for name, value in {
        "avg_timing_iterations": 4, "max_num_tactics": 3, "max_aux_streams": 2, "profile_stream": 7,
        "hardware_compatibility_level": trt.HardwareCompatibilityLevel.AMPERE_PLUS, "runtime_platform": trt.RuntimePlatform.WINDOWS_AMD64,
        "tiling_optimization_level": trt.TilingOptimizationLevel.FAST, "engine_capability": trt.EngineCapability.SAFETY,
    }.items():  # fmt: skip
        setattr(config, name, value)
        assert getattr(config, name) == value
    assert config.set_tactic_sources(1 << int(trt.TacticSource.CUDNN)) and config.get_tactic_sources() == 4
    config.set_preview_feature(trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03, True)
    assert config.get_preview_feature(trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03) and logger.lines == []
    assert not config.set_tactic_sources(1 << 20)
    config.avg_timing_iterations = 0
    config.default_device_type = trt.DeviceType.DLA
    assert len(logger.errors()) == 3 and config.avg_timing_iterations == 4


def test_a_timing_cache_goes_out_and_comes_back():
    builder = trt.Builder(Records())
    config = builder.create_builder_config()
    cache = config.create_timing_cache(b"")
    assert config.set_timing_cache(cache, ignore_mismatch=False) and config.get_timing_cache() is cache
    again = config.create_timing_cache(cache.serialize())
    assert again.combine(cache, False) and bytes(again.serialize()) == bytes(cache.serialize())
    assert config.create_timing_cache(b"another's") is None


def test_a_network_is_supported_or_the_log_says_why():
    logger = Records()
    builder, net, config = dynamic((1, 2, 4), logger=logger)
    assert builder.is_network_supported(net, config) and logger.errors() == []
    assert not builder.is_network_supported(net, builder.create_builder_config()) and len(logger.errors()) == 1
    assert builder.num_DLA_cores == 0 and not builder.platform_has_tf32


def test_an_output_may_have_another_type():
    builder = trt.Builder(quiet())
    net = builder.create_network()
    layer = net.add_identity(net.add_input("x", trt.float32, (3,)))
    layer.set_output_type(0, trt.int32)
    layer.precision = trt.float16
    assert layer.output_type_is_set(0) and layer.get_output(0).dtype == trt.int32 and layer.precision_is_set
    layer.get_output(0).name = "y"
    net.mark_output(layer.get_output(0))
    context = builder.build_engine_with_config(net, builder.create_builder_config()).create_execution_context()
    x, y = np.array([1.5, -2.5, 3], np.float32), np.empty(3, np.int32)
    assert context.execute_v2([x.ctypes.data, y.ctypes.data])
    np.testing.assert_array_equal(y, x.astype(np.int32))


def test_creators_register_and_are_found():
    class Creator:
        name, plugin_version = "mine", "1"

    registry, creator, other = trt.get_plugin_registry(), Creator(), Creator()
    assert trt.get_builder_plugin_registry(trt.EngineCapability.STANDARD) is registry
    assert trt.get_builder_plugin_registry(trt.EngineCapability.SAFETY) is None
    assert registry.register_creator(creator, "") and not registry.register_creator(other, "")
    assert registry.get_creator("mine", "1") is creator is registry.get_plugin_creator("mine", "1", "")
    assert registry.all_creators == [creator] and registry.get_creator("mine", "2") is None
    assert registry.deregister_creator(creator) and not registry.deregister_creator(creator)
    assert trt.init_libnvinfer_plugins(None, "")


def test_the_lean_module_has_what_runs():
    lean = set(trt.lean_names())
    assert {"Runtime", "Refitter", "ITimingCache", "IProgressMonitor", "TacticSource", "IProfiler", "get_plugin_registry"} <= lean
    assert not lean & {"Builder", "INetworkDefinition", "OnnxParser", "EngineInspector", "IConvolutionLayer", "ILoop", "GatherMode"}


def test_another_runtime_comes_from_a_library_of_ours_alone():
    import pathlib

    logger = Records()
    runtime = trt.Runtime(logger)
    assert runtime.load_runtime("/lib/none.so") is None and len(logger.errors()) == 1
    lean = pathlib.Path(trt.__file__).parents[3] / "doors" / "tensorrt" / "libtenon_nvinfer_lean.so"
    if not lean.exists():
        pytest.skip("the lean library is not built")
    made = runtime.load_runtime(str(lean)).deserialize_cuda_engine(build(weights(1)))
    np.testing.assert_allclose(run(made, sample()), answer(weights(1), sample()), rtol=1e-4, atol=1e-5)
