// How layers' classes are bound.
#pragma once

#include "bind.h"

namespace tenon::trt::python {

using nvinfer1::ILayer;
using nvinfer1::Weights;

/// A setter whose answer Python does not see: the log says what was wrong.
template <class T, class V>
auto told(bool (T::*set)(V) noexcept) {
  return [set](T& self, V value) { (self.*set)(value); };
}

/// A layer's class, with properties of the kinds that layers have.
template <class T>
class LayerClass {
 public:
  LayerClass(nb::module_& module, const char* name) : bound_(module, name) {}

  template <class Get, class Set>
  LayerClass& plain(const char* name, Get get, Set set) {
    bound_.def_prop_rw(name, get, set);
    return *this;
  }
  template <class Get>
  LayerClass& read_only(const char* name, Get get) {
    bound_.def_prop_ro(name, get);
    return *this;
  }
  template <class Method>
  LayerClass& method(const char* name, Method method) {
    bound_.def(name, method);
    return *this;
  }
  LayerClass& told_dims(const char* name, Dims (T::*get)() const noexcept,
                        bool (T::*set)(const Dims&) noexcept) {
    bound_.def_prop_rw(
        name, [get](const T& self) { return from_dims((self.*get)()); },
        [set](T& self, nb::handle value) { (self.*set)(to_dims(value)); });
    return *this;
  }
  LayerClass& dims(const char* name, Dims (T::*get)() const noexcept,
                   void (T::*set)(const Dims&) noexcept) {
    bound_.def_prop_rw(
        name, [get](const T& self) { return from_dims((self.*get)()); },
        [set](T& self, nb::handle value) { (self.*set)(to_dims(value)); });
    return *this;
  }
  LayerClass& weights(const char* name, Weights (T::*get)() const noexcept,
                      void (T::*set)(Weights) noexcept) {
    bound_.def_prop_rw(
        name, [get](nb::object self) { return from_weights((nb::cast<T&>(self).*get)(), self); },
        [set](nb::object self, nb::handle value) {
          const PyWeights given = to_weights(value, true);
          keep(network_of(self), given);
          (nb::cast<T&>(self).*set)(given.raw);
        },
        nb::for_setter(nb::arg("value").none()));
    return *this;
  }
  LayerClass& permutation(const char* name, nvinfer1::Permutation (T::*get)() const noexcept,
                          void (T::*set)(nvinfer1::Permutation) noexcept) {
    bound_.def_prop_rw(
        name, [get](const T& self) { return from_permutation((self.*get)()); },
        [set](T& self, nb::handle value) { (self.*set)(to_permutation(value)); });
    return *this;
  }

 private:
  nb::class_<T, ILayer> bound_;
};

}  // namespace tenon::trt::python
