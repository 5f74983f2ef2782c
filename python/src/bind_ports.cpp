// tenon.Port and tenon.Layer.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "bind.h"

namespace tenon::python {
namespace {

nb::tuple shape_of(const Port& port) {
  nb::list shape;
  for (const std::string& extent : port.shape) {
    const bool number = extent.find_first_not_of("0123456789") == std::string::npos;
    shape.append(number ? nb::object(nb::int_(std::stoll(extent)))
                        : nb::object(nb::str(extent.c_str())));
  }
  return nb::tuple(shape);
}

void bind_layer(nb::module_& module) {
  nb::class_<LayerInfo>(module, "Layer",
                        "One step of a run, and the kernel chosen for it.\n\n"
                        "    kernels = [layer.kernel for layer in engine.layers]")
      .def_ro("op", &LayerInfo::op)
      .def_ro("name", &LayerInfo::name, "The model's name of the node, or of its output.")
      .def_ro("kernel", &LayerInfo::kernel)
      .def_ro("tactic", &LayerInfo::tactic)
      .def_ro("device", &LayerInfo::device, "Where it runs; cpu is the host, also beside a device.")
      .def_ro("output", &LayerInfo::output, "Type of the first output.")
      .def_ro("body", &LayerInfo::body,
              "Of an If or a Loop, which have no kernel: the steps of its branches, or of a turn.")
      .def("__repr__", [](const LayerInfo& layer) {
        return nb::str("Layer({}, {!r}, {}, {})")
            .format(layer.op, layer.name, layer.kernel, layer.output);
      });
}

void bind_port_type(nb::module_& module) {
  nb::class_<Port>(module, "Port",
                   "An input or output: its name, NumPy dtype, and shape.\n\n"
                   "    name = engine.inputs[0].name")
      .def_ro("name", &Port::name)
      .def_prop_ro(
          "dtype", [](const Port& port) { return numpy_dtype(port.dtype); },
          nb::sig("def dtype(self) -> numpy.dtype[typing.Any]"))
      .def_prop_ro("shape", shape_of, nb::sig("def shape(self) -> tuple[int | str, ...]"),
                   "Numbers, and expressions over named extents as strings.")
      .def_prop_ro(
          "kind",
          [](const Port& port) {
            constexpr const char* names[] = {"tensor", "sequence", "optional", "optional sequence",
                                             "maps"};
            return names[static_cast<size_t>(port.kind)];
          },
          "tensor, sequence, optional, optional sequence or maps; dtype and shape are then those "
          "of the tensors in it.")
      .def("__repr__", [](const Port& port) {
        return nb::str("Port({!r}, {}, {})")
            .format(port.name, numpy_dtype(port.dtype), shape_of(port));
      });
}

}  // namespace

void bind_ports(nb::module_& module) {
  bind_port_type(module);
  bind_layer(module);
}

}  // namespace tenon::python
