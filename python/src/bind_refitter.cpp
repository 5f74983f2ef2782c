// tenon.Refitter.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <memory>
#include <mutex>

#include "arrays.h"
#include "bind.h"
#include "tenon/error.h"
#include "tenon/refitter.h"
#include "work.h"

namespace tenon::python {
namespace {

/// What was borrowed: the object, and what keeps its present memory.
struct Borrowed {
  nb::object object, owner;
};

/// A refitter with the arrays that it has borrowed.
struct PyRefitter {
  Refitter refitter;
  std::shared_ptr<nb::object> renaming;
  std::map<std::string, Borrowed> borrowed;
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
  self.borrowed[name] = {nb::borrow(weight), std::move(array.owner)};
}

// An object may have got other memory since, as a torch parameter does by `p.data = …`.
void follow(PyRefitter& self) {
  for (auto& [name, borrowed] : self.borrowed) {
    Array array = to_array(borrowed.object, "weight \"" + name + "\"");
    self.refitter.borrow(name, array.view);
    borrowed.owner = std::move(array.owner);
  }
}

void add_low_rank(PyRefitter& self, const std::string& name, nb::handle a, nb::handle b,
                  double scale, const std::string& adapter) {
  const auto alone = self.alone();
  const Array left = to_array(a, "a of \"" + name + "\"");
  const Array right = to_array(b, "b of \"" + name + "\"");
  const nb::gil_scoped_release release;
  self.refitter.add_low_rank(name,
                             {.adapter = adapter, .a = left.view, .b = right.view, .scale = scale});
}

void clear_low_rank(PyRefitter& self) {
  const auto alone = self.alone();
  self.refitter.clear_low_rank();
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

// prepare() or commit().
template <class Result>
Result finish(PyRefitter& self, Result (Refitter::*how)(), nb::handle progress, nb::handle stop) {
  const auto alone = self.alone();
  follow(self);
  return Work(progress, stop).perform([&](const std::stop_token& token, const Progress& told) {
    self.refitter.set_stop_token(token);
    self.refitter.set_progress(told);
    return (self.refitter.*how)();
  });
}

WeightSet prepare(PyRefitter& self, nb::handle progress, nb::handle stop) {
  return finish(self, &Refitter::prepare, progress, stop);
}

RefitReport commit(PyRefitter& self, nb::handle progress, nb::handle stop) {
  return finish(self, &Refitter::commit, progress, stop);
}

// What is borrowed may hold the refitter, and so may what renames.
int visit_refitter(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  for (const auto& [name, borrowed] : nb::inst_ptr<PyRefitter>(self)->borrowed) {
    Py_VISIT(borrowed.object.ptr());
    Py_VISIT(borrowed.owner.ptr());
  }
  if (const auto& renaming = nb::inst_ptr<PyRefitter>(self)->renaming) Py_VISIT(renaming->ptr());
  return 0;
}

int clear_refitter(PyObject* self) {
  PyRefitter& refitter = *nb::inst_ptr<PyRefitter>(self);
  for (const auto& [name, borrowed] : refitter.borrowed) refitter.refitter.unset(name);
  std::exchange(refitter.borrowed, {}).clear();
  if (refitter.renaming) refitter.renaming->reset();
  return 0;
}

PyType_Slot refitter_slots[] = {
    {Py_tp_traverse, reinterpret_cast<void*>(visit_refitter)},
    {Py_tp_clear, reinterpret_cast<void*>(clear_refitter)},
    {0, nullptr},
};

using Permutations = std::map<std::string, std::vector<int64_t>>;

// The callable behind a name, or behind each name of a mapping, whose orders of axes go to
// `permute`.
nb::object to_renaming(nb::handle rename, Permutations& permute) {
  if (PyCallable_Check(rename.ptr())) return nb::borrow(rename);
  nb::object names = nb::borrow(rename);
  if (is_path(rename)) {
    const nb::object path = nb::module_::import_("pathlib").attr("Path")(rename);
    if (nb::cast<bool>(path.attr("exists")()) && !nb::cast<bool>(path.attr("is_file")()))
      refuse("rename", rename, "it is no regular file; give the path of a JSON object");
    const nb::object text = path.attr("read_text")();
    names = nb::module_::import_("json").attr("loads")(text);
  }
  if (!nb::hasattr(names, "items"))
    refuse("rename", rename, "give a mapping of names, a callable, or the path of a JSON object");
  nb::dict known;
  for (const auto& [from, to] :
       nb::cast<nb::dict>(nb::handle(reinterpret_cast<PyObject*>(&PyDict_Type))(names))) {
    const bool plain = !nb::isinstance<nb::dict>(to);
    const nb::dict detail = plain ? nb::dict() : nb::borrow<nb::dict>(to);
    const bool permuted = detail.contains("permute");
    const nb::object name = plain                     ? nb::borrow(to)
                            : detail.contains("name") ? nb::object(detail["name"])
                                                      : nb::none();
    if (!nb::isinstance<nb::str>(from) || !nb::isinstance<nb::str>(name) ||
        (!plain && detail.size() != (permuted ? 2u : 1u)) ||
        (permuted && !nb::try_cast(detail["permute"], permute[nb::cast<std::string>(name)])))
      refuse("rename", nb::make_tuple(from, to),
             "give a name for a name, or {\"name\": …, \"permute\": [axes]}");
    known[from] = name;
  }
  return nb::cpp_function([known](const nb::str& name) {
    return known.contains(name) ? nb::object(known[name]) : nb::object(name);
  });
}

}  // namespace

PyRefitOptions to_refit_options(bool strict, bool complete, const std::string& prefix,
                                nb::handle rename, nb::handle only, nb::handle ignore,
                                const std::optional<WeightSet>& base) {
  std::vector<std::string> wanted = to_names(only, "only");
  if (wanted.empty() && !nb::isinstance<nb::tuple>(only))  // () is the default
    throw InputError("only is empty: no weight would be refitted; leave it out, or name weights");
  PyRefitOptions options{{.strict = strict,
                          .complete = complete,
                          .prefix = prefix,
                          .only = std::move(wanted),
                          .ignore = to_names(ignore, "ignore"),
                          .base = base.value_or(WeightSet())},
                         nullptr};
  if (rename.is_none()) return options;
  const auto drop = [](nb::object* callable) {
    const nb::gil_scoped_acquire gil;
    delete callable;
  };
  const std::shared_ptr<nb::object> callable(new nb::object(to_renaming(rename, options.permute)),
                                             drop);
  options.rename = [callable](const std::string& name) {
    const nb::gil_scoped_acquire gil;
    if (!callable->is_valid()) return name;  // the collector was here
    const nb::object renamed = (*callable)(name);
    std::string text;
    if (!nb::try_cast(renamed, text)) refuse("rename", renamed, "a name becomes a name");
    return text;
  };
  options.renaming = callable;
  return options;
}

void bind_refitter(nb::module_& module) {
  nb::class_<PyRefitter>(
      module, "Refitter",
      "Replaces named weights of an engine. Not thread-safe itself; runs go on.\n\n"
      "    refitter = engine.refitter()\n"
      "    refitter.set(\"fc.weight\", array)\n"
      "    refitter.commit()",
      nb::is_weak_referenceable(), nb::type_slots(refitter_slots))
      .def("set", set, nb::arg("name"), nb::arg("weight"),
           nb::sig("def set(self, name: str, weight: object) -> None"),
           "Copies the array; forgotten by a successful commit().\n\n"
           "    refitter.set(\"fc.weight\", array)")
      .def("borrow", borrow, nb::arg("name"), nb::arg("weight"),
           nb::sig("def borrow(self, name: str, weight: object) -> None"),
           "Keeps the object, and reads it anew at every commit() until unset(), wherever its "
           "memory "
           "then is.\n\n"
           "    refitter.borrow(\"fc.weight\", parameter)")
      .def("__repr__",
           [](const PyRefitter& self) {
             const auto alone = self.alone();
             return "Refitter(" + std::to_string(self.refitter.missing().size()) +
                    " weights must still come, " + std::to_string(self.borrowed.size()) +
                    " borrowed)";
           })
      .def("unset", unset, nb::arg("name"),
           "Forgets what was set, borrowed or loaded under a name.\n\n"
           "    refitter.unset(\"fc.weight\")")
      .def("add_low_rank", add_low_rank, nb::arg("name"), nb::arg("a"), nb::arg("b"),
           nb::arg("scale") = 1.0, nb::arg("adapter") = "",
           nb::sig("def add_low_rank(self, name: str, a: object, b: object, scale: float = 1.0, "
                   "adapter: str = '') -> None"),
           "From the next commit on the engine answers with the weight plus scale * b @ a, for a "
           "[rank, k] and b [n, rank] beside n rows of k elements each. The weight itself is kept: "
           "refits change it, and it is what is read and saved. Adapters' terms are summed by "
           "name; a scale of 0 takes one away. Copies.\n\n"
           "    refitter.add_low_rank(\"fc.weight\", a, b, scale=0.5)")
      .def("clear_low_rank", clear_low_rank,
           "Takes all such terms away; those added afterwards stay.\n\n"
           "    refitter.clear_low_rank()")
      .def("load", load, nb::arg("path"),
           nb::sig("def load(self, path: str | os.PathLike[str]) -> None"),
           "Takes the weights of a file: safetensors, ONNX, npz, or a folder of shards.\n\n"
           "    refitter.load(\"base.safetensors\")")
      .def(
          "missing",
          [](const PyRefitter& self) {
            const auto alone = self.alone();
            return self.refitter.missing();
          },
          "Names that must still come before commit().\n\n"
          "    names = refitter.missing()")
      .def("prepare", prepare, nb::kw_only(), nb::arg("progress") = nb::none(),
           nb::arg("stop") = nb::none(),
           nb::sig("def prepare(self, *, progress: bool | collections.abc.Callable[[str, float], "
                   "object] | None = None, stop: threading.Event | None = None) -> WeightSet"),
           "Makes a complete set without publishing it; see Engine.publish.\n\n"
           "    engine.publish(refitter.prepare())")
      .def("commit", commit, nb::kw_only(), nb::arg("progress") = nb::none(),
           nb::arg("stop") = nb::none(),
           nb::sig("def commit(self, *, progress: bool | collections.abc.Callable[[str, float], "
                   "object] | None = None, stop: threading.Event | None = None) -> RefitReport"),
           "Publishes what is set, all or nothing.\n\n"
           "    report = refitter.commit()");
  auto engine = nb::borrow<nb::class_<PyEngine>>(nb::type<PyEngine>());
  engine.def(
      "refitter",
      [](const PyEngine& self, bool strict, bool complete, const std::string& prefix,
         nb::handle rename, nb::handle only, nb::handle ignore,
         const std::optional<WeightSet>& base) {
        PyRefitOptions options =
            to_refit_options(strict, complete, prefix, rename, only, ignore, base);
        return PyRefitter{Refitter(self.engine(), options), std::move(options.renaming)};
      },
      nb::arg("strict") = false, nb::kw_only(), nb::arg("complete") = false, nb::arg("prefix") = "",
      nb::arg("rename") = nb::none(), nb::arg("only") = nb::tuple(),
      nb::arg("ignore") = nb::tuple(), nb::arg("base") = nb::none(),
      nb::sig(
          "def refitter(self, strict: bool = False, *, complete: bool = False, prefix: str = "
          "'', rename: collections.abc.Mapping[str, str | dict[str, typing.Any]] | "
          "collections.abc.Callable[[str], str] "
          "| str | os.PathLike[str] | None = None, only: str | collections.abc.Iterable[str] = "
          "(), ignore: str | collections.abc.Iterable[str] = (), base: WeightSet | None = None) -> "
          "Refitter"),
      "A refitter for several weights, commit by commit; its keywords are those of refit().\n\n"
      "    refitter = engine.refitter(prefix=\"module.\")");
}

}  // namespace tenon::python
