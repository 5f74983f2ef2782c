// What Tenon lacks: classes that a script may name, and calls that give None after a report.
#include "bind_layer.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::INetworkDefinition;
using nvinfer1::ITensor;

struct AnyPlugin final : nvinfer1::IPluginV3 {
  nvinfer1::IPluginCapability* getCapabilityInterface(
      nvinfer1::PluginCapabilityType) noexcept override {
    return nullptr;
  }
  nvinfer1::IPluginV3* clone() noexcept override { return nullptr; }
};

/// A network takes no plugin, whichever it is.
template <class... Args>
nb::object no_plugin(nb::object self, Args...) {
  AnyPlugin plugin;
  return part(network_in(self).addPluginV3(nullptr, 0, nullptr, 0, plugin), self);
}

}  // namespace

void bind_lacking(nb::module_& module, nb::class_<INetworkDefinition>& network) {
  LayerClass<nvinfer1::IDynamicQuantizeLayer>(module, "IDynamicQuantizeLayer");
  LayerClass<nvinfer1::IMoELayer>(module, "IMoELayer");
  LayerClass<nvinfer1::IDistCollectiveLayer>(module, "IDistCollectiveLayer");
  LayerClass<nvinfer1::IPluginV2Layer>(module, "IPluginV2Layer");
  LayerClass<nvinfer1::IPluginV3Layer>(module, "IPluginV3Layer");
  network
      .def(
          "add_dynamic_quantize",
          [](nb::object self, ITensor& input, int32_t axis, int32_t size, DataType type,
             DataType scale) {
            return part(network_in(self).addDynamicQuantize(input, axis, size, type, scale), self);
          },
          "input"_a, "axis"_a, "block_size"_a, "output_type"_a, "scale_type"_a)
      .def(
          "add_dynamic_quantize_v2",
          [](nb::object self, ITensor& input, nb::handle block, DataType type, DataType scale) {
            return part(network_in(self).addDynamicQuantizeV2(input, to_dims(block), type, scale),
                        self);
          },
          "input"_a, "block_shape"_a, "output_type"_a, "scale_type"_a)
      .def(
          "add_moe",
          [](nb::object self, ITensor& hidden, ITensor& experts, ITensor& scores) {
            return part(network_in(self).addMoE(hidden, experts, scores), self);
          },
          "hidden_states"_a, "selected_experts_for_tokens"_a, "scores_for_selected_experts"_a)
      .def(
          "add_dist_collective",
          [](nb::object self, ITensor& input, nvinfer1::CollectiveOperation op,
             nvinfer1::ReduceOperation reduce, int64_t root, std::vector<int64_t> groups) {
            return part(network_in(self).addDistCollective(input, op, reduce, root, groups.data(),
                                                           static_cast<int64_t>(groups.size())),
                        self);
          },
          "input"_a, "dist_collective_op"_a, "reduce_op"_a, "root"_a, "groups"_a)
      .def("add_plugin_v2", no_plugin<nb::handle, nb::handle>, "inputs"_a, "plugin"_a)
      .def("add_plugin_v3", no_plugin<nb::handle, nb::handle, nb::handle>, "inputs"_a,
           "shape_inputs"_a, "plugin"_a)
      .def("add_plugin", no_plugin<nb::handle, nb::handle>, "func"_a, "aot"_a = nb::none());
}

}  // namespace tenon::trt::python
