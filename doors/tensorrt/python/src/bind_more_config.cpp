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

/// An object of the script's that a configuration keeps for its getter.
template <class T, class Get, class Set>
void kept(Config& config, const char* name, Get get, Set set) {
  config.def_prop_rw(
      name,
      [get](const IBuilderConfig& self) {
        return nb::cast((self.*get)(), nb::rv_policy::reference);
      },
      [set](nb::object self, T* given) {
        (nb::cast<IBuilderConfig&>(self).*set)(held(self, given));
      },
      nb::for_setter(nb::arg("value").none()));
}

std::vector<std::string> plugins(const IBuilderConfig& self) {
  std::vector<std::string> paths;
  for (int32_t i = 0; i < self.getNbPluginsToSerialize(); ++i)
    paths.emplace_back(self.getPluginToSerialize(i));
  return paths;
}

void set_plugins(IBuilderConfig& self, const std::vector<std::string>& paths) {
  std::vector<const char*> raw;
  for (const std::string& path : paths) raw.push_back(path.c_str());
  self.setPluginsToSerialize(raw.data(), static_cast<int32_t>(raw.size()));
}

void bind_kept(Config& config) {
  kept<nvinfer1::IInt8Calibrator>(config, "int8_calibrator", &IBuilderConfig::getInt8Calibrator,
                                  &IBuilderConfig::setInt8Calibrator);
  kept<nvinfer1::IAlgorithmSelector>(config, "algorithm_selector",
                                     &IBuilderConfig::getAlgorithmSelector,
                                     &IBuilderConfig::setAlgorithmSelector);
  config.def_prop_rw("plugins_to_serialize", plugins, set_plugins)
      .def_prop_rw("l2_limit_for_tiling", &IBuilderConfig::getL2LimitForTiling,
                   [](IBuilderConfig& self, int64_t size) { self.setL2LimitForTiling(size); })
      .def_prop_rw(
          "remote_auto_tuning_config", &IBuilderConfig::getRemoteAutoTuningConfig,
          [](IBuilderConfig& self, const char* text) { self.setRemoteAutoTuningConfig(text); })
      .def_prop_rw("build_route", &IBuilderConfig::getBuildRoute,
                   [](IBuilderConfig& self, const char* text) { self.setBuildRoute(text); })
      .def_prop_ro("all_build_routes", &IBuilderConfig::getAllBuildRoutes)
      .def("set_device_type", &IBuilderConfig::setDeviceType, "layer"_a, "device_type"_a)
      .def("get_device_type", &IBuilderConfig::getDeviceType, "layer"_a)
      .def("is_device_type_set", &IBuilderConfig::isDeviceTypeSet, "layer"_a)
      .def("reset_device_type", &IBuilderConfig::resetDeviceType, "layer"_a)
      .def_prop_rw("quantization_flags", &IBuilderConfig::getQuantizationFlags,
                   &IBuilderConfig::setQuantizationFlags)
      .def("set_quantization_flag", &IBuilderConfig::setQuantizationFlag, "flag"_a)
      .def("clear_quantization_flag", &IBuilderConfig::clearQuantizationFlag, "flag"_a)
      .def("get_quantization_flag", &IBuilderConfig::getQuantizationFlag, "flag"_a)
      .def(
          "set_calibration_profile",
          [](IBuilderConfig& self, const nvinfer1::IOptimizationProfile& profile) {
            return self.setCalibrationProfile(&profile);
          },
          "profile"_a, nb::keep_alive<1, 2>())
      .def("get_calibration_profile", [](IBuilderConfig& self) {
        return nb::cast(const_cast<nvinfer1::IOptimizationProfile*>(self.getCalibrationProfile()),
                        nb::rv_policy::reference);
      });
}

}  // namespace

void bind_more_config(Config& config) {
  bind_numbers(config);
  bind_kept(config);
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
