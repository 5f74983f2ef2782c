// What the files of the module share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <optional>
#include <string>

#include "tenon/context.h"
#include "tenon/engine.h"

namespace tenon::python {

namespace nb = nanobind;

/// An engine with contexts for callers on any thread, until it is closed. Whoever gives up the GIL
/// takes a copy of the handles first.
class PyEngine {
 public:
  std::string file;       // the name of the model or plan that it came from, or ""
  nb::object thread;      // an executor of one thread, for submit()
  int process = 0;        // where that thread is
  bool in_place = false;  // memory="in_place": a refit lets nothing run
  bool closing = false;   // close() waits for what was submitted, and nothing more is

  std::vector<Port> input_ports, output_ports;  // in the model's order: each run looks at them

  explicit PyEngine(Engine made, std::string file = {})
      : file(std::move(file)),
        contexts_(std::make_shared<ContextPool>(made)),
        engine_(std::move(made)) {
    input_ports = engine_->inputs();
    output_ports = engine_->outputs();
  }

  bool closed() const { return !engine_; }
  /// Both throw NotReadyError once it is closed.
  Engine engine() const {
    check();
    return *engine_;
  }
  std::shared_ptr<ContextPool> contexts() const {
    check();
    return contexts_;
  }
  [[noreturn]] static void refuse_closed() {
    throw NotReadyError("the engine is closed; build or load it again");
  }
  void close() {
    contexts_.reset();
    engine_.reset();
  }

 private:
  void check() const {
    if (closed()) refuse_closed();
  }

  std::shared_ptr<ContextPool> contexts_;
  std::optional<Engine> engine_;
};

void bind_errors(nb::module_& module);
void bind_ports(nb::module_& module);
void bind_weight(nb::module_& module);
void bind_reports(nb::module_& module);
void bind_tensor(nb::module_& module);
void bind_engine(nb::module_& module);
void bind_refitter(nb::module_& module);
void bind_network(nb::module_& module);
void bind_build(nb::module_& module);
void bind_threads(nb::module_& module);
void bind_log(nb::module_& module);
void bind_commands(nb::module_& module);

/// Keywords of a refit. `rename` is a mapping, a callable, the path of a JSON file, or None; globs
/// are one or several.
struct PyRefitOptions : RefitOptions {
  /// What `rename` calls, or null: the one reference to it. The collector may empty it.
  std::shared_ptr<nb::object> renaming;
};
PyRefitOptions to_refit_options(bool strict, bool complete, const std::string& prefix,
                                nb::handle rename, nb::handle only, nb::handle ignore,
                                const std::optional<WeightSet>& base);
/// The bytes of what holds or gives them: a buffer, or a binary file that is open.
nb::bytes to_bytes(const std::string& option, nb::handle given, const std::string& way_out);
nb::tuple to_tuple(const Shape& shape);
/// The refittable weights by name, as Weight.
nb::dict weights_of(const Engine& engine);
/// A str, or an iterable of them.
std::vector<std::string> to_names(nb::handle given, const std::string& option);
/// "option=value is not possible; way out", as InputError.
[[noreturn]] void refuse(const std::string& option, nb::handle given, const std::string& way_out);
Memory to_memory(const std::string& name);
Sources to_sources(const std::string& name);
/// A str or os.PathLike.
std::string to_path(nb::handle object);
bool is_path(nb::handle object);

}  // namespace tenon::python
