// What a configuration keeps: most of it for its getter alone.
#include "bind.h"

namespace tenon::trt::python {

using nvinfer1::IBuilderConfig;
using Config = nb::class_<IBuilderConfig>;

namespace {

void bind_numbers(Config& config) {
  config
      .def_prop_rw("profiling_verbosity", &IBuilderConfig::getProfilingVerbosity,
                   &IBuilderConfig::setProfilingVerbosity)
      .def_prop_rw("avg_timing_iterations", &IBuilderConfig::getAvgTimingIterations,
                   &IBuilderConfig::setAvgTimingIterations)
      .def_prop_rw("engine_capability", &IBuilderConfig::getEngineCapability,
                   &IBuilderConfig::setEngineCapability)
      .def_prop_rw("hardware_compatibility_level", &IBuilderConfig::getHardwareCompatibilityLevel,
                   &IBuilderConfig::setHardwareCompatibilityLevel)
      .def_prop_rw("runtime_platform", &IBuilderConfig::getRuntimePlatform,
                   &IBuilderConfig::setRuntimePlatform)
      .def_prop_rw("max_num_tactics", &IBuilderConfig::getMaxNbTactics,
                   &IBuilderConfig::setMaxNbTactics)
      .def_prop_rw("max_aux_streams", &IBuilderConfig::getMaxAuxStreams,
                   [](IBuilderConfig& self, int32_t count) { self.setMaxAuxStreams(count); })
      .def_prop_rw("tiling_optimization_level", &IBuilderConfig::getTilingOptimizationLevel,
                   [](IBuilderConfig& self, nvinfer1::TilingOptimizationLevel level) {
                     self.setTilingOptimizationLevel(level);
                   })
      .def_prop_rw("default_device_type", &IBuilderConfig::getDefaultDeviceType,
                   &IBuilderConfig::setDefaultDeviceType)
      .def_prop_rw("DLA_core", &IBuilderConfig::getDLACore, &IBuilderConfig::setDLACore)
      .def("can_run_on_DLA", &IBuilderConfig::canRunOnDLA, "layer"_a)
      .def("set_tactic_sources", &IBuilderConfig::setTacticSources, "tactic_sources"_a)
      .def("get_tactic_sources", &IBuilderConfig::getTacticSources)
      .def("set_preview_feature", &IBuilderConfig::setPreviewFeature, "feature"_a, "enable"_a)
      .def("get_preview_feature", &IBuilderConfig::getPreviewFeature, "feature"_a)
      .def_prop_rw(
          "profile_stream",
          [](const IBuilderConfig& self) {
            return reinterpret_cast<uintptr_t>(self.getProfileStream());
          },
          [](IBuilderConfig& self, nb::handle stream) {
            self.setProfileStream(static_cast<cudaStream_t>(to_pointer(stream)));
          });
}

}  // namespace

void bind_more_config(Config& config) {
  bind_numbers(config);
  config
      .def_prop_rw(
          "progress_monitor",
          [](const IBuilderConfig& self) {
            return nb::cast(self.getProgressMonitor(), nb::rv_policy::reference);
          },
          [](nb::object self, nvinfer1::IProgressMonitor* monitor) {
            nb::cast<IBuilderConfig&>(self).setProgressMonitor(held(self, monitor));
          },
          nb::for_setter(nb::arg("monitor").none()))
      .def(
          "create_timing_cache",
          [](nb::object self, nb::handle serialized) {
            const Bytes bytes(serialized, "serialized_timing_cache");
            return give(
                nb::cast<IBuilderConfig&>(self).createTimingCache(bytes.data(), bytes.size()));
          },
          "serialized_timing_cache"_a)
      .def("set_timing_cache", &IBuilderConfig::setTimingCache, "cache"_a, "ignore_mismatch"_a,
           nb::keep_alive<1, 2>())
      .def("get_timing_cache", [](const IBuilderConfig& self) {
        return nb::cast(const_cast<nvinfer1::ITimingCache*>(self.getTimingCache()),
                        nb::rv_policy::reference);
      });
}

}  // namespace tenon::trt::python
