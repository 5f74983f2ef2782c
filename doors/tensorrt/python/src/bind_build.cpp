// Builders, configurations, profiles.
#include "bind.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::IBuilder;
using nvinfer1::IBuilderConfig;
using nvinfer1::IOptimizationProfile;
using nvinfer1::OptProfileSelector;

constexpr std::pair<OptProfileSelector, const char*> kThree[] = {{OptProfileSelector::kMIN, "min"},
                                                                 {OptProfileSelector::kOPT, "opt"},
                                                                 {OptProfileSelector::kMAX, "max"}};

void set_shape(IOptimizationProfile& self, const char* input, nb::handle least, nb::handle typical,
               nb::handle greatest) {
  const Dims all[] = {to_dims(least), to_dims(typical), to_dims(greatest)};
  for (size_t i = 0; i < 3; ++i) {
    if (self.setDimensions(input, kThree[i].first, all[i])) continue;
    throw std::runtime_error(std::string("Shape provided for ") + kThree[i].second +
                             " is inconsistent with other shapes.");
  }
}

nb::list get_shape(const IOptimizationProfile& self, const char* input) {
  nb::list shapes;
  for (const auto& [select, name] : kThree) {
    const Dims dims = self.getDimensions(input, select);
    if (dims.nbDims < 0) return {};
    shapes.append(from_dims(dims));
  }
  return shapes;
}

using Integers = std::vector<int64_t>;

void set_values(IOptimizationProfile& self, const char* input, const Integers& least,
                const Integers& typical, const Integers& greatest) {
  const Integers* all[] = {&least, &typical, &greatest};
  for (size_t i = 0; i < 3; ++i) {
    const auto count = static_cast<int32_t>(all[i]->size());
    if (self.setShapeValuesV2(input, kThree[i].first, all[i]->data(), count)) continue;
    throw std::runtime_error(std::string(kThree[i].second) +
                             " input provided for shape tensor is inconsistent with other inputs.");
  }
}

std::vector<Integers> get_values(const IOptimizationProfile& self, const char* input) {
  std::vector<Integers> all;
  const int32_t count = self.getNbShapeValues(input);
  for (const auto& [select, name] : kThree) {
    const int64_t* values = self.getShapeValuesV2(input, select);
    if (values == nullptr) return {};
    all.emplace_back(values, values + count);
  }
  return all;
}

void bind_profile(nb::module_& module) {
  nb::class_<IOptimizationProfile>(module, "IOptimizationProfile", nb::dynamic_attr())
      .def("set_shape", set_shape, "input"_a, "min"_a, "opt"_a, "max"_a)
      .def("get_shape", get_shape, "input"_a)
      .def("set_shape_input", set_values, "input"_a, "min"_a, "opt"_a, "max"_a)
      .def("get_shape_input", get_values, "input"_a)
      .def_prop_rw(
          "extra_memory_target", &IOptimizationProfile::getExtraMemoryTarget,
          [](IOptimizationProfile& self, float target) { self.setExtraMemoryTarget(target); })
      .def("__bool__", &IOptimizationProfile::isValid)
      .def("__nonzero__", &IOptimizationProfile::isValid);
}

void bind_config(nb::module_& module) {
  nb::class_<IBuilderConfig> config(module, "IBuilderConfig", nb::dynamic_attr());
  config.def("set_flag", &IBuilderConfig::setFlag, "flag"_a)
      .def("clear_flag", &IBuilderConfig::clearFlag, "flag"_a)
      .def("get_flag", &IBuilderConfig::getFlag, "flag"_a)
      .def_prop_rw("flags", &IBuilderConfig::getFlags, &IBuilderConfig::setFlags)
      .def("set_memory_pool_limit", &IBuilderConfig::setMemoryPoolLimit, "pool"_a, "pool_size"_a)
      .def("get_memory_pool_limit", &IBuilderConfig::getMemoryPoolLimit, "pool"_a)
      .def(
          "add_optimization_profile",
          [](IBuilderConfig& self, const IOptimizationProfile& profile) {
            return self.addOptimizationProfile(&profile);
          },
          "profile"_a)
      .def_prop_ro("num_optimization_profiles", &IBuilderConfig::getNbOptimizationProfiles)
      .def_prop_rw("builder_optimization_level", &IBuilderConfig::getBuilderOptimizationLevel,
                   &IBuilderConfig::setBuilderOptimizationLevel)
      .def("reset", &IBuilderConfig::reset);
  bind_more_config(config);
  managed(config);
}

// "0x" and 32 hex digits.
nvinfer1::TimingCacheKey parse_key(const std::string& text) {
  nvinfer1::TimingCacheKey key{};
  const bool fits = text.size() == 34 && text.starts_with("0x") &&
                    text.find_first_not_of("0123456789abcdefABCDEF", 2) == text.npos;
  if (!fits) throw nb::value_error(("\"" + text + "\" is not 0x and 32 hex digits").c_str());
  for (size_t i = 0; i < sizeof key.data; ++i)
    key.data[i] = static_cast<uint8_t>(std::stoul(text.substr(2 + 2 * i, 2), nullptr, 16));
  return key;
}

std::string key_text(const nvinfer1::TimingCacheKey& key) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text = "0x";
  for (const uint8_t byte : key.data) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

