// C++ errors as the classes of tenon._errors.
#include <nanobind/stl/string.h>

#include "bind.h"
#include "tenon/error.h"

namespace tenon::python {
namespace {

const char* class_of(const Error& error) {
  if (dynamic_cast<const RefitError*>(&error)) return "RefitError";
  if (dynamic_cast<const BuildError*>(&error)) return "BuildError";
  if (dynamic_cast<const PlanError*>(&error)) return "PlanError";
  if (dynamic_cast<const InputError*>(&error)) return "InputError";
  if (dynamic_cast<const NotReadyError*>(&error)) return "NotReadyError";
  return "Error";
}

void raise(const Error& error) {
  nb::list problems;
  if (const auto* build = dynamic_cast<const BuildError*>(&error)) {
    for (const Problem& each : build->problems())
      problems.append(nb::make_tuple(each.kind, each.index, each.node, each.op, each.message));
  }
  if (const auto* refit = dynamic_cast<const RefitError*>(&error)) {
    for (const std::string& problem : refit->problems()) problems.append(problem);
  }
  const nb::object raised =
      nb::module_::import_("tenon._errors")
          .attr("error_of")(class_of(error), error.what(), std::string(to_string(error.code())),
                            nb::tuple(problems));
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
}

}  // namespace

void bind_errors(nb::module_&) {
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const Error& error) {
      raise(error);
    }
  });
}

}  // namespace tenon::python
