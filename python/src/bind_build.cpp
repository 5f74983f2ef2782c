// tenon.build and tenon.load.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "bind.h"
#include "tenon/build.h"
#include "tenon/onnx.h"
#include "work.h"

namespace tenon::python {

std::vector<std::string> to_names(nb::handle given, const std::string& option) {
  if (nb::isinstance<nb::str>(given)) return {nb::cast<std::string>(given)};
  std::vector<std::string> names;
  const bool iterable = nb::hasattr(given, "__iter__");
  if (!iterable || !nb::try_cast(nb::list(nb::borrow(given)), names))
    refuse(option, given, "give a name or names");
  return names;
}

namespace {

Axis to_axis(nb::handle given, const std::string& input) {
  int64_t extent = 0;
  if (nb::try_cast(given, extent)) return Axis(extent);
  if (nb::isinstance<nb::str>(given)) return Axis(nb::cast<std::string>(given));
  std::vector<int64_t> range;
  if (!nb::try_cast(nb::borrow(given), range) || range.size() != 3) {
    refuse("shapes[\"" + input + "\"]", given,
           "an axis is a number, a name or (least, typical, greatest)");
  }
  return Axis::range(range[0], range[1], range[2]);
}

std::map<std::string, std::vector<Axis>> to_shapes(nb::handle given) {
  std::map<std::string, std::vector<Axis>> shapes;
  if (given.is_none()) return shapes;
  if (!nb::isinstance<nb::dict>(given)) refuse("shapes", given, "give a dict of shapes by input");
  for (const auto& [name, axes] : nb::borrow<nb::dict>(given)) {
    const auto input = nb::cast<std::string>(nb::str(name));
    const bool sequence = nb::isinstance<nb::tuple>(axes) || nb::isinstance<nb::list>(axes);
    if (!sequence) refuse("shapes[\"" + input + "\"]", axes, "give a tuple with an entry an axis");
    for (const nb::handle axis : axes) shapes[input].push_back(to_axis(axis, input));
    shapes[input];  // a scalar's shape is there too
  }
  return shapes;
}

int to_threads(nb::handle given) {
  if (given.is_none()) return 0;
  int threads = 0;
  if (!nb::try_cast(given, threads) || threads < 1)
    refuse("threads", given, "give None for all cores, or 1 and more");
  return threads;
}

Tactics to_tactics(const std::string& name) {
  if (name == "time") return Tactics::time;
  if (name == "first") return Tactics::first;
  refuse("tactics", nb::str(name.c_str()), "give \"time\" or \"first\"");
}

Precision to_precision(const std::string& name) {
  if (name == "model") return Precision::model;
  if (name == "tf32") return Precision::tf32;
  if (name == "fp16") return Precision::fp16;
  if (name == "bf16") return Precision::bf16;
  refuse("precision", nb::str(name.c_str()), "give \"model\", \"tf32\", \"fp16\" or \"bf16\"");
}

// A file name, the bytes of a model, or a network (a copy: another thread may go on adding to it);
// with the GIL.
struct Model {
  std::optional<Network> network;
  std::string path, bytes;
  bool in_memory = false;
  OnnxOptions options;
  ArrayMap weights;

  Model(nb::handle given, nb::handle folder, nb::handle initializers) {
    read(given);
    if (!folder.is_none()) options.folder = to_path(folder);
    if (initializers.is_none()) {
      options.weights = std::nullopt;
    } else {
      weights = to_arrays(initializers, "weights");
      options.weights = weights.views;
    }
    const bool told = !options.folder.empty() || !options.weights || !options.weights->empty();
    if (network && told)
      throw InputError("folder= and weights= are of an ONNX model, and this is a tenon.Network");
  }
  Network load() const {
    if (network) return *network;
    return in_memory ? load_onnx(std::as_bytes(std::span(bytes)), options)
                     : load_onnx(path, options);
  }

