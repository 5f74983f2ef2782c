// Loops and conditionals, with the layers at their borders.
#include "bind_layer.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::IIfConditional;
using nvinfer1::ILoop;
using nvinfer1::ITensor;

/// A region under its class, with the network that owns it.
template <class R>
nb::object region(R* made, nb::handle network) {
  if (made == nullptr) return nb::none();
  nb::object object = nb::cast(made, nb::rv_policy::reference);
  object.attr("_network") = network;
  return object;
}

void bind_loop(nb::module_& module) {
  nb::class_<ILoop>(module, "ILoop", nb::dynamic_attr())
      .def(
          "add_recurrence",
          [](nb::object self, ITensor& initial) {
            return part(nb::cast<ILoop&>(self).addRecurrence(initial), network_of(self));
          },
          "initial_value"_a)
      .def(
          "add_trip_limit",
          [](nb::object self, ITensor& tensor, nvinfer1::TripLimit kind) {
            return part(nb::cast<ILoop&>(self).addTripLimit(tensor, kind), network_of(self));
          },
          "tensor"_a, "kind"_a)
      .def(
          "add_iterator",
          [](nb::object self, ITensor& tensor, int32_t axis, bool reverse) {
            return part(nb::cast<ILoop&>(self).addIterator(tensor, axis, reverse),
                        network_of(self));
          },
          "tensor"_a, "axis"_a = 0, "reverse"_a = false)
      .def(
          "add_loop_output",
          [](nb::object self, ITensor& tensor, nvinfer1::LoopOutput kind, int32_t axis) {
            return part(nb::cast<ILoop&>(self).addLoopOutput(tensor, kind, axis), network_of(self));
          },
          "tensor"_a, "kind"_a, "axis"_a = 0)
      .def_prop_rw("name", &ILoop::getName,
                   [](ILoop& self, const char* name) { self.setName(name); });
}

void bind_loop_layers(nb::module_& module) {
  using nvinfer1::ILoopBoundaryLayer;
  nb::class_<ILoopBoundaryLayer, ILayer>(module, "ILoopBoundaryLayer")
      .def_prop_ro("loop", [](nb::object self) {
        return region(nb::cast<ILoopBoundaryLayer&>(self).getLoop(), network_of(self));
      });
  nb::class_<nvinfer1::IRecurrenceLayer, ILoopBoundaryLayer>(module, "IRecurrenceLayer");
  using Limit = nvinfer1::ITripLimitLayer;
  nb::class_<Limit, ILoopBoundaryLayer>(module, "ITripLimitLayer")
      .def_prop_ro("kind", &Limit::getTripLimit);
  using Iterator = nvinfer1::IIteratorLayer;
  nb::class_<Iterator, ILoopBoundaryLayer>(module, "IIteratorLayer")
      .def_prop_rw("axis", &Iterator::getAxis, &Iterator::setAxis)
      .def_prop_rw("reverse", &Iterator::getReverse, &Iterator::setReverse);
  using Output = nvinfer1::ILoopOutputLayer;
  nb::class_<Output, ILoopBoundaryLayer>(module, "ILoopOutputLayer")
      .def_prop_rw("axis", &Output::getAxis, &Output::setAxis)
      .def_prop_ro("kind", &Output::getLoopOutput);
}

void bind_conditional(nb::module_& module) {
  using nvinfer1::IIfConditionalBoundaryLayer;
  nb::class_<IIfConditional>(module, "IIfConditional", nb::dynamic_attr())
      .def(
          "set_condition",
          [](nb::object self, ITensor& condition) {
            return part(nb::cast<IIfConditional&>(self).setCondition(condition), network_of(self));
          },
          "condition"_a)
      .def(
          "add_input",
          [](nb::object self, ITensor& input) {
            return part(nb::cast<IIfConditional&>(self).addInput(input), network_of(self));
          },
          "input"_a)
      .def(
          "add_output",
          [](nb::object self, ITensor& yes, ITensor& no) {
            return part(nb::cast<IIfConditional&>(self).addOutput(yes, no), network_of(self));
          },
          "true_subgraph_output"_a, "false_subgraph_output"_a)
      .def_prop_rw("name", &IIfConditional::getName,
                   [](IIfConditional& self, const char* name) { self.setName(name); });
  nb::class_<IIfConditionalBoundaryLayer, ILayer>(module, "IIfConditionalBoundaryLayer")
      .def_prop_ro("conditional", [](nb::object self) {
        return region(nb::cast<IIfConditionalBoundaryLayer&>(self).getConditional(),
                      network_of(self));
      });
  nb::class_<nvinfer1::IConditionLayer, IIfConditionalBoundaryLayer>(module, "IConditionLayer");
  nb::class_<nvinfer1::IIfConditionalInputLayer, IIfConditionalBoundaryLayer>(
      module, "IIfConditionalInputLayer");
  nb::class_<nvinfer1::IIfConditionalOutputLayer, IIfConditionalBoundaryLayer>(
      module, "IIfConditionalOutputLayer");
}

}  // namespace

void bind_regions(nb::module_& module) {
  bind_loop(module);
  bind_loop_layers(module);
  bind_conditional(module);
}

void bind_region_adds(nb::class_<nvinfer1::INetworkDefinition>& network) {
  network.def("add_loop", [](nb::object self) { return region(network_in(self).addLoop(), self); })
      .def("add_if_conditional",
           [](nb::object self) { return region(network_in(self).addIfConditional(), self); });
}

}  // namespace tenon::trt::python
