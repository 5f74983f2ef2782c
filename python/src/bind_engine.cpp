// tenon.Engine, its weights and reports.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include "arrays.h"
#include "bind.h"
#include "tenon/error.h"
#include "tenon/refitter.h"
#include "work.h"

namespace tenon::python {
namespace {

// A dictionary for each row of values.
nb::list maps_of(const Tensor& keys, const Tensor& values) {
  const nb::object names = to_numpy(keys).attr("tolist")();
  nb::list maps;
  for (const nb::handle row : to_numpy(values).attr("tolist")()) {
    nb::dict map;
    for (size_t i = 0; i < nb::len(row); ++i) map[names[i]] = row[i];
    maps.append(map);
  }
  return maps;
}

// A list, what an optional holds, or maps.
nb::object held_by(const std::vector<Tensor>& tensors, PortKind kind) {
  if (kind == PortKind::optional)
    return tensors.empty() ? nb::object(nb::none()) : to_numpy(tensors[0]);
  if (kind == PortKind::maps) return maps_of(tensors.at(0), tensors.at(1));
  nb::list arrays;
  for (const Tensor& tensor : tensors) arrays.append(to_numpy(tensor));
  return arrays;
}

nb::object outputs_of(const PyEngine& engine, const Outputs& made) {
  nb::object result = nb::module_::import_("tenon._outputs").attr("Outputs")();
  for (const Port& port : engine.output_ports) {
    if (const auto found = made.sequences.find(port.name); found != made.sequences.end()) {
      result[port.name.c_str()] = held_by(found->second, port.kind);
      continue;
    }
    if (port.kind == PortKind::optional_sequence) {
      result[port.name.c_str()] = nb::none();
      continue;
    }
    const Tensor& tensor = made.tensors.at(port.name);
    const bool on_host = tensor.device() == host_device;
    result[port.name.c_str()] = on_host ? to_numpy(tensor) : nb::cast(tensor);
  }
  result.attr("version") = made.version;
  return result;
}

/// One run, which Ctrl-C and `stop` end.
template <class F>
auto perform_run(nb::handle stop, F&& run) {
  if (!stop.is_none()) {
    return Work(nb::none(), stop).perform([&](const std::stop_token& token, const Progress&) {
      return run(token);
    });
  }
  return interruptible([&](Interruptible& scope) { return run(scope.token()); });
}

nb::object run(PyEngine& self, nb::handle inputs, nb::handle out, const WeightSet* weights,
               bool device_outputs, nb::handle stop) {
  if (weights != nullptr && weights->version() == 0)
    throw InputError("weights: the set is of an engine that was not ready; take `current` again");
  const std::shared_ptr<ContextPool> contexts = self.contexts();
  const Feeds given = to_feeds(inputs, self.input_ports);
  const WeightSet set = weights ? *weights : WeightSet();
  if (out.is_none()) {
    return outputs_of(self, perform_run(stop, [&](const std::stop_token& token) {
                        return contexts->run(given.views,
                                             RunOptions{.weights = set,
                                                        .sequences = given.sequences,
                                                        .stop = token,
                                                        .device_outputs = device_outputs});
                      }));
  }
  const ArrayMap targets = to_writable_arrays(out, "out");
  const uint64_t version = perform_run(stop, [&](const std::stop_token& token) {
    return contexts->run(given.views, targets.views,
                         {.weights = set, .sequences = given.sequences, .stop = token});
  });
  nb::object result = nb::module_::import_("tenon._outputs").attr("Outputs")();
  result.attr("update")(out);
  result.attr("version") = version;
  return result;
}

// The one executor of an engine: another thread may make one, too, while this one does.
nb::object thread_of(PyEngine& engine) {
  const auto has = [&] { return engine.thread.is_valid() && engine.process == getpid(); };
  if (has()) return engine.thread;
  nb::object made = nb::module_::import_("concurrent.futures").attr("ThreadPoolExecutor")(1);
  if (!has() && !engine.closed()) {
    engine.process = getpid();
    engine.thread = std::move(made);
  }
  return engine.thread;
}

// Python's executor does the rest: order, waiting, the end of the interpreter.
nb::object submit(nb::handle self, nb::handle inputs, nb::handle out, nb::handle weights,
                  bool device_outputs, nb::handle stop) {
  auto& engine = nb::cast<PyEngine&>(self);
  if (engine.in_place && Work::is_telling()) {
    throw InputError(
        "submit was called from a progress callback, and an engine with memory=\"in_place\" runs "
        "nothing while it is refitted; call it when the refit has ended");
  }
  const nb::object thread = thread_of(engine);
  if (engine.closing) PyEngine::refuse_closed();
  static_cast<void>(engine.contexts());  // throws once it is closed
  try {
    return thread.attr("submit")(self.attr("run"), inputs, out, weights, device_outputs, stop);
  } catch (nb::python_error& error) {  // another thread has closed it meanwhile
    if (error.matches(PyExc_RuntimeError) && (engine.closing || engine.closed()))
      PyEngine::refuse_closed();
    throw;
  }
}

nb::object call(PyEngine& self, const nb::args& positional, const nb::kwargs& named) {
  const std::vector<Port> inputs = self.engine().inputs();
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
  const nb::object made = run(self, given, nb::none(), nullptr, false, nb::none());
  const std::vector<Port> outputs = self.engine().outputs();
  if (outputs.size() == 1) return made[outputs[0].name.c_str()];
  nb::list results;
  for (const Port& output : outputs) results.append(made[output.name.c_str()]);
  return nb::tuple(results);
}

nb::dict constants_of(PyEngine& self) {
  nb::dict result;
  for (const ConstantInfo& info : self.engine().constants())
    result[info.name.c_str()] = info.reason;
  return result;
}

RefitReport refit(PyEngine& self, nb::handle weights, bool strict, bool complete,
                  const std::string& prefix, nb::handle rename, nb::handle only, nb::handle ignore,
                  const std::optional<WeightSet>& base, nb::handle progress, nb::handle stop) {
  RefitOptions options = to_refit_options(strict, complete, prefix, rename, only, ignore, base);
  Engine engine = self.engine();
  const std::string path = is_path(weights) ? to_path(weights) : "";
  std::map<std::string, std::string> unreadable;
  const ArrayMap arrays = path.empty() ? to_arrays(weights, "weight", &unreadable) : ArrayMap();
  return Work(progress, stop).perform([&](const std::stop_token& token, const Progress& told) {
    options.stop = token;
    options.progress = told;
    Refitter refitter(engine, options);
    if (!path.empty()) refitter.load(path);
    for (const auto& [name, view] : arrays.views) refitter.borrow(name, view);
    for (const auto& [name, type] : unreadable) refitter.set_unreadable(name, type);
    return refitter.commit();
  });
}

using Notes = std::optional<std::map<std::string, std::string>>;

nb::bytes plan_of(const PyEngine& self, bool strip, bool identical, bool merge, const Notes& notes,
                  nb::handle progress, nb::handle stop) {
  const Engine engine = self.engine();
  const std::vector<std::byte> plan =
      Work(progress, stop).perform([&](const std::stop_token& token, const Progress& told) {
        return engine.to_bytes({.strip = strip,
                                .identical = identical,
                                .merge = merge,
                                .notes = notes,
                                .stop = token,
                                .progress = told});
      });
  return nb::bytes(reinterpret_cast<const char*>(plan.data()), plan.size());
}

// A file without a buffer may take a part of what it is given, or nothing.
void write_all(nb::handle file, const nb::bytes& plan) {
  const nb::object whole = nb::module_::import_("builtins").attr("memoryview")(plan);
  for (size_t done = 0; done < plan.size();) {
    const nb::object rest = whole[nb::slice(nb::int_(done), nb::none(), nb::none())];
    const nb::object taken = file.attr("write")(rest);
    size_t count = 0;
    if (!nb::try_cast(taken, count) || count == 0 || count > plan.size() - done) {
      throw Error(ErrorCode::io, "the file took " + std::to_string(done) + " of " +
                                     std::to_string(plan.size()) +
                                     " bytes of the plan; give one that takes all, or a path");
    }
    done += count;
  }
}

void save(const PyEngine& self, nb::handle path, bool strip, bool identical, bool merge,
          const Notes& notes, nb::handle progress, nb::handle stop) {
  if (nb::hasattr(path, "write"))
    return write_all(path, plan_of(self, strip, identical, merge, notes, progress, stop));
  const std::string target = to_path(path);
  const Engine engine = self.engine();
  Work(progress, stop).perform([&](const std::stop_token& token, const Progress& told) {
    engine.save(target, {.strip = strip,
                         .identical = identical,
                         .merge = merge,
                         .notes = notes,
                         .stop = token,
                         .progress = told});
    return 0;
  });
}

// Waits for what was submitted; what still holds a weight, a set or a refitter holds the memory.
void close(PyEngine& self) {
  self.closing = true;
  try {
    const nb::object thread = self.thread;
    if (thread.is_valid() && self.process == getpid()) thread.attr("shutdown")();
  } catch (nb::python_error& error) {  // its own thread, in a callback of a future, joins nobody
    self.closing = error.matches(PyExc_RuntimeError);
    if (!self.closing) throw;
  }
  self.thread.reset();
  self.close();
}

std::vector<double> profile(PyEngine& self, nb::handle inputs, int runs) {
  const Engine engine = self.engine();
  const Feeds given = to_feeds(inputs, self.input_ports);
  const nb::gil_scoped_release release;
  std::vector<double> seconds;
  for (const LayerTime& time : Context(engine).profile(given.views, runs))
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
  if (self.closed()) return nb::str("Engine(closed)");
  double bytes = 0;
  const std::vector<WeightInfo> weights = self.engine().weights();
  for (const WeightInfo& weight : weights)
    bytes += static_cast<double>(byte_count(weight.dtype, element_count(weight.shape)));
  const std::string file = self.file.empty() ? "" : "'" + self.file.substr(0, 100) + "', ";
  const uint64_t version = self.engine().version();
  return nb::str("Engine({}{}, {} weights {:.1f} MiB, {}, inputs {} → {})")
      .format(file, self.engine().device(), weights.size(), bytes / (1 << 20),
              version ? "version " + std::to_string(version) : std::string("not ready"),
              text_of(self.engine().inputs()), text_of(self.engine().outputs()));
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

void bind_runs(nb::class_<PyEngine>& engine) {
  engine
      .def("__call__", call,
           nb::sig("def __call__(self, *arrays: object, **named: object) -> "
                   "numpy.typing.NDArray[typing.Any]"),
           "Runs on arrays (NumPy, torch, anything with DLPack or the buffer protocol), by "
           "position or by name, and "
           "returns an array; a tuple of them where there are several outputs, which type checkers "
           "may unpack like an array.\n\n"
           "    y = engine(x)")
      .def("run", run, nb::arg("inputs"), nb::arg("out") = nb::none(),
           nb::arg("weights") = nb::none(), nb::arg("device_outputs") = false,
           nb::arg("stop") = nb::none(),
           nb::sig("def run(self, inputs: collections.abc.Mapping[str, typing.Any], out: "
                   "collections.abc.Mapping[str, typing.Any] | None = None, weights: WeightSet | "
                   "None = None, device_outputs: bool = False, stop: threading.Event | None = "
                   "None) -> tenon._outputs.Outputs"),
           "Runs on a mapping of arrays; returns a dict of outputs with an attribute `version`. A "
           "sequence is a list of arrays, an optional an array or None. With `out`, a mapping "
           "of writable arrays, only those are written and returned. With `weights`, runs with "
           "that set. Arrays may lie on the engine's device; with `device_outputs`, fresh outputs "
           "do, as Tensor. Ctrl-C ends it, and `stop` once it is set: between steps and turns of a "
           "loop, with an Error whose code is \"cancelled\".\n\n"
           "    y = engine.run({\"x\": x})[\"y\"]")
      .def("submit", submit, nb::arg("inputs"), nb::arg("out") = nb::none(),
           nb::arg("weights") = nb::none(), nb::arg("device_outputs") = false,
           nb::arg("stop") = nb::none(),
           nb::sig(
               "def submit(self, inputs: collections.abc.Mapping[str, typing.Any], out: "
               "collections.abc.Mapping[str, typing.Any] | None = None, weights: WeightSet | "
               "None = None, device_outputs: bool = False, stop: threading.Event | None = None) -> "
               "concurrent.futures.Future[tenon._outputs.Outputs]"),
           "As run(), on a thread of the engine, in the order of the calls: returns a future "
           "(`asyncio.wrap_future` takes it) of the outputs or the error. The arrays stay "
           "untouched until it is done.\n\n"
           "    future = engine.submit({\"x\": x})");
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<PyEngine> engine(module, "Engine",
                              "A compiled network with its weights. Use it from any thread.\n\n"
                              "    y = engine(x)",
                              nb::is_weak_referenceable(), nb::type_slots(engine_slots));
  bind_runs(engine);
  engine.def_prop_ro("inputs", [](const PyEngine& self) { return self.engine().inputs(); })
      .def_prop_ro("outputs", [](const PyEngine& self) { return self.engine().outputs(); })
      .def_prop_ro("device", [](const PyEngine& self) { return self.engine().device(); })
      .def_prop_ro(
          "weights", [](const PyEngine& self) { return weights_of(self.engine()); },
          nb::sig("def weights(self) -> dict[str, Weight]"), "The refittable weights by name.")
      .def_prop_ro("constants", constants_of, nb::sig("def constants(self) -> dict[str, str]"),
                   "The frozen tensors by name, and why they are.")
      .def_prop_ro(
          "ready", [](const PyEngine& self) { return self.engine().ready(); },
          "All weights are there.")
      .def_prop_ro(
          "version", [](const PyEngine& self) { return self.engine().version(); },
          "Version of the current weights; 0 when not ready.")
      .def_prop_ro(
          "current", [](const PyEngine& self) { return self.engine().current(); },
          "The current set of weights.")
      .def(
          "publish",
          [](PyEngine& self, const WeightSet& set) {
            Engine engine = self.engine();
            const nb::gil_scoped_release release;
            engine.publish(set);
          },
          nb::arg("set"),
          "Makes a set of this engine the current one; runs under way finish with theirs.\n\n"
          "    engine.publish(old)")
      .def(
          "refit", refit, nb::arg("weights"), nb::arg("strict") = false, nb::kw_only(),
          nb::arg("complete") = false, nb::arg("prefix") = "", nb::arg("rename") = nb::none(),
          nb::arg("only") = nb::tuple(), nb::arg("ignore") = nb::tuple(),
          nb::arg("base") = nb::none(), nb::arg("progress") = nb::none(),
          nb::arg("stop") = nb::none(),
          nb::sig("def refit(self, weights: str | os.PathLike[str] | collections.abc.Mapping[str, "
                  "typing.Any], strict: bool = False, *, complete: bool = False, prefix: str = '', "
                  "rename: collections.abc.Mapping[str, str | dict[str, typing.Any]] | "
                  "collections.abc.Callable[[str], "
                  "str] | str | os.PathLike[str] | None = None, only: str | "
                  "collections.abc.Iterable[str] = (), ignore: str | collections.abc.Iterable[str] "
                  "= (), base: WeightSet | None = None, progress: bool | "
                  "collections.abc.Callable[[str, float], object] | None = "
                  "None, stop: threading.Event | None = None) -> RefitReport"),
          "Replaces weights by those of a file (safetensors, ONNX, npz, a folder of shards) or a "
          "mapping of arrays. "
          "All or nothing: RefitError holds every problem, and nothing has changed.\n\n"
          "strict refuses names that the engine does not need, complete wants every weight. The "
          "given names lose `prefix`, then `rename` (a mapping, a callable, or the path of a JSON "
          "object) makes the engine's of them (`{\"name\": …, \"permute\": [1, 0]}` in a mapping "
          "gives axes their order too), which the globs of `only` and `ignore` match. "
          "base: the set that the given weights change, in place of the current one. progress, "
          "stop: as of build().\n\n"
          "    report = engine.refit(\"finetuned.safetensors\")")
      .def(
          "reset",
          [](PyEngine& self) {
            Engine engine = self.engine();
            const nb::gil_scoped_release release;
            return engine.reset();
          },
          "Goes back to the weights that the engine was built or loaded with.\n\n"
          "    engine.reset()")
      .def("save", save, nb::arg("path"), nb::arg("strip") = false, nb::arg("identical") = false,
           nb::kw_only(), nb::arg("merge") = false, nb::arg("notes") = nb::none(),
           nb::arg("progress") = nb::none(), nb::arg("stop") = nb::none(),
           nb::sig("def save(self, path: str | os.PathLike[str] | typing.Any, strip: bool = False, "
                   "identical: bool = False, *, merge: bool = False, notes: "
                   "collections.abc.Mapping[str, str] | None = None, progress: bool | "
                   "collections.abc.Callable[[str, float], object] | None = None, stop: "
                   "threading.Event | None = None) -> None"),
           "Writes a plan, which is a safetensors file, to a path or an open binary file. `strip` "
           "leaves the refittable weights out; a plan saved as `identical` takes only these "
           "weights. merge: weights with low-rank terms as the sums, not as their bases. `notes` "
           "are "
           "kept for the caller; None keeps those that are there.\n\n"
           "    engine.save(\"model.plan\")")
      .def("to_bytes", plan_of, nb::arg("strip") = false, nb::arg("identical") = false,
           nb::kw_only(), nb::arg("merge") = false, nb::arg("notes") = nb::none(),
           nb::arg("progress") = nb::none(), nb::arg("stop") = nb::none(),
           nb::sig("def to_bytes(self, strip: bool = False, identical: bool = False, *, merge: "
                   "bool = False, notes: collections.abc.Mapping[str, str] | None = None, "
                   "progress: bool | collections.abc.Callable[[str, float], object] "
                   "| None = None, stop: "
                   "threading.Event | None = None) -> bytes"),
           "The plan that save() would write.\n\n"
           "    again = tenon.load(engine.to_bytes())")
      .def("close", close,
           "Ends the engine and frees its memory, when what was submitted is done. Weights, sets "
           "and refitters that are held keep it. `with` calls it.\n\n"
           "    engine.close()")
      .def(
          "__enter__", [](nb::handle self) { return nb::borrow(self); },
          nb::sig("def __enter__(self) -> Engine"))
      .def(
          "__exit__", [](PyEngine& self, const nb::args&) { close(self); },
          nb::sig("def __exit__(self, *raised: object) -> None"))
      .def(
          "__reduce__",
          [](const PyEngine& self) {
            const nb::object load = nb::module_::import_("tenon._plans").attr("load_plan");
            return nb::make_tuple(load,
                                  nb::make_tuple(plan_of(self, !self.engine().ready(), false, false,
                                                         std::nullopt, nb::none(), nb::none())));
          },
          nb::sig("def __reduce__(self) -> tuple[object, ...]"))
      .def(
          "output_shapes",
          [](const PyEngine& self, const std::map<std::string, std::vector<int64_t>>& inputs) {
            return self.engine().output_shapes(inputs);
          },
          nb::arg("inputs"),
          nb::sig("def output_shapes(self, inputs: collections.abc.Mapping[str, "
                  "collections.abc.Sequence[int]]) -> dict[str, list[int] | None]"),
          "Extents of the outputs for inputs of these, without a run; -1 where only a run tells, "
          "and "
          "None where not even the rank is known.\n\n"
          "    shapes = engine.output_shapes({\"x\": (1, 3, 224, 224)})")
      .def_prop_ro(
          "notes", [](const PyEngine& self) { return self.engine().notes(); },
          "What the plan that it was loaded from keeps for its caller; see save().")
      .def_prop_ro(
          "layers", [](const PyEngine& self) { return self.engine().layers(); },
          "The steps of a run, in order.")
      .def_prop_ro(
          "views", [](const PyEngine& self) { return self.engine().views(); },
          "Nodes that are no steps, since their results lie in the memory of other values.")
      .def("profile", profile, nb::arg("inputs"), nb::arg("runs") = 10,
           nb::sig("def profile(self, inputs: collections.abc.Mapping[str, typing.Any], runs: int "
                   "= 10) -> list[float]"),
           "Median seconds of each of `layers`, over so many runs on a mapping of arrays.\n\n"
           "    seconds = engine.profile({\"x\": x})")
      .def("__repr__", engine_text)
      .def(
          "_repr_html_",
          [](nb::handle self) {
            if (nb::cast<PyEngine&>(self).closed()) return nb::object(nb::repr(self));
            return nb::module_::import_("tenon._html").attr("engine_table")(self);
          },
          nb::sig("def _repr_html_(self) -> str"))
      .def(
          "explain",
          [](const PyEngine& self) {
            const Engine engine = self.engine();
            const nb::gil_scoped_release release;
            return engine.explain();
          },
          "The kernels of every node, their timings and refusals, as text.\n\n"
          "    print(engine.explain())");
}

}  // namespace tenon::python
