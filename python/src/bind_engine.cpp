// tenon.Engine, its weights and reports.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

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
  for (const auto& [name, tensor] : made.tensors) {
    const bool on_host = tensor.device() == host_device;
    result[name.c_str()] = on_host ? to_numpy(tensor) : nb::cast(tensor);
  }
  result.attr("version") = made.version;
  return result;
}

nb::object run(PyEngine& self, nb::handle inputs, nb::handle out, const WeightSet* weights,
               bool device_outputs) {
  if (weights != nullptr && weights->version() == 0)
    throw InputError("weights: the set is of an engine that was not ready; take `current` again");
  const ArrayMap given = to_arrays(inputs, "input");
  const WeightSet set = weights ? *weights : WeightSet();
  if (out.is_none()) {
    Outputs made;
    {
      const nb::gil_scoped_release release;
      made = self.contexts->run(given.views,
                                RunOptions{.weights = set, .device_outputs = device_outputs});
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
nb::object submit(nb::handle self, nb::handle inputs, nb::handle out, nb::handle weights,
                  bool device_outputs) {
  auto& engine = nb::cast<PyEngine&>(self);
  if (!engine.thread.is_valid() || engine.process != getpid()) {
    engine.process = getpid();
    engine.thread = nb::module_::import_("concurrent.futures").attr("ThreadPoolExecutor")(1);
  }
  return engine.thread.attr("submit")(self.attr("run"), inputs, out, weights, device_outputs);
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
  const nb::object made = run(self, given, nb::none(), nullptr, false);
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

RefitReport refit(PyEngine& self, nb::handle weights, bool strict, bool complete,
                  const std::string& prefix, nb::handle rename, nb::handle only,
                  nb::handle ignore) {
  RefitOptions options = to_refit_options(strict, complete, prefix, rename, only, ignore);
  if (is_path(weights)) {
    const std::string path = to_path(weights);
    return interruptible([&](const std::stop_token& stop) {
      options.stop = stop;
      return self.engine.refit(std::filesystem::path(path), options);
    });
  }
  const ArrayMap arrays = to_arrays(weights, "weight");
  return interruptible([&](const std::stop_token& stop) {
    options.stop = stop;
    return self.engine.refit(arrays.views, options);
  });
}

nb::bytes plan_of(const PyEngine& self, bool strip, bool identical) {
  const std::vector<std::byte> plan = interruptible([&](const std::stop_token& stop) {
    return self.engine.to_bytes({.strip = strip, .identical = identical, .stop = stop});
  });
  return nb::bytes(reinterpret_cast<const char*>(plan.data()), plan.size());
}

std::vector<double> profile(PyEngine& self, nb::handle inputs, int runs) {
  const ArrayMap given = to_arrays(inputs, "input");
  const nb::gil_scoped_release release;
  std::vector<double> seconds;
  for (const LayerTime& time : Context(self.engine).profile(given.views, runs))
    seconds.push_back(time.seconds);
  return seconds;
}

std::string text_of(const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) {
    std::string shape;
    for (const std::string& extent : port.shape) shape += (shape.empty() ? "" : ", ") + extent;
    text += (text.empty() ? "" : ", ") + port.name.substr(0, 60) + " " +
            std::string(to_string(port.dtype)) + "[" + shape + "]";
  }
  return text;
}

// Engine('resnet18.onnx', cpu, 102 weights 44.7 MiB, version 3, x f32[n, 3] → y f32[n, 10])
nb::str engine_text(const PyEngine& self) {
  double bytes = 0;
  const std::vector<WeightInfo> weights = self.engine.weights();
  for (const WeightInfo& weight : weights)
    bytes += static_cast<double>(byte_count(weight.dtype, element_count(weight.shape)));
  const std::string file = self.file.empty() ? "" : "'" + self.file.substr(0, 100) + "', ";
  const uint64_t version = self.engine.version();
  return nb::str("Engine({}{}, {} weights {:.1f} MiB, {}, inputs {} → {})")
      .format(file, self.engine.device(), weights.size(), bytes / (1 << 20),
              version ? "version " + std::to_string(version) : std::string("not ready"),
              text_of(self.engine.inputs()), text_of(self.engine.outputs()));
}

// The executor of submit() may be part of a cycle.
int visit_engine(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  Py_VISIT(nb::inst_ptr<PyEngine>(self)->thread.ptr());
  return 0;
}

int clear_engine(PyObject* self) {
  nb::inst_ptr<PyEngine>(self)->thread.reset();
  return 0;
}

PyType_Slot engine_slots[] = {
    {Py_tp_traverse, reinterpret_cast<void*>(visit_engine)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_engine)},
    {0, nullptr},
};

void bind_layer(nb::module_& module) {
  nb::class_<LayerInfo>(module, "Layer", "One step of a run, and the kernel chosen for it.")
      .def_ro("op", &LayerInfo::op)
      .def_ro("name", &LayerInfo::name, "The model's name of the node, or of its output.")
      .def_ro("kernel", &LayerInfo::kernel)
      .def_ro("tactic", &LayerInfo::tactic)
      .def_ro("device", &LayerInfo::device, "Where it runs; cpu is the host, also beside a device.")
      .def_ro("output", &LayerInfo::output, "Type of the first output.")
      .def("__repr__", [](const LayerInfo& layer) {
        return nb::str("Layer({}, {!r}, {}, {})")
            .format(layer.op, layer.name, layer.kernel, layer.output);
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
      .def(
          "__array__",
          [](nb::handle self, nb::handle dtype, nb::handle) {
            const nb::object array = self.attr("numpy")();
            return dtype.is_none() ? array : nb::object(array.attr("astype")(dtype));
          },
          nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
          nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> "
                  "typing.Any"))
      .def(
          "__dlpack__",
          [](nb::handle self, const nb::kwargs& options) {
            return self.attr("numpy")().attr("__dlpack__")(**options);
          },
          nb::sig("def __dlpack__(self, **options: typing.Any) -> typing.Any"))
      .def(
          "__dlpack_device__", [](nb::handle) { return nb::make_tuple(1, 0); },
          nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def(
          "torch",
          [](nb::handle self) { return nb::module_::import_("torch").attr("from_dlpack")(self); },
          nb::sig("def torch(self) -> typing.Any"), "The same as a torch tensor.")
      .def("__repr__", [](const PyWeight& weight) {
        return nb::str("Weight({!r}, {}, {})")
            .format(weight.info.name, numpy_dtype(weight.info.dtype), to_tuple(weight.info.shape));
      });
}

// "102: a, b, c, …"
std::string counted(const std::vector<std::string>& names) {
  constexpr size_t most = 3;
  std::string text = std::to_string(names.size());
  for (size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i == 0 ? ": " : ", ") + names[i].substr(0, 60);
  return names.size() > most ? text + ", …" : text;
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
          "Given, and not used.")
      .def_ro("reasons", &RefitReport::ignored, "Why the ignored are not used, by name.")
      .def_ro("kept", &RefitReport::kept, "Refittable weights that were not given.")
      .def_ro("overflowed", &RefitReport::overflowed,
              "By weight: finite values that became infinite in its dtype.")
      .def_ro("seconds", &RefitReport::seconds)
      .def_ro("bytes", &RefitReport::bytes, "Bytes of the engine's tables that were written.")
      .def_ro("version", &RefitReport::version, "Of the weights now current.")
      .def("__repr__", [](const RefitReport& report) {
        return nb::str(
                   "RefitReport(version={}, changed={}, kept={}, ignored={}, seconds={:.6f}, "
                   "bytes={})")
            .format(report.version, report.changed.size(), counted(report.kept),
                    report.ignored.size(), report.seconds, report.bytes);
      });
  nb::class_<WeightSet>(module, "WeightSet",
                        "One complete, immutable set of weights of one engine.")
      .def_prop_ro("version", &WeightSet::version)
      .def("__repr__", [](const WeightSet& set) {
        return "WeightSet(version=" + std::to_string(set.version()) + ")";
      });
}

void bind_tensor(nb::module_& module) {
  nb::class_<Tensor>(module, "Tensor", "An output in the memory of a device; DLPack takes it on.")
      .def_prop_ro("device", &Tensor::device)
      .def_prop_ro(
          "dtype", [](const Tensor& tensor) { return numpy_dtype(tensor.dtype()); },
          nb::sig("def dtype(self) -> typing.Any"))
      .def_prop_ro(
          "shape", [](const Tensor& tensor) { return to_tuple(tensor.shape()); },
          nb::sig("def shape(self) -> tuple[int, ...]"))
      .def(
          "__dlpack__",
          [](const Tensor& tensor, const nb::kwargs& /*asked*/) { return to_dlpack(tensor); },
          nb::sig("def __dlpack__(self, **kwargs: typing.Any) -> typing.Any"))
      .def("__dlpack_device__", to_dlpack_device,
           nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def("__repr__", [](const Tensor& tensor) {
        return nb::str("Tensor({}, {}, device={!r})")
            .format(numpy_dtype(tensor.dtype()), to_tuple(tensor.shape()), tensor.device());
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
           nb::arg("weights") = nb::none(), nb::arg("device_outputs") = false,
           nb::sig("def run(self, inputs: collections.abc.Mapping[str, typing.Any], out: "
                   "collections.abc.Mapping[str, typing.Any] | None = None, weights: WeightSet | "
                   "None = None, device_outputs: bool = False) -> tenon._outputs.Outputs"),
           "Runs on a mapping of arrays; returns a dict of outputs with an attribute `version`. "
           "With `out`, a mapping "
           "of writable arrays, only those are written and returned. With `weights`, runs with "
           "that set. Arrays may lie on the engine's device; with `device_outputs`, fresh outputs "
           "do, as Tensor.")
      .def("submit", submit, nb::arg("inputs"), nb::arg("out") = nb::none(),
           nb::arg("weights") = nb::none(), nb::arg("device_outputs") = false,
           nb::sig("def submit(self, inputs: collections.abc.Mapping[str, typing.Any], out: "
                   "collections.abc.Mapping[str, typing.Any] | None = None, weights: WeightSet | "
                   "None = None, device_outputs: bool = False) -> "
                   "concurrent.futures.Future[tenon._outputs.Outputs]"),
           "As run(), on a thread of the engine, in the order of the calls: returns a future "
           "(`asyncio.wrap_future` takes it) of the outputs or the error. The arrays stay "
           "untouched until it is done.");
}

}  // namespace

void bind_engine(nb::module_& module) {
  bind_port(module);
  bind_weight(module);
  bind_reports(module);
  bind_layer(module);
  bind_tensor(module);
  nb::class_<PyEngine> engine(module, "Engine",
                              "A compiled network with its weights. Use it from any thread.",
                              nb::is_weak_referenceable(), nb::type_slots(engine_slots));
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
      .def(
          "refit", refit, nb::arg("weights"), nb::arg("strict") = false, nb::kw_only(),
          nb::arg("complete") = false, nb::arg("prefix") = "", nb::arg("rename") = nb::none(),
          nb::arg("only") = nb::tuple(), nb::arg("ignore") = nb::tuple(),
          nb::sig("def refit(self, weights: str | os.PathLike[str] | collections.abc.Mapping[str, "
                  "typing.Any], strict: bool = False, *, complete: bool = False, prefix: str = '', "
                  "rename: collections.abc.Mapping[str, str] | collections.abc.Callable[[str], "
                  "str] | str | os.PathLike[str] | None = None, only: str | "
                  "collections.abc.Iterable[str] = (), ignore: str | collections.abc.Iterable[str] "
                  "= ()) -> RefitReport"),
          "Replaces weights by those of a file (safetensors, ONNX, npz, a folder of shards) or a "
          "mapping of arrays. "
          "All or nothing: RefitError holds every problem, and nothing has changed.\n\n"
          "strict refuses names that the engine does not need, complete wants every weight. The "
          "given names lose `prefix`, then `rename` (a mapping, a callable, or the path of a JSON "
          "object) makes the engine's of them, which the globs of `only` and `ignore` match.")
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
            if (nb::hasattr(path, "write")) {
              path.attr("write")(plan_of(self, strip, identical));
              return;
            }
            const std::string target = to_path(path);
            interruptible([&](const std::stop_token& stop) {
              self.engine.save(target, {.strip = strip, .identical = identical, .stop = stop});
              return 0;
            });
          },
          nb::arg("path"), nb::arg("strip") = false, nb::arg("identical") = false,
          nb::sig("def save(self, path: str | os.PathLike[str] | typing.Any, strip: bool = False, "
                  "identical: bool = False) -> None"),
          "Writes a plan, which is a safetensors file, to a path or an open binary file. `strip` "
          "leaves the refittable weights out; "
          "a plan saved as "
          "`identical` takes only these weights.")
      .def("to_bytes", plan_of, nb::arg("strip") = false, nb::arg("identical") = false,
           "The plan that save() would write.")
      .def("__reduce__",
           [](const PyEngine& self) {
             const nb::object load = nb::module_::import_("tenon._plans").attr("load_plan");
             return nb::make_tuple(load,
                                   nb::make_tuple(plan_of(self, !self.engine.ready(), false)));
           })
      .def_prop_ro(
          "layers", [](const PyEngine& self) { return self.engine.layers(); },
          "The steps of a run, in order.")
      .def_prop_ro(
          "views", [](const PyEngine& self) { return self.engine.views(); },
          "Nodes that are no steps, since their results lie in the memory of other values.")
      .def("profile", profile, nb::arg("inputs"), nb::arg("runs") = 10,
           nb::sig("def profile(self, inputs: collections.abc.Mapping[str, typing.Any], runs: int "
                   "= 10) -> list[float]"),
           "Median seconds of each of `layers`, over so many runs on a mapping of arrays.")
      .def("__repr__", engine_text)
      .def(
          "explain",
          [](const PyEngine& self) {
            const nb::gil_scoped_release release;
            return self.engine.explain();
          },
          "The kernels of every node, their timings and refusals, as text.");
}

}  // namespace tenon::python