std::vector<nvinfer1::TimingCacheKey> cache_keys(const nvinfer1::ITimingCache& self) {
  std::vector<nvinfer1::TimingCacheKey> keys(static_cast<size_t>(self.queryKeys(nullptr, 0)));
  self.queryKeys(keys.data(), static_cast<int64_t>(keys.size()));
  return keys;
}

void bind_builder(nb::module_& module) {
  nb::class_<IBuilder> builder(module, "Builder", nb::dynamic_attr());
  builder
      .def(nb::new_([](nvinfer1::ILogger& logger) {
             return made_or_throw(nvinfer1::createInferBuilder(logger), "Builder");
           }),
           "logger"_a, nb::keep_alive<0, 2>())
      .def(
          "create_network",
          [](nb::object self, uint32_t flags) {
            nb::object network = give(nb::cast<IBuilder&>(self).createNetworkV2(flags), self);
            if (!network.is_none()) network.attr("_builder") = self;
            return network;
          },
          "flags"_a = 0)
      .def("create_builder_config",
           [](nb::object self) {
             return give(nb::cast<IBuilder&>(self).createBuilderConfig(), self);
           })
      .def("create_optimization_profile",
           [](nb::object self) {  // the builder's own
             nb::object profile = nb::cast(nb::cast<IBuilder&>(self).createOptimizationProfile(),
                                           nb::rv_policy::reference);
             if (!profile.is_none()) profile.attr("_builder") = self;
             return profile;
           })
      .def(
          "build_serialized_network",
          [](IBuilder& self, nvinfer1::INetworkDefinition& network, IBuilderConfig& config) {
            return give(released([&] { return self.buildSerializedNetwork(network, config); }));
          },
          "network"_a, "config"_a)
      .def(
          "build_engine_with_config",
          [](nb::object self, nvinfer1::INetworkDefinition& network, IBuilderConfig& config) {
            auto& builder = nb::cast<IBuilder&>(self);
            return give(released([&] { return builder.buildEngineWithConfig(network, config); }),
                        self);
          },
          "network"_a, "config"_a)
      .def(
          "build_serialized_network_to_stream",
          [](IBuilder& self, nvinfer1::INetworkDefinition& network, IBuilderConfig& config,
             nvinfer1::IStreamWriter& writer) {
            return released(
                [&] { return self.buildSerializedNetworkToStream(network, config, writer); });
          },
          "network"_a, "config"_a, "writer"_a)
      .def("is_network_supported", &IBuilder::isNetworkSupported, "network"_a, "config"_a)
      .def_prop_ro("platform_has_tf32", &IBuilder::platformHasTf32)
      .def_prop_ro("platform_has_fast_fp16", &IBuilder::platformHasFastFp16)
      .def_prop_ro("platform_has_fast_int8", &IBuilder::platformHasFastInt8)
      .def_prop_ro("max_DLA_batch_size", &IBuilder::getMaxDLABatchSize)
      .def_prop_ro("num_DLA_cores", &IBuilder::getNbDLACores)
      .def("reset", &IBuilder::reset)
      .def_prop_rw("_max_batch_size", &IBuilder::getMaxBatchSize, &IBuilder::setMaxBatchSize)
      .def_prop_rw("max_threads", &IBuilder::getMaxThreads,
                   [](IBuilder& self, int32_t threads) { self.setMaxThreads(threads); })
      .def_prop_ro("logger", [](const IBuilder& self) {
        return nb::cast(self.getLogger(), nb::rv_policy::reference);
      });
  builder.def_prop_rw(
      "gpu_allocator", [](const IBuilder&) { return nb::none(); },
      [](nb::object self, nvinfer1::IGpuAllocator* allocator) {
        nb::cast<IBuilder&>(self).setGpuAllocator(held(self, allocator));
      },
      nb::for_setter(nb::arg("allocator").none()));
  nb::class_<nvinfer1::TimingCacheKey>(module, "TimingCacheKey")
      .def_static("parse", parse_key, "text"_a)
      .def("__str__", key_text);
  nb::class_<nvinfer1::TimingCacheValue>(module, "TimingCacheValue")
      .def(
          "__init__",
          [](nvinfer1::TimingCacheValue* self, uint64_t hash, float time) {
            new (self) nvinfer1::TimingCacheValue{hash, time};
          },
          "tactic_hash"_a, "timing_msec"_a)
      .def_rw("tacticHash", &nvinfer1::TimingCacheValue::tacticHash)
      .def_rw("timingMSec", &nvinfer1::TimingCacheValue::timingMSec);
  nb::class_<nvinfer1::ITimingCache> cache(module, "ITimingCache", nb::dynamic_attr());
  cache.def("serialize", [](const nvinfer1::ITimingCache& self) { return give(self.serialize()); })
      .def("combine", &nvinfer1::ITimingCache::combine, "input_cache"_a, "ignore_mismatch"_a)
      .def("reset", &nvinfer1::ITimingCache::reset)
      .def("queryKeys", &cache_keys)
      .def("query", &nvinfer1::ITimingCache::query, "key"_a)
      .def("update", &nvinfer1::ITimingCache::update, "key"_a, "value"_a);
  managed(recorded(builder));
}

}  // namespace

void bind_build(nb::module_& module) {
  bind_profile(module);
  bind_config(module);
  bind_builder(module);
}

}  // namespace tenon::trt::python
