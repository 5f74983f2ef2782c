// C++ errors as the classes of tenon._errors.
#include "bind.h"
#include "tenon/error.h"

namespace tenon::python {
namespace {

const char* class_of(const Error& error) {
  if (dynamic_cast<const BuildError*>(&error)) return "BuildError";
  if (dynamic_cast<const PlanError*>(&error)) return "PlanError";
  if (dynamic_cast<const InputError*>(&error)) return "InputError";
  if (dynamic_cast<const NotReadyError*>(&error)) return "NotReadyError";
  return "Error";
}

void raise(const Error& error) {
  const nb::object module = nb::module_::import_("tenon._errors");
  const std::string code(to_string(error.code()));
  nb::object raised;
  if (const auto* refit = dynamic_cast<const RefitError*>(&error)) {
    nb::list problems;
    for (const std::string& problem : refit->problems()) problems.append(problem);
    raised = module.attr("RefitError")(error.what(), code, nb::tuple(problems));
  } else {
    raised = module.attr(class_of(error))(error.what(), code);
  }
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
