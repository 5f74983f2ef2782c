// The extension module tenon._tenon.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>

#include "bind.h"
#include "interrupt.h"

namespace nb = nanobind;

namespace {

// inspect.signature looks for this attribute. nanobind's types of functions, methods and bound
// methods take none from Python, and have none of their own; `signature_of` answers for our
// functions alone.
void tell_signatures(const nb::module_& module) {
  const nb::object getter = nb::module_::import_("tenon._signatures").attr("signature_of");
  const nb::object property = nb::handle(reinterpret_cast<PyObject*>(&PyProperty_Type))(getter);
  for (const nb::object& bound :
       {nb::object(module.attr("build")), nb::object(module.attr("Engine").attr("run")),
        nb::object(module.attr("Network")().attr("relu"))}) {
    PyTypeObject* type = Py_TYPE(bound.ptr());
    if (PyDict_SetItemString(type->tp_dict, "__signature__", property.ptr()) != 0)
      throw nb::python_error();
    PyType_Modified(type);
  }
}

}  // namespace

NB_MODULE(_tenon, module) {
  module.doc() = "Tenon's engine, as the package tenon shows it.";
  module.attr("version") = TENON_VERSION;
  tenon::python::remember_main_thread();
  tenon::python::bind_errors(module);
  tenon::python::bind_network(module);
  tenon::python::bind_ports(module);
  tenon::python::bind_weight(module);
  tenon::python::bind_reports(module);
  tenon::python::bind_tensor(module);
  tenon::python::bind_engine(module);
  tenon::python::bind_refitter(module);
  tenon::python::bind_build(module);
  tenon::python::bind_threads(module);
  tenon::python::bind_log(module);
  tenon::python::bind_commands(module);
  tell_signatures(module);
}
