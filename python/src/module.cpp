// The extension module tenon._tenon.
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>

#include "bind.h"
#include "interrupt.h"

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
}
