// tenon.Refitter.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>

#include "arrays.h"
#include "bind.h"
#include "interrupt.h"
#include "tenon/refitter.h"

namespace tenon::python {
namespace {

/// A refitter with the arrays that it has borrowed.
struct PyRefitter {
  Refitter refitter;
  std::map<std::string, nb::object> borrowed;
};

}  // namespace

void bind_refitter(nb::module_& module) {
  nb::class_<PyRefitter>(module, "Refitter",
                         "Replaces named weights of an engine. Not thread-safe itself; runs go on.")
      .def(
          "set",
          [](PyRefitter& self, const std::string& name, nb::handle weight) {
            const Array array = to_array(weight, "weight \"" + name + "\"");
            self.borrowed.erase(name);
            self.refitter.set(name, array.view);
          },
          nb::arg("name"), nb::arg("weight"),
          nb::sig("def set(self, name: str, weight: object) -> None"),
          "Copies the array; forgotten by a successful commit().")
      .def(
          "borrow",
          [](PyRefitter& self, const std::string& name, nb::handle weight) {
            Array array = to_array(weight, "weight \"" + name + "\"");
            self.refitter.borrow(name, array.view);
            self.borrowed[name] = std::move(array.owner);
          },
          nb::arg("name"), nb::arg("weight"),
          nb::sig("def borrow(self, name: str, weight: object) -> None"),
          "Keeps the array, and reads it anew at every commit() until unset().")
      .def(
          "unset",
          [](PyRefitter& self, const std::string& name) {
            self.refitter.unset(name);
            self.borrowed.erase(name);
          },
          nb::arg("name"))
      .def(
          "load",
          [](PyRefitter& self, nb::handle path) {
            const std::string file = to_path(path);
            const nb::gil_scoped_release release;
            self.refitter.load(file);
          },
          nb::arg("path"), nb::sig("def load(self, path: object) -> None"),
          "Takes the weights of a file: safetensors, ONNX, npz, or a folder of shards.")
      .def(
          "missing", [](const PyRefitter& self) { return self.refitter.missing(); },
          "Names that must still come before commit().")
      .def(
          "prepare",
          [](PyRefitter& self) {
            return interruptible([&](const std::stop_token& stop) {
              self.refitter.set_stop_token(stop);
              return self.refitter.prepare();
            });
          },
          "Makes a complete set without publishing it; see Engine.publish.")
      .def(
          "commit",
          [](PyRefitter& self) {
            return interruptible([&](const std::stop_token& stop) {
              self.refitter.set_stop_token(stop);
              return self.refitter.commit();
            });
          },
          "Publishes what is set, all or nothing.");
  auto engine = nb::borrow<nb::class_<PyEngine>>(nb::type<PyEngine>());
  engine.def(
      "refitter",
      [](const PyEngine& self, bool strict) {
        return PyRefitter{Refitter(self.engine, strict), {}};
      },
      nb::arg("strict") = false, nb::sig("def refitter(self, strict: bool = False) -> Refitter"),
      "A refitter for several weights, commit by commit.");
}

}  // namespace tenon::python
