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
      .def_prop_ro("num_DLA_cores", &IRuntime::getNbDLACores);
}

nb::list profile_shape(const ICudaEngine& self, const char* name, int32_t profile) {
  nb::list shapes;
  for (const auto select :
       {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX})
    shapes.append(from_dims(self.getProfileShape(name, profile, select)));
  return shapes;
}

void bind_engine(nb::class_<ICudaEngine>& engine) {
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
      .def("get_tensor_bytes_per_component", &ICudaEngine::getTensorBytesPerComponent, "name"_a)
      .def("get_tensor_components_per_element", &ICudaEngine::getTensorComponentsPerElement,
           "name"_a)
      .def("get_tensor_vectorized_dim", &ICudaEngine::getTensorVectorizedDim, "name"_a)
      .def_prop_ro("engine_capability", &ICudaEngine::getEngineCapability)
      .def_prop_ro("profiling_verbosity", &ICudaEngine::getProfilingVerbosity)
      .def_prop_ro("hardware_compatibility_level", &ICudaEngine::getHardwareCompatibilityLevel)
      .def_prop_ro("has_implicit_batch_dimension", &ICudaEngine::hasImplicitBatchDimension)
      .def_prop_ro("num_aux_streams", &ICudaEngine::getNbAuxStreams)
      .def("get_engine_stat", &ICudaEngine::getEngineStat,
           "stat"_a = nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE)
      .def_prop_ro("device_memory_size", &ICudaEngine::getDeviceMemorySize)
      .def_prop_ro("device_memory_size_v2", &ICudaEngine::getDeviceMemorySizeV2)
      .def_prop_ro("streamable_weights_size", &ICudaEngine::getStreamableWeightsSize)
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
  bind_streams(runtime);
  bind_engine(engine);
  bind_inspector(module);
  bind_shapes(context);
  bind_profiling(context);
}

}  // namespace tenon::trt::python
