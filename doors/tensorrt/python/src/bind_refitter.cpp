// Refitters. An array that was set is kept until it is replaced or unset.
#include "bind.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::IRefitter;
using nvinfer1::TensorLocation;
using nvinfer1::Weights;
using nvinfer1::WeightsRole;

nb::dict kept(nb::handle self) {
  if (!nb::hasattr(self, "_kept")) self.attr("_kept") = nb::dict();
  return nb::cast<nb::dict>(self.attr("_kept"));
}

/// Keeps what was set under its place, and lets go of what was there.
void hold(nb::handle self, nb::handle place, const PyWeights& weights) {
  if (weights.owner.is_valid())
    kept(self)[place] = weights.owner;
  else
    kept(self).attr("pop")(place, nb::none());
}

bool set_named(nb::object self, const char* name, nb::handle weights, TensorLocation location) {
  const PyWeights given = to_weights(weights);
  if (!nb::cast<IRefitter&>(self).setNamedWeights(name, given.raw, location)) return false;
  hold(self, nb::str(name), given);
  return true;
}

bool set_placed(nb::object self, const char* layer, WeightsRole role, nb::handle weights) {
  const PyWeights given = to_weights(weights);
  if (!nb::cast<IRefitter&>(self).setWeights(layer, role, given.raw)) return false;
  hold(self, nb::make_tuple(layer, role), given);
  return true;
}

using List = int32_t (IRefitter::*)(int32_t, const char**) noexcept;
using ListPlaces = int32_t (IRefitter::*)(int32_t, const char**, WeightsRole*) noexcept;

template <List list>
std::vector<std::string> names(IRefitter& self) {
  std::vector<const char*> raw(static_cast<size_t>((self.*list)(0, nullptr)));
  (self.*list)(static_cast<int32_t>(raw.size()), raw.data());
  return {raw.begin(), raw.end()};
}

template <ListPlaces list>
nb::tuple places(IRefitter& self) {
  const auto count = static_cast<size_t>((self.*list)(0, nullptr, nullptr));
  std::vector<const char*> layers(count);
  std::vector<WeightsRole> roles(count);
  (self.*list)(static_cast<int32_t>(count), layers.data(), roles.data());
  nb::list layer_list, role_list;
  for (size_t i = 0; i < count; ++i) {
    layer_list.append(nb::str(layers[i]));
    role_list.append(roles[i]);
  }
  return nb::make_tuple(layer_list, role_list);
}

using Class = nb::class_<IRefitter>;

void bind_setting(Class& refitter) {
  refitter.def("set_weights", set_placed, "layer_name"_a, "role"_a, "weights"_a)
      .def("set_named_weights", set_named, "name"_a, "weights"_a,
           "location"_a = TensorLocation::kHOST)
      .def(
          "unset_named_weights",
          [](nb::object self, const char* name) {
            if (!nb::cast<IRefitter&>(self).unsetNamedWeights(name)) return false;
            kept(self).attr("pop")(name, nb::none());
            return true;
          },
          "weights_name"_a)
      .def(
          "get_named_weights",
          [](nb::object self, const char* name) {
            return PyWeights{nb::cast<IRefitter&>(self).getNamedWeights(name), self};
          },
          "weights_name"_a)
      .def("get_weights_location", &IRefitter::getWeightsLocation, "weights_name"_a)
      .def(
          "get_weights_prototype",
          [](const IRefitter& self, const char* name) {
            return PyWeights{self.getWeightsPrototype(name), {}};
          },
          "weights_name"_a);
}

void bind_listing(Class& refitter) {
  refitter.def("get_missing", places<&IRefitter::getMissing>)
      .def("get_all", places<&IRefitter::getAll>)
      .def("get_missing_weights", names<&IRefitter::getMissingWeights>)
      .def("get_all_weights", names<&IRefitter::getAllWeights>);
}

}  // namespace

void bind_refitter(nb::module_& module) {
  Class refitter(module, "Refitter", nb::dynamic_attr());
  refitter
      .def(nb::new_([](nvinfer1::ICudaEngine& engine, nvinfer1::ILogger& logger) {
             if (!engine.isRefittable()) nvinfer1::createInferRefitter(engine, logger);  // says so
             return made_or_throw(
                 engine.isRefittable() ? nvinfer1::createInferRefitter(engine, logger) : nullptr,
                 engine.isRefittable() ? "Refitter"
                                       : "Refitter: the engine is not refittable, build it with "
                                         "BuilderFlag.REFIT");
           }),
           "engine"_a, "logger"_a, nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>())
      .def("refit_cuda_engine",
           [](IRefitter& self) { return released([&] { return self.refitCudaEngine(); }); })
      .def(
          "refit_cuda_engine_async",
          [](IRefitter& self, nb::handle stream) {
            auto* handle = static_cast<cudaStream_t>(to_pointer(stream));
            return released([&] { return self.refitCudaEngineAsync(handle); });
          },
          "stream_handle"_a.none())
      .def(
          "get_dynamic_range",
          [](const IRefitter& self, const char* tensor) {
            return nb::make_tuple(self.getDynamicRangeMin(tensor), self.getDynamicRangeMax(tensor));
          },
          "tensor_name"_a)
      .def(
          "set_dynamic_range",
          [](IRefitter& self, const char* tensor, const std::vector<float>& range) {
            if (range.size() != 2) throw nb::value_error("a range has two ends");
            return self.setDynamicRange(tensor, range[0], range[1]);
          },
          "tensor_name"_a, "range"_a)
      .def("get_tensors_with_dynamic_range", [](const IRefitter&) { return nb::list(); })
      .def_prop_rw("weights_validation", &IRefitter::getWeightsValidation,
                   &IRefitter::setWeightsValidation)
      .def_prop_rw("max_threads", &IRefitter::getMaxThreads,
                   [](IRefitter& self, int32_t threads) { self.setMaxThreads(threads); })
      .def_prop_ro("logger", [](const IRefitter& self) {
        return nb::cast(self.getLogger(), nb::rv_policy::reference);
      });
  bind_setting(refitter);
  bind_listing(refitter);
  managed(recorded(refitter));
}

}  // namespace tenon::trt::python
