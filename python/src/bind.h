// What the files of the module share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <string>

#include "tenon/context.h"
#include "tenon/engine.h"

namespace tenon::python {

namespace nb = nanobind;

/// An engine with contexts for callers on any thread.
struct PyEngine {
  Engine engine;
  std::shared_ptr<ContextPool> contexts;
  std::string file;   // the name of the model or plan that it came from, or ""
  nb::object thread;  // an executor of one thread, for submit()
  int process = 0;    // where that thread is

  explicit PyEngine(Engine made, std::string file = {})
      : engine(std::move(made)),
        contexts(std::make_shared<ContextPool>(engine)),
        file(std::move(file)) {}
};

void bind_errors(nb::module_& module);
void bind_engine(nb::module_& module);
void bind_refitter(nb::module_& module);
void bind_network(nb::module_& module);
void bind_build(nb::module_& module);

/// Keywords of a refit. `rename` is a mapping, a callable, the path of a JSON file, or None; globs
/// are one or several.
RefitOptions to_refit_options(bool strict, bool complete, const std::string& prefix,
                              nb::handle rename, nb::handle only, nb::handle ignore);
/// The bytes of what holds or gives them: a buffer, or a binary file that is open.
nb::bytes to_bytes(const std::string& option, nb::handle given, const std::string& way_out);
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
