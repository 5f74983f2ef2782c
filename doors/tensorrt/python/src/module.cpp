// The extension module tenon._trt: the door's C++ interface, as the package tenon.trt shows it.
#include "bind.h"

NB_MODULE(_trt, module) {
  namespace python = tenon::trt::python;
  nanobind::set_leak_warnings(false);  // scripts end with their engines in global variables
  module.attr("version_numbers") = nanobind::make_tuple(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR,
                                                        NV_TENSORRT_PATCH, NV_TENSORRT_BUILD);
  python::bind_enums(module);
  python::bind_types(module);
  python::bind_callbacks(module);
  python::bind_more_callbacks(module);
  python::bind_uncalled(module);
  python::bind_network(module);
  python::bind_attention(module);
  python::bind_layers(module);
  python::bind_more_layers(module);
  python::bind_regions(module);
  python::bind_build(module);
  python::bind_runtime(module);
  python::bind_refitter(module);
  python::bind_parser(module);
}
