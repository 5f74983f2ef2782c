// tenon.Engine, its weights and reports.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "bind.h"
#include "interrupt.h"
#include "tenon/error.h"
#include "tenon/refitter.h"

namespace tenon::python {
namespace {

/// A refittable weight of a live engine.
struct PyWeight {
  Engine engine;
  WeightInfo info;
};

nb::tuple shape_of(const Port& port) {
  nb::list shape;
  for (const std::string& extent : port.shape) {
    const bool number = extent.find_first_not_of("0123456789") == std::string::npos;
    shape.append(number ? nb::object(nb::int_(std::stoll(extent)))
                        : nb::object(nb::str(extent.c_str())));
  }
  return nb::tuple(shape);
}

nb::tuple to_tuple(const Shape& shape) {
  nb::list list;
  for (const int64_t extent : shape) list.append(extent);
  return nb::tuple(list);
}

nb::object outputs_of(const Outputs& made) {
  nb::object result = nb::module_::import_("tenon._outputs").attr("Outputs")();
  for (const auto& [name, tensor] : made.tensors) result[name.c_str()] = to_numpy(tensor);
  result.attr("version") = made.version;
  return result;
}

nb::object run(PyEngine& self, nb::handle inputs, nb::handle out, const WeightSet* weights) {
  if (weights != nullptr && weights->version() == 0)
    throw InputError("weights: the set is of an engine that was not ready; take `current` again");
  const ArrayMap given = to_arrays(inputs, "input");
  const WeightSet set = weights ? *weights : WeightSet();
  if (out.is_none()) {
    Outputs made;
    {
      const nb::gil_scoped_release release;
      made = self.contexts->run(given.views, RunOptions{.weights = set});
    }
    return outputs_of(made);
  }
  const ArrayMap targets = to_writable_arrays(out, "out");
  uint64_t version = 0;
  {
    const nb::gil_scoped_release release;
    version = self.contexts->run(given.views, targets.views, {.weights = set});
  }
  nb::object result = nb::module_::import_("tenon._outputs").attr("Outputs")();
  result.attr("update")(out);
  result.attr("version") = version;
  return result;
}

// Python's executor does the rest: order, waiting, the end of the interpreter.
nb::object submit(nb::handle self, nb::handle inputs, nb::handle out, nb::handle weights) {
  auto& engine = nb::cast<PyEngine&>(self);
  if (!engine.thread.is_valid()) {
    engine.thread = nb::module_::import_("concurrent.futures").attr("ThreadPoolExecutor")(1);
  }
  return engine.thread.attr("submit")(self.attr("run"), inputs, out, weights);
}

nb::object call(PyEngine& self, const nb::args& positional, const nb::kwargs& named) {
  const std::vector<Port> inputs = self.engine.inputs();
  if (positional.size() > inputs.size()) {
    throw InputError(std::to_string(positional.size()) + " inputs are given, the network takes " +
                     std::to_string(inputs.size()));
  }
  nb::dict given;
  for (size_t i = 0; i < positional.size(); ++i) given[inputs[i].name.c_str()] = positional[i];
  for (const auto& [name, array] : named) {
    if (given.contains(name))
      throw InputError("input \"" + nb::cast<std::string>(name) + "\" is given twice");
    given[name] = array;
  }
  const nb::object made = run(self, given, nb::none(), nullptr);
  const std::vector<Port> outputs = self.engine.outputs();
  if (outputs.size() == 1) return made[outputs[0].name.c_str()];
  nb::list results;
  for (const Port& output : outputs) results.append(made[output.name.c_str()]);
  return nb::tuple(results);
}

nb::dict weights_of(PyEngine& self) {
  nb::dict result;
  for (WeightInfo& info : self.engine.weights()) {
    const std::string name = info.name;
    result[name.c_str()] = nb::cast(PyWeight{self.engine, std::move(info)});
  }
  return result;
}

nb::dict constants_of(PyEngine& self) {
  nb::dict result;
  for (const ConstantInfo& info : self.engine.constants()) result[info.name.c_str()] = info.reason;
  return result;
}

RefitReport refit(PyEngine& self, nb::handle weights, bool strict) {
  if (is_path(weights)) {
    const std::string path = to_path(weights);
    return interruptible([&](const std::stop_token& stop) {
      Refitter refitter(self.engine, strict);
      refitter.set_stop_token(stop);
      refitter.load(path);
      return refitter.commit();
    });
  }
  const ArrayMap arrays = to_arrays(weights, "weight");
  return interruptible([&](const std::stop_token& stop) {
    Refitter refitter(self.engine, strict);
    refitter.set_stop_token(stop);
    for (const auto& [name, view] : arrays.views) refitter.borrow(name, view);
    return refitter.commit();
  });
}

void bind_port(nb::module_& module) {
  nb::class_<Port>(module, "Port", "An input or output: its name, NumPy dtype, and shape.")
      .def_ro("name", &Port::name)
      .def_prop_ro(
          "dtype", [](const Port& port) { return numpy_dtype(port.dtype); },
          nb::sig("def dtype(self) -> typing.Any"))
      .def_prop_ro("shape", shape_of, nb::sig("def shape(self) -> tuple[int | str, ...]"),
                   "Numbers, and expressions over named extents as strings.")
      .def("__repr__", [](const Port& port) {
        return nb::str("Port({!r}, {}, {})")
            .format(port.name, numpy_dtype(port.dtype), shape_of(port));
      });
}

void bind_weight(nb::module_& module) {
  nb::class_<PyWeight>(module, "Weight",
                       "A refittable weight of an engine; reads the engine's current value.")
      .def_prop_ro("name", [](const PyWeight& weight) { return weight.info.name; })
      .def_prop_ro(
          "dtype", [](const PyWeight& weight) { return numpy_dtype(weight.info.dtype); },
          nb::sig("def dtype(self) -> typing.Any"))
      .def_prop_ro(
          "shape", [](const PyWeight& weight) { return to_tuple(weight.info.shape); },
          nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_prop_ro(
          "guarded", [](const PyWeight& weight) { return weight.info.guarded; },
          "The build used its value: a refit must bring the same bits.")
      .def_prop_ro(
          "slots", [](const PyWeight& weight) { return weight.info.slots; },
          "The engine's tables that are made from it.")
      .def_prop_ro(
          "kernels", [](const PyWeight& weight) { return weight.info.kernels; },
          "The kernels that read those.")
      .def_prop_ro(
          "digest",
          [](const PyWeight& weight) {
            const nb::gil_scoped_release release;
            return weight.engine.digest(weight.info.name);
          },
          "xxh3:… of the current value's bytes.")
      .def(
          "numpy",
          [](const PyWeight& weight) {
            Tensor tensor;
            {
              const nb::gil_scoped_release release;
              tensor = weight.engine.read_weight(weight.info.name);
            }
            return to_numpy(tensor);
          },
          nb::sig("def numpy(self) -> typing.Any"), "A copy of the current value.")
      .def("__repr__", [](const PyWeight& weight) {
        return nb::str("Weight({!r}, {}, {})")
            .format(weight.info.name, numpy_dtype(weight.info.dtype), to_tuple(weight.info.shape));
      });
}

void bind_reports(nb::module_& module) {
  nb::class_<RefitReport>(module, "RefitReport", "What a refit did.")
      .def_ro("changed", &RefitReport::changed, "Weights that were given.")
      .def_prop_ro(
          "ignored",
          [](const RefitReport& report) {
            std::vector<std::string> names;
            for (const auto& [name, reason] : report.ignored) names.push_back(name);
            return names;
          },
          "Tensors that the engine does not need.")
      .def_ro("reasons", &RefitReport::ignored, "Why the ignored are not needed, by name.")
      .def_ro("overflowed", &RefitReport::overflowed,
              "By weight: finite values that became infinite in its dtype.")
      .def_ro("seconds", &RefitReport::seconds)
      .def_ro("bytes", &RefitReport::bytes, "Bytes of the engine's tables that were written.")
      .def_ro("version", &RefitReport::version, "Of the weights now current.")
      .def("__repr__", [](const RefitReport& report) {
        return nb::str("RefitReport(version={}, changed={}, ignored={}, seconds={:.6f}, bytes={})")
            .format(report.version, report.changed.size(), report.ignored.size(), report.seconds,
                    report.bytes);
      });
  nb::class_<WeightSet>(module, "WeightSet",
                        "One complete, immutable set of weights of one engine.")
      .def_prop_ro("version", &WeightSet::version)
      .def("__repr__", [](const WeightSet& set) {
        return "WeightSet(version=" + std::to_string(set.version()) + ")";
      });
}

void bind_runs(nb::class_<PyEngine>& engine) {
  engine
      .def("__call__", call,
           nb::sig("def __call__(self, *arrays: object, **named: object) -> typing.Any"),
           "Runs on arrays (NumPy, torch, anything with DLPack or the buffer protocol), by "
           "position or by name, and "
           "returns an array, or a tuple of them.")
      .def("run", run, nb::arg("inputs"), nb::arg("out") = nb::none(),
           nb::arg("weights") = nb::none(),
           nb::sig("def run(self, inputs: collections.abc.Mapping[str, typing.Any], out: "
                   "collections.abc.Mapping[str, typing.Any] | None = None, weights: WeightSet | "
                   "None = None) -> tenon._outputs.Outputs"),
           "Runs on a mapping of arrays; returns a dict of outputs with an attribute `version`. "
           "With `out`, a mapping "
           "of writable arrays, only those are written and returned. With `weights`, runs with "
           "that set.")
      .def("submit", submit, nb::arg("inputs"), nb::arg("out") = nb::none(),
           nb::arg("weights") = nb::none(),
           nb::sig("def submit(self, inputs: collections.abc.Mapping[str, typing.Any], out: "
                   "collections.abc.Mapping[str, typing.Any] | None = None, weights: WeightSet | "
                   "None = None) -> concurrent.futures.Future[tenon._outputs.Outputs]"),
           "As run(), on a thread of the engine, in the order of the calls: returns a future "
           "(`asyncio.wrap_future` takes it) of the outputs or the error. The arrays stay "
           "untouched until it is done.");
}

}  // namespace

void bind_engine(nb::module_& module) {
  bind_port(module);
  bind_weight(module);
  bind_reports(module);
  nb::class_<PyEngine> engine(module, "Engine",
                              "A compiled network with its weights. Use it from any thread.");
  bind_runs(engine);
  engine.def_prop_ro("inputs", [](const PyEngine& self) { return self.engine.inputs(); })
      .def_prop_ro("outputs", [](const PyEngine& self) { return self.engine.outputs(); })
      .def_prop_ro("device", [](const PyEngine& self) { return self.engine.device(); })
      .def_prop_ro("weights", weights_of, nb::sig("def weights(self) -> dict[str, Weight]"),
                   "The refittable weights by name.")
      .def_prop_ro("constants", constants_of, nb::sig("def constants(self) -> dict[str, str]"),
                   "The frozen tensors by name, and why they are.")
      .def_prop_ro(
          "ready", [](const PyEngine& self) { return self.engine.ready(); },
          "All weights are there.")
      .def_prop_ro(
          "version", [](const PyEngine& self) { return self.engine.version(); },
          "Version of the current weights; 0 when not ready.")
      .def_prop_ro(
          "current", [](const PyEngine& self) { return self.engine.current(); },
          "The current set of weights.")
      .def(
          "publish",
          [](PyEngine& self, const WeightSet& set) {
            const nb::gil_scoped_release release;
            self.engine.publish(set);
          },
          nb::arg("set"),
          "Makes a set of this engine the current one; runs under way finish with theirs.")
      .def("refit", refit, nb::arg("weights"), nb::arg("strict") = false,
           nb::sig("def refit(self, weights: str | os.PathLike[str] | collections.abc.Mapping[str, "
                   "typing.Any], strict: bool = False) -> RefitReport"),
           "Replaces weights by those of a file (safetensors, ONNX, npz, a folder of shards) or a "
           "mapping of arrays. "
           "All or nothing: RefitError holds every problem, and nothing has changed.")
      .def(
          "reset",
          [](PyEngine& self) {
            const nb::gil_scoped_release release;
            return self.engine.reset();
          },
          "Goes back to the weights that the engine was built or loaded with.")
      .def(
          "save",
          [](const PyEngine& self, nb::handle path, bool strip, bool identical) {
            const std::string target = to_path(path);
            interruptible([&](const std::stop_token& stop) {
              self.engine.save(target, {.strip = strip, .identical = identical, .stop = stop});
              return 0;
            });
          },
          nb::arg("path"), nb::arg("strip") = false, nb::arg("identical") = false,
          nb::sig("def save(self, path: str | os.PathLike[str], strip: bool = False, identical: "
                  "bool = False) -> None"),
          "Writes a plan, which is a safetensors file. `strip` leaves the refittable weights out; "
          "a plan saved as "
          "`identical` takes only these weights.")
      .def(
          "explain",
          [](const PyEngine& self) {
            const nb::gil_scoped_release release;
            return self.engine.explain();
          },
          "The kernels of every node, their timings and refusals, as text.");
}

}  // namespace tenon::python