 private:
  void read(nb::handle given) {
    if (nb::isinstance<Network>(given)) {
      network = nb::cast<const Network&>(given).copy();
    } else if (is_path(given)) {
      path = to_path(given);
    } else {
      const bool message = nb::hasattr(given, "SerializeToString");  // an onnx.ModelProto
      const nb::bytes data =
          to_bytes("model", message ? given.attr("SerializeToString")() : nb::borrow(given),
                   "give a path, an open binary file, the bytes of an ONNX model, an "
                   "onnx.ModelProto or a tenon.Network");
      bytes.assign(data.c_str(), data.size());
      in_memory = true;
    }
  }
};

std::map<std::string, std::string> to_aliases(nb::handle given) {
  std::map<std::string, std::string> aliases;
  if (given.is_none()) return aliases;
  const char* const way_out = "give a mapping from further names to names";
  if (!nb::hasattr(given, "items")) refuse("aliases", given, way_out);
  for (const nb::handle entry : given.attr("items")()) {
    std::pair<std::string, std::string> names;
    if (!nb::try_cast(entry, names)) refuse("aliases", given, way_out);
    aliases.insert(names);
  }
  return aliases;
}

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().native();
}

PyEngine build_engine(nb::handle model, const std::string& device, nb::handle refit,
                      nb::handle shapes, nb::handle folder, nb::handle weights, nb::handle aliases,
                      nb::handle threads, const std::string& tactics, const std::string& precision,
                      nb::handle without, const std::string& memory, int sets,
                      const std::string& sources, nb::handle progress, nb::handle stop) {
  const Model source(model, folder, weights);
  BuildOptions options;
  options.device = device;
  options.refit = to_names(refit, "refit");
  options.shapes = to_shapes(shapes);
  options.aliases = to_aliases(aliases);
  options.threads = to_threads(threads);
  options.tactics = to_tactics(tactics);
  options.precision = to_precision(precision);
  for (std::string& name : to_names(without, "without")) options.without.insert(std::move(name));
  options.memory = to_memory(memory);
  options.sets = sets;
  options.sources = to_sources(sources);
  return Work(progress, stop).perform([&](const std::stop_token& token, const Progress& told) {
    options.stop = token;
    options.progress = told;
    PyEngine engine(build(source.load(), options), file_name(source.path));
    engine.in_place = options.memory == Memory::in_place;
    return engine;
  });
}

PyEngine load_engine(nb::handle path, const std::optional<std::string>& device, nb::handle threads,
                     const std::optional<std::string>& tactics, const std::string& memory, int sets,
                     const std::string& sources, nb::handle progress, nb::handle stop) {
  LoadOptions options;
  std::string file;
  std::vector<std::byte> plan;
  if (is_path(path)) {
    file = to_path(path);
  } else {
    const nb::bytes data =
        to_bytes("path", path, "give a path, an open binary file, or a plan's bytes");
    const auto view = std::as_bytes(std::span(data.c_str(), data.size()));
    plan.assign(view.begin(), view.end());
    if (plan.empty()) refuse("path", path, "it is empty; give a plan");
  }
  options.device = device.value_or("");
  options.threads = to_threads(threads);
  if (tactics) options.tactics = to_tactics(*tactics);
  options.memory = to_memory(memory);
  options.sets = sets;
  options.sources = to_sources(sources);
  return Work(progress, stop).perform([&](const std::stop_token& token, const Progress& told) {
    options.stop = token;
    options.progress = told;
    PyEngine engine = plan.empty() ? PyEngine(Engine::load(file, options), file_name(file))
                                   : PyEngine(Engine::load(std::move(plan), options));
    engine.in_place = options.memory == Memory::in_place;
    return engine;
  });
}

}  // namespace

void refuse(const std::string& option, nb::handle given, const std::string& way_out) {
  throw InputError(option + "=" + shortened(nb::cast<std::string>(nb::repr(given))) +
                   " is not possible; " + way_out);
}

Memory to_memory(const std::string& name) {
  if (name == "double") return Memory::double_;
  if (name == "in_place") return Memory::in_place;
  refuse("memory", nb::str(name.c_str()), "give \"double\" or \"in_place\"");
}

Sources to_sources(const std::string& name) {
  if (name == "keep") return Sources::keep;
  if (name == "drop") return Sources::drop;
  if (name == "file") return Sources::file;
  refuse("sources", nb::str(name.c_str()), "give \"keep\", \"file\" or \"drop\"");
}

nb::bytes to_bytes(const std::string& option, nb::handle given, const std::string& way_out) {
  const nb::object data = nb::hasattr(given, "read") ? given.attr("read")() : nb::borrow(given);
  if (nb::isinstance<nb::bytes>(data)) return nb::cast<nb::bytes>(data);
  if (!PyObject_CheckBuffer(data.ptr())) refuse(option, given, way_out);
  return nb::steal<nb::bytes>(PyBytes_FromObject(data.ptr()));
}

bool is_path(nb::handle object) {
  return nb::isinstance<nb::str>(object) || nb::hasattr(object, "__fspath__");
}

std::string to_path(nb::handle object) {
  if (!is_path(object)) refuse("path", object, "give a str or os.PathLike");
  // As the system has it: a file's name need not be UTF-8.
  const auto path = nb::cast<nb::bytes>(nb::module_::import_("os").attr("fsencode")(object));
  std::string name(path.c_str(), path.size());
  if (name.find('\0') != std::string::npos) refuse("path", object, "no file's name holds a NUL");
  return name;
}

