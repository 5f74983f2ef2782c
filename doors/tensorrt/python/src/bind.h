// What the files of the module share: extents, weights and pointers of Python, and who keeps whom.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <type_traits>
#include <vector>

#include "NvInfer.h"

namespace tenon::trt::python {

namespace nb = nanobind;
using namespace nb::literals;
using nvinfer1::DataType;
using nvinfer1::Dims;

/// Weights, and the array that they lie in (or nothing: the script keeps them).
struct PyWeights {
  nvinfer1::Weights raw{};
  nb::object owner;
};

/// Any sequence of integers. ValueError for more than eight of them.
Dims to_dims(nb::handle given);
nb::object from_dims(const Dims& dims);
nvinfer1::Permutation to_permutation(nb::handle given);
nb::object from_permutation(const nvinfer1::Permutation& order);

/// Weights or an array; None is none where `optional`. Never copies. ValueError for an array that
/// is not contiguous or of a type that there is not.
PyWeights to_weights(nb::handle given, bool optional = false);
/// What a script reads: a flat array over the memory, or Weights of a type that NumPy lacks.
nb::object from_weights(const nvinfer1::Weights& weights, nb::handle owner);

/// An address: int, NumPy's, what has __int__, or None. TypeError for float, str and what is less
/// than 0.
void* to_pointer(nb::handle given);
std::vector<void*> to_pointers(nb::handle given);

/// A buffer's bytes while it lives.
class Bytes {
 public:
  Bytes(nb::handle object, const char* what);
  ~Bytes() { PyBuffer_Release(&view_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  const void* data() const { return view_.buf; }
  size_t size() const { return static_cast<size_t>(view_.len); }

 private:
  Py_buffer view_{};
};

/// `patient` lives as long as `nurse`, the end of its C++ object included: attributes go before it.
inline void keep_alive(nb::handle nurse, nb::handle patient) {
#if NB_VERSION_MAJOR >= 3
  nb::keep_alive_obj(nurse, patient);
#else
  nb::detail::keep_alive(nurse.ptr(), patient.ptr());
#endif
}

/// What a factory gave, owned by Python, with all that it needs alive. None for nullptr.
template <class T, class... Parents>
nb::object give(T* made, const Parents&... parents) {
  if (made == nullptr) return nb::none();
  nb::object object = nb::cast(made, nb::rv_policy::take_ownership);
  (keep_alive(object, parents), ...);
  return object;
}

/// What a constructor gives: TypeError for nullptr, whose reason went to the log.
template <class T>
T* made_or_throw(T* made, const char* type) {
  if (made == nullptr)
    throw nb::type_error(
        (std::string(type) + ": factory function returned nullptr; the log says why").c_str());
  return made;
}

/// A part of a network, which it keeps alive; a layer as its own class. None for nullptr.
nb::object part(nvinfer1::ITensor* tensor, nb::handle network);
nb::object part(nvinfer1::ILayer* layer, nb::handle network);
/// The network that a part belongs to.
inline nb::object network_of(nb::handle part) { return part.attr("_network"); }
/// The network keeps an array that a layer reads.
void keep(nb::handle network, const PyWeights& weights);

std::vector<nvinfer1::ITensor*> tensors(nb::handle given);
inline nvinfer1::INetworkDefinition& network_in(nb::handle self) {
  return nb::cast<nvinfer1::INetworkDefinition&>(self);
}

/// Runs without the GIL.
template <class Body>
auto released(Body&& body) {
  const nb::gil_scoped_release release;
  return body();
}

/// Names what every object of TensorRT has: `with`, and __del__ that does nothing.
template <class Class>
Class& managed(Class& bound) {
  bound.def("__enter__", [](nb::object self) {
    nb::module_::import_("tenon.trt._deprecated").attr("context_manager")();
    return self;
  });
  bound.def("__exit__", [](nb::handle, nb::args) {});
  bound.def("__del__", [](nb::handle) {});
  return bound;
}

/// An object of the script's that C++ holds: it lives as long as `self`.
template <class T>
T* held(nb::handle self, T* given) {
  if (given != nullptr) keep_alive(self, nb::cast(given, nb::rv_policy::reference));
  return given;
}

template <class Class>
Class& recorded(Class& bound) {
  using T = typename Class::Type;
  bound.def_prop_rw(
      "error_recorder",
      [](const T& self) { return nb::cast(self.getErrorRecorder(), nb::rv_policy::reference); },
      [](nb::object self, nvinfer1::IErrorRecorder* recorder) {
        nb::cast<T&>(self).setErrorRecorder(recorder);
        if (recorder != nullptr) keep_alive(self, nb::cast(recorder, nb::rv_policy::reference));
      },
      nb::for_setter(nb::arg("recorder").none()));
  return bound;
}

/// Enumerators that count from 0.
template <class E>
nb::enum_<E> counted(nb::handle scope, const char* name,
                     std::initializer_list<const char*> values) {
  nb::enum_<E> bound(scope, name, nb::is_arithmetic());
  int32_t next = 0;
  for (const char* each : values) bound.value(each, static_cast<E>(next++));
  bound.attr("__repr__") = nb::module_::import_("enum").attr("Enum").attr("__repr__");
  return bound;
}

void bind_enums(nb::module_& module);
void bind_types(nb::module_& module);
void bind_callbacks(nb::module_& module);
void bind_more_callbacks(nb::module_& module);
void bind_network(nb::module_& module);
void bind_layers(nb::module_& module);
void bind_more_layers(nb::module_& module);
/// The network's `add_…` of those.
void bind_more_adds(nb::class_<nvinfer1::INetworkDefinition>& network);
void bind_attention(nb::module_& module);
void bind_attention_adds(nb::class_<nvinfer1::INetworkDefinition>& network);
void bind_uncalled(nb::module_& module);
void bind_lacking(nb::module_& module, nb::class_<nvinfer1::INetworkDefinition>& network);
void bind_regions(nb::module_& module);
void bind_region_adds(nb::class_<nvinfer1::INetworkDefinition>& network);
void bind_build(nb::module_& module);
void bind_more_config(nb::class_<nvinfer1::IBuilderConfig>& config);
void bind_more_runtime(nb::module_& module, nb::class_<nvinfer1::IRuntime>& runtime,
                       nb::class_<nvinfer1::ICudaEngine>& engine,
                       nb::class_<nvinfer1::IExecutionContext>& context);
void bind_runtime(nb::module_& module);
void bind_refitter(nb::module_& module);
void bind_parser(nb::module_& module);

}  // namespace tenon::trt::python
