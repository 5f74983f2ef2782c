// Profiles, streams, allocators, inspectors: what runs and engines have beside the plain way.
#include "bind.h"

namespace tenon::trt::python {

using nvinfer1::ICudaEngine;
using nvinfer1::IExecutionContext;
using nvinfer1::IRuntime;
using nvinfer1::OptProfileSelector;

namespace {

void bind_streams(nb::class_<IRuntime>& runtime) {
  runtime
      .def(
          "load_runtime",
          [](nb::object self, const char* path) {
            return give(nb::cast<IRuntime&>(self).loadRuntime(path), self);
          },
          "path"_a)
      .def_prop_rw("engine_host_code_allowed", &IRuntime::getEngineHostCodeAllowed,
                   &IRuntime::setEngineHostCodeAllowed)
      .def_prop_rw("temporary_directory", &IRuntime::getTemporaryDirectory,
                   [](IRuntime& self, const char* path) { self.setTemporaryDirectory(path); })
      .def_prop_rw("tempfile_control_flags", &IRuntime::getTempfileControlFlags,
                   &IRuntime::setTempfileControlFlags)
      .def_prop_rw("DLA_core", &IRuntime::getDLACore, &IRuntime::setDLACore)
      .def_prop_ro("num_DLA_cores", &IRuntime::getNbDLACores)
      .def_prop_rw(
          "gpu_allocator", [](const IRuntime&) { return nb::none(); },
          [](nb::object self, nvinfer1::IGpuAllocator* allocator) {
            nb::cast<IRuntime&>(self).setGpuAllocator(held(self, allocator));
          },
          nb::for_setter(nb::arg("allocator").none()));
}

nb::list profile_shape(const ICudaEngine& self, const char* name, int32_t profile) {
  nb::list shapes;
  for (const auto select :
       {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX})
    shapes.append(from_dims(self.getProfileShape(name, profile, select)));
  return shapes;
}

/// RuntimeError: no input's values are shapes here. Scripts give the two in either order.
nb::list profile_values(const ICudaEngine&, nb::handle, nb::handle) {
  throw std::runtime_error("get_tensor_profile_values: the values of no input are shapes");
}

nb::object context_of(nb::object engine, IExecutionContext* made) {
  nb::object context = give(made, engine);
  if (!context.is_none()) context.attr("_engine") = engine;
  return context;
}

void bind_engine(nb::class_<ICudaEngine>& engine) {
  using Number = int32_t (ICudaEngine::*)(const char*, int32_t) const noexcept;
  for (const auto& [name, get] :
       {std::pair<const char*, Number>{"get_tensor_bytes_per_component",
                                       &ICudaEngine::getTensorBytesPerComponent},
        {"get_tensor_components_per_element", &ICudaEngine::getTensorComponentsPerElement},
        {"get_tensor_vectorized_dim", &ICudaEngine::getTensorVectorizedDim}})
    engine.def(name, get, "name"_a, "profile_index"_a = 0);
  using Format = nvinfer1::TensorFormat (ICudaEngine::*)(const char*) const noexcept;
  engine.def_prop_ro("num_optimization_profiles", &ICudaEngine::getNbOptimizationProfiles)
      .def("get_tensor_profile_shape", profile_shape, "name"_a, "profile_index"_a)
      .def("is_shape_inference_io", &ICudaEngine::isShapeInferenceIO, "name"_a)
      .def("get_tensor_format", static_cast<Format>(&ICudaEngine::getTensorFormat), "name"_a)
      .def(
          "get_tensor_format",
          [](const ICudaEngine& self, const char* name, int32_t) {
            return self.getTensorFormat(name);
          },
          "name"_a, "profile_index"_a)
      .def(
          "get_tensor_format_desc",
          [](const ICudaEngine& self, const char* name, int32_t) {
            return self.getTensorFormatDesc(name);
          },
          "name"_a, "profile_index"_a = 0)
      .def_prop_ro("engine_capability", &ICudaEngine::getEngineCapability)
      .def_prop_ro("profiling_verbosity", &ICudaEngine::getProfilingVerbosity)
      .def_prop_ro("hardware_compatibility_level", &ICudaEngine::getHardwareCompatibilityLevel)
      .def_prop_ro("has_implicit_batch_dimension", &ICudaEngine::hasImplicitBatchDimension)
      .def_prop_ro("_max_batch_size", &ICudaEngine::getMaxBatchSize)
      .def_prop_ro("num_aux_streams", &ICudaEngine::getNbAuxStreams)
      .def("get_engine_stat", &ICudaEngine::getEngineStat,
           "stat"_a = nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE)
      .def_prop_ro("device_memory_size", &ICudaEngine::getDeviceMemorySize)
      .def_prop_ro("device_memory_size_v2", &ICudaEngine::getDeviceMemorySizeV2)
      .def("get_device_memory_size_for_profile", &ICudaEngine::getDeviceMemorySizeForProfile,
           "profile_index"_a)
      .def("get_device_memory_size_for_profile_v2", &ICudaEngine::getDeviceMemorySizeForProfileV2,
           "profile_index"_a)
      .def_prop_ro("streamable_weights_size", &ICudaEngine::getStreamableWeightsSize)
      .def_prop_rw("weight_streaming_budget", &ICudaEngine::getWeightStreamingBudget,
                   [](ICudaEngine& self, int64_t bytes) { self.setWeightStreamingBudget(bytes); })
      .def_prop_rw("weight_streaming_budget_v2", &ICudaEngine::getWeightStreamingBudgetV2,
                   [](ICudaEngine& self, int64_t bytes) { self.setWeightStreamingBudgetV2(bytes); })
      .def_prop_ro("minimum_weight_streaming_budget", &ICudaEngine::getMinimumWeightStreamingBudget)
      .def_prop_ro("weight_streaming_scratch_memory_size",
                   &ICudaEngine::getWeightStreamingScratchMemorySize)
      .def("get_weight_streaming_automatic_budget", &ICudaEngine::getWeightStreamingAutomaticBudget)
      .def_prop_ro("tactic_sources", &ICudaEngine::getTacticSources)
      .def("is_debug_tensor", &ICudaEngine::isDebugTensor, "name"_a)
      .def("get_aliased_input_tensor", &ICudaEngine::getAliasedInputTensor, "name"_a)
      .def("get_tensor_profile_values", profile_values, "name"_a, "profile_index"_a)
      .def("create_runtime_config",
           [](nb::object self) {
             return give(nb::cast<ICudaEngine&>(self).createRuntimeConfig(), self);
           })
      .def("create_execution_context_without_device_memory",
           [](nb::object self) {
             return context_of(
                 self, nb::cast<ICudaEngine&>(self).createExecutionContextWithoutDeviceMemory());
           })
      .def(
          "create_execution_context",
          [](nb::object self, nvinfer1::IRuntimeConfig* config) {
            return context_of(self, nb::cast<ICudaEngine&>(self).createExecutionContext(config));
          },
          "runtime_config"_a.none() = nb::none())
      .def("create_engine_inspector", [](nb::object self) {
        return give(nb::cast<ICudaEngine&>(self).createEngineInspector(), self);
      });
}

void bind_inspector(nb::module_& module) {
  using nvinfer1::IEngineInspector;
  nb::class_<IEngineInspector> inspector(module, "EngineInspector", nb::dynamic_attr());
  inspector
      .def_prop_rw(
          "execution_context",
          [](const IEngineInspector& self) {
            return nb::cast(const_cast<IExecutionContext*>(self.getExecutionContext()),
                            nb::rv_policy::reference);
          },
          [](nb::object self, IExecutionContext* context) {
            nb::cast<IEngineInspector&>(self).setExecutionContext(held(self, context));
          },
          nb::for_setter(nb::arg("context").none()))
      .def("get_layer_information", &IEngineInspector::getLayerInformation, "layer_index"_a,
           "format"_a)
      .def("get_engine_information", &IEngineInspector::getEngineInformation, "format"_a);
  managed(recorded(inspector));
}

std::vector<std::string> infer_shapes(IExecutionContext& self) {
  std::vector<const char*> names(static_cast<size_t>(self.getEngine().getNbIOTensors()));
  const int32_t count =
      released([&] { return self.inferShapes(static_cast<int32_t>(names.size()), names.data()); });
  if (count < 0) throw std::runtime_error("infer_shapes error code: " + std::to_string(count));
  return {names.begin(), names.begin() + count};
}

bool set_profile(IExecutionContext& self, int32_t profile, nb::handle stream) {
  auto* handle = static_cast<cudaStream_t>(to_pointer(stream));
  if (!released([&] { return self.setOptimizationProfileAsync(profile, handle); }))
    throw std::runtime_error("Error in set optimization profile async.");
  return true;
}

void bind_shapes(nb::class_<IExecutionContext>& context) {
  context.def("infer_shapes", infer_shapes)
      .def("set_optimization_profile_async", set_profile, "profile_index"_a, "stream_handle"_a)
      .def_prop_rw("active_optimization_profile", &IExecutionContext::getOptimizationProfile,
                   [](IExecutionContext& self, int32_t profile) {
                     self.setOptimizationProfileAsync(profile, nullptr);
                   })
      .def(
          "get_tensor_strides",
          [](const IExecutionContext& self, const char* name) {
            return from_dims(self.getTensorStrides(name));
          },
          "name"_a)
      .def(
          "set_output_allocator",
          [](nb::object self, const char* name, nvinfer1::IOutputAllocator* allocator) {
            return nb::cast<IExecutionContext&>(self).setOutputAllocator(name,
                                                                         held(self, allocator));
          },
          "name"_a, "output_allocator"_a.none())
      .def(
          "get_output_allocator",
          [](const IExecutionContext& self, const char* name) {
            return nb::cast(self.getOutputAllocator(name), nb::rv_policy::reference);
          },
          "name"_a)
      .def("get_max_output_size", &IExecutionContext::getMaxOutputSize, "name"_a);
}

/// Kept for the getter, or refused.
void bind_kept(nb::class_<IExecutionContext>& context) {
  context
      .def(
          "set_input_consumed_event",
          [](IExecutionContext& self, nb::handle event) {
            return self.setInputConsumedEvent(static_cast<cudaEvent_t>(to_pointer(event)));
          },
          "event"_a)
      .def("get_input_consumed_event",
           [](const IExecutionContext& self) {
             return reinterpret_cast<uintptr_t>(self.getInputConsumedEvent());
           })
      .def_prop_rw(
          "device_memory", [](const IExecutionContext&) { return nb::none(); },
          [](IExecutionContext& self, nb::handle memory) {
            self.setDeviceMemory(to_pointer(memory));
          })
      .def(
          "set_device_memory",
          [](IExecutionContext& self, nb::handle memory, int64_t size) {
            self.setDeviceMemoryV2(to_pointer(memory), size);
          },
          "memory"_a, "size"_a)
      .def("update_device_memory_size_for_shapes",
           &IExecutionContext::updateDeviceMemorySizeForShapes)
      .def_prop_ro("all_shape_inputs_specified", &IExecutionContext::allInputShapesSpecified)
      .def_prop_rw(
          "temporary_allocator",
          [](const IExecutionContext& self) {
            return nb::cast(self.getTemporaryStorageAllocator(), nb::rv_policy::reference);
          },
          [](nb::object self, nvinfer1::IGpuAllocator* allocator) {
            nb::cast<IExecutionContext&>(self).setTemporaryStorageAllocator(held(self, allocator));
          },
          nb::for_setter(nb::arg("allocator").none()))
      .def_prop_rw("nvtx_verbosity", &IExecutionContext::getNvtxVerbosity,
                   [](IExecutionContext& self, nvinfer1::ProfilingVerbosity verbosity) {
                     self.setNvtxVerbosity(verbosity);
                   })
      .def("get_runtime_config",
           [](nb::object self) {
             return give(nb::cast<IExecutionContext&>(self).getRuntimeConfig(), self);
           })
      .def(
          "set_communicator",
          [](IExecutionContext& self, nb::handle) { return self.setCommunicator(nullptr); },
          "communicator"_a.none())
      .def(
          "set_debug_listener",
          [](nb::object self, nvinfer1::IDebugListener* listener) {
            return nb::cast<IExecutionContext&>(self).setDebugListener(held(self, listener));
          },
          "listener"_a.none())
      .def("get_debug_listener",
           [](IExecutionContext& self) {
             return nb::cast(self.getDebugListener(), nb::rv_policy::reference);
           })
      .def("set_tensor_debug_state", &IExecutionContext::setTensorDebugState, "name"_a, "flag"_a)
      .def("get_debug_state", &IExecutionContext::getDebugState, "name"_a)
      .def("set_all_tensors_debug_state", &IExecutionContext::setAllTensorsDebugState, "flag"_a)
      .def_prop_rw("unfused_tensors_debug_state", &IExecutionContext::getUnfusedTensorsDebugState,
                   [](IExecutionContext& self, bool on) { self.setUnfusedTensorsDebugState(on); });
}

void bind_runtime_config(nb::module_& module) {
  using nvinfer1::IRuntimeConfig;
  nb::class_<IRuntimeConfig>(module, "IRuntimeConfig", nb::dynamic_attr())
      .def("set_execution_context_allocation_strategy",
           &IRuntimeConfig::setExecutionContextAllocationStrategy,
           "strategy"_a = nvinfer1::ExecutionContextAllocationStrategy::kSTATIC)
      .def("get_execution_context_allocation_strategy",
           &IRuntimeConfig::getExecutionContextAllocationStrategy);
}

void bind_profiling(nb::class_<IExecutionContext>& context) {
  context
      .def_prop_rw(
          "profiler",
          [](const IExecutionContext& self) {
            return nb::cast(self.getProfiler(), nb::rv_policy::reference);
          },
          [](nb::object self, nvinfer1::IProfiler* profiler) {
            nb::cast<IExecutionContext&>(self).setProfiler(held(self, profiler));
          },
          nb::for_setter(nb::arg("profiler").none()))
      .def_prop_rw("enqueue_emits_profile", &IExecutionContext::getEnqueueEmitsProfile,
                   &IExecutionContext::setEnqueueEmitsProfile)
      .def("report_to_profiler", &IExecutionContext::reportToProfiler)
      .def_prop_rw("debug_sync", &IExecutionContext::getDebugSync, &IExecutionContext::setDebugSync)
      .def_prop_rw("persistent_cache_limit", &IExecutionContext::getPersistentCacheLimit,
                   &IExecutionContext::setPersistentCacheLimit)
      .def(
          "set_aux_streams", [](IExecutionContext&, nb::handle) {}, "aux_streams"_a);
}

}  // namespace

void bind_more_runtime(nb::module_& module, nb::class_<IRuntime>& runtime,
                       nb::class_<ICudaEngine>& engine, nb::class_<IExecutionContext>& context) {
  bind_runtime_config(module);
  bind_kept(context);
  bind_streams(runtime);
  bind_engine(engine);
  bind_inspector(module);
  bind_shapes(context);
  bind_profiling(context);
}

}  // namespace tenon::trt::python