void bind_build(nb::module_& module) {
  module.def(
      "build", build_engine, nb::arg("model"), nb::kw_only(), nb::arg("device") = "cpu",
      nb::arg("refit") = "all", nb::arg("shapes") = nb::none(), nb::arg("folder") = nb::none(),
      nb::arg("weights").none() = nb::dict(), nb::arg("aliases") = nb::none(),
      nb::arg("threads") = nb::none(), nb::arg("tactics") = "time", nb::arg("precision") = "model",
      nb::arg("without") = nb::tuple(), nb::arg("memory") = "double", nb::arg("sets") = 2,
      nb::arg("sources") = "keep", nb::arg("progress") = nb::none(), nb::arg("stop") = nb::none(),
      nb::sig(
          "def build(model: str | os.PathLike[str] | bytes | typing.Any | Network, *, device: str "
          "= 'cpu', "
          "refit: str | collections.abc.Iterable[str] = 'all', "
          "shapes: dict[str, collections.abc.Sequence[int | str | tuple[int, int, int]]] | None = "
          "None, folder: str | os.PathLike[str] | None = None, weights: "
          "collections.abc.Mapping[str, typing.Any] | None = {}, aliases: "
          "collections.abc.Mapping[str, str] | None = None, threads: int | None = None, tactics: "
          "str = 'time', precision: str = 'model', "
          "without: str | collections.abc.Iterable[str] = (), "
          "memory: str = 'double', sets: int = 2, sources: str = 'keep', progress: bool | "
          "collections.abc.Callable[[str, float], object] | None = None, stop: threading.Event | "
          "None = None) -> Engine"),
      "Compiles a model: the path of an ONNX file, an open binary file, bytes (any buffer), an "
      "onnx.ModelProto, or a tenon.Network.\n\n"
      "refit: \"all\", \"none\", or names and globs of leaves. shapes: by input, for each axis a "
      "number, a "
      "name or "
      "(least, typical, greatest). folder: of external data, where it is not the model's own. "
      "weights: arrays in place of the model's initializers, by name, which are read and not kept; "
      "None: the model's weights are not looked for, and the engine waits for a refit. aliases: "
      "further names of weights, each to the weight's own. tactics: \"time\" kernels here, or take "
      "the \"first\" that "
      "accepts "
      "(reproducible plans). precision: on a GPU \"tf32\", \"fp16\" or \"bf16\" compute in less "
      "than "
      "f32; inputs, outputs and weights keep their types. without: names of passes to leave out. "
      "memory: \"double\" refits "
      "beside runs, "
      "\"in_place\" over the weights. sources: \"keep\" remembers where weights' bytes are, "
      "\"file\" moves those of arrays to a nameless file in the cache's folder, \"drop\" forgets. "
      "progress: called with the stage and the fraction done, or True for a bar of "
      "tqdm; stop: once it is set, the work ends with an Error whose code is \"cancelled\".\n\n"
      "    engine = tenon.build(\"model.onnx\", shapes={\"x\": (\"n\", 3, 224, 224)})");
  module.def(
      "load", load_engine, nb::arg("path"), nb::arg("device") = nb::none(),
      nb::arg("threads") = nb::none(), nb::arg("tactics") = nb::none(),
      nb::arg("memory") = "double", nb::arg("sets") = 2, nb::arg("sources") = "keep", nb::kw_only(),
      nb::arg("progress") = nb::none(), nb::arg("stop") = nb::none(),
      nb::sig("def load(path: str | os.PathLike[str] | typing.Any, device: str | None = None, "
              "threads: int | "
              "None = None, "
              "tactics: str | None = None, memory: str = 'double', sets: int = 2, sources: str = "
              "'keep', *, progress: bool | collections.abc.Callable[[str, float], object] | None = "
              "None, stop: threading.Event | None = None) -> Engine"),
      "Loads a plan: a path, an open binary file, or bytes (any buffer). A stripped one is not "
      "ready until it is refitted.\n\n"
      "tactics: None takes the kernels that the plan records; \"time\" and \"first\" choose as "
      "build() does. progress, stop: as of build().\n\n"
      "    with tenon.load(\"model.plan\") as engine:\n"
      "        y = engine(x)");
  module.def("pass_names", &pass_names,
             "Names of the optimisation passes, in order: what `without` may hold.\n\n"
             "    engine = tenon.build(\"model.onnx\", without=tenon.pass_names())");
}

}  // namespace tenon::python
