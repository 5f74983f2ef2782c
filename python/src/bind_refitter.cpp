// tenon.Refitter.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <memory>
#include <mutex>

#include "arrays.h"
#include "bind.h"
#include "interrupt.h"
#include "tenon/error.h"
#include "tenon/refitter.h"

namespace tenon::python {
namespace {

/// A refitter with the arrays that it has borrowed.
struct PyRefitter {
  Refitter refitter;
  std::map<std::string, nb::object> borrowed;
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();

  /// Two threads in one refitter are refused: waiting with the GIL for one that wants it would
  /// never end.
  std::unique_lock<std::mutex> alone() const {
    std::unique_lock lock(*mutex, std::try_to_lock);
    if (lock) return lock;
    throw Error(ErrorCode::invalid_input,
                "this refitter is at work on another thread; make one for each thread");
  }
};

void set(PyRefitter& self, const std::string& name, nb::handle weight) {
  const auto alone = self.alone();
  const Array array = to_array(weight, "weight \"" + name + "\"");
  {
    const nb::gil_scoped_release release;
    self.refitter.set(name, array.view);
  }
  self.borrowed.erase(name);
}

void borrow(PyRefitter& self, const std::string& name, nb::handle weight) {
  const auto alone = self.alone();
  Array array = to_array(weight, "weight \"" + name + "\"");
  self.refitter.borrow(name, array.view);
  self.borrowed[name] = std::move(array.owner);
}

void unset(PyRefitter& self, const std::string& name) {
  const auto alone = self.alone();
  self.refitter.unset(name);
  self.borrowed.erase(name);
}

void load(PyRefitter& self, nb::handle path) {
  const auto alone = self.alone();
  const std::string file = to_path(path);
  const nb::gil_scoped_release release;
  self.refitter.load(file);
}

WeightSet prepare(PyRefitter& self) {
  const auto alone = self.alone();
  return interruptible([&](const std::stop_token& stop) {
    self.refitter.set_stop_token(stop);
    return self.refitter.prepare();
  });
}

RefitReport commit(PyRefitter& self) {
  const auto alone = self.alone();
  return interruptible([&](const std::stop_token& stop) {
    self.refitter.set_stop_token(stop);
    return self.refitter.commit();
  });
}

}  // namespace

void bind_refitter(nb::module_& module) {
  nb::class_<PyRefitter>(module, "Refitter",
                         "Replaces named weights of an engine. Not thread-safe itself; runs go on.")
      .def("set", set, nb::arg("name"), nb::arg("weight"),
           nb::sig("def set(self, name: str, weight: object) -> None"),
           "Copies the array; forgotten by a successful commit().")
      .def("borrow", borrow, nb::arg("name"), nb::arg("weight"),
           nb::sig("def borrow(self, name: str, weight: object) -> None"),
           "Keeps the array, and reads it anew at every commit() until unset().")
      .def("unset", unset, nb::arg("name"))
      .def("load", load, nb::arg("path"),
           nb::sig("def load(self, path: str | os.PathLike[str]) -> None"),
           "Takes the weights of a file: safetensors, ONNX, npz, or a folder of shards.")
      .def(
          "missing",
          [](const PyRefitter& self) {
            const auto alone = self.alone();
            return self.refitter.missing();
          },
          "Names that must still come before commit().")
      .def("prepare", prepare, "Makes a complete set without publishing it; see Engine.publish.")
      .def("commit", commit, "Publishes what is set, all or nothing.");
  auto engine = nb::borrow<nb::class_<PyEngine>>(nb::type<PyEngine>());
  engine.def(
      "refitter",
      [](const PyEngine& self, bool strict) { return PyRefitter{Refitter(self.engine, strict)}; },
      nb::arg("strict") = false, nb::sig("def refitter(self, strict: bool = False) -> Refitter"),
      "A refitter for several weights, commit by commit.");
}

}  // namespace tenon::python
