// Networks, tensors and what all layers share.
#include <nanobind/stl/pair.h>

#include "bind.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::ILayer;
using nvinfer1::INetworkDefinition;
using nvinfer1::ITensor;

/// A part under its class, with the network that owns it.
template <class T>
nb::object owned(T* part, nb::handle network) {
  nb::object object = nb::cast(part, nb::rv_policy::reference);
  object.attr("_network") = network;
  return object;
}

template <class T>
nb::object as(ILayer* layer, nb::handle network) {
  return owned(static_cast<T*>(layer), network);
}

nb::object layer_at(nb::handle self, Py_ssize_t index) {
  const int32_t count = network_in(self).getNbLayers();
  const Py_ssize_t at = index < 0 ? index + count : index;
  if (at < 0 || at >= count) throw nb::index_error("the network has no such layer");
  return part(network_in(self).getLayer(static_cast<int32_t>(at)), self);
}

void bind_tensor(nb::module_& module) {
  nb::class_<ITensor>(module, "ITensor", nb::dynamic_attr())
      .def_prop_rw("name", &ITensor::getName,
                   [](ITensor& self, const char* name) { self.setName(name); })
      .def_prop_rw(
          "shape", [](const ITensor& self) { return from_dims(self.getDimensions()); },
          [](ITensor& self, nb::handle shape) { self.setDimensions(to_dims(shape)); })
      .def_prop_rw("dtype", &ITensor::getType, &ITensor::setType)
      .def_prop_ro("is_network_input", &ITensor::isNetworkInput)
      .def_prop_ro("is_network_output", &ITensor::isNetworkOutput)
      .def("set_dimension_name", &ITensor::setDimensionName, "index"_a, "name"_a.none())
      .def("get_dimension_name", &ITensor::getDimensionName, "index"_a)
      .def_prop_rw("location", &ITensor::getLocation, &ITensor::setLocation)
      .def_prop_rw("broadcast_across_batch", &ITensor::getBroadcastAcrossBatch,
                   &ITensor::setBroadcastAcrossBatch)
      .def_prop_rw("allowed_formats", &ITensor::getAllowedFormats, &ITensor::setAllowedFormats)
      .def_prop_ro("is_shape_tensor", &ITensor::isShapeTensor)
      .def_prop_ro("is_execution_tensor", &ITensor::isExecutionTensor)
      .def_prop_rw(
          "dynamic_range",
          [](const ITensor& self) -> nb::object {
            if (!self.dynamicRangeIsSet()) return nb::none();
            return nb::make_tuple(self.getDynamicRangeMin(), self.getDynamicRangeMax());
          },
          [](ITensor& self, const std::pair<float, float>& range) {
            self.setDynamicRange(range.first, range.second);
          })
      .def("set_dynamic_range", &ITensor::setDynamicRange, "min"_a, "max"_a)
      .def("reset_dynamic_range", &ITensor::resetDynamicRange);
}

// Old scripts cast a layer by its __class__; a wrong cast would call another class's methods.
int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
  const bool cast = PyUnicode_CompareWithASCIIString(name, "__class__") == 0;
  if (!cast) return PyObject_GenericSetAttr(self, name, value);
  if (value == reinterpret_cast<PyObject*>(Py_TYPE(self))) return 0;
  PyErr_SetString(PyExc_TypeError, "a layer's class is what get_layer gives; it cannot be changed");
  return -1;
}

PyType_Slot layer_slots[] = {{Py_tp_setattro, reinterpret_cast<void*>(set_attribute)},
                             {0, nullptr}};

void bind_layer(nb::module_& module) {
  nb::class_<ILayer>(module, "ILayer", nb::dynamic_attr(), nb::type_slots(layer_slots))
      .def_prop_rw("name", &ILayer::getName,
                   [](ILayer& self, const char* name) { self.setName(name); })
      .def_prop_rw("metadata", &ILayer::getMetadata,
                   [](ILayer& self, const char* text) { self.setMetadata(text); })
      .def_prop_ro("type", &ILayer::getType)
      .def_prop_rw("num_ranks", &ILayer::getNbRanks,
                   [](ILayer& self, int32_t ranks) { self.setNbRanks(ranks); })
      .def_prop_ro("num_inputs", &ILayer::getNbInputs)
      .def_prop_ro("num_outputs", &ILayer::getNbOutputs)
      .def(
          "get_input",
          [](nb::object self, int32_t i) {
            return part(nb::cast<ILayer&>(self).getInput(i), network_of(self));
          },
          "index"_a)
      .def(
          "get_output",
          [](nb::object self, int32_t i) {
            return part(nb::cast<ILayer&>(self).getOutput(i), network_of(self));
          },
          "index"_a)
      .def("set_input", &ILayer::setInput, "index"_a, "tensor"_a)
      .def("get_output_type", &ILayer::getOutputType, "index"_a)
      .def_prop_rw("precision", &ILayer::getPrecision, &ILayer::setPrecision)
      .def_prop_ro("precision_is_set", &ILayer::precisionIsSet)
      .def("reset_precision", &ILayer::resetPrecision)
      .def("set_output_type", &ILayer::setOutputType, "index"_a, "dtype"_a)
      .def("output_type_is_set", &ILayer::outputTypeIsSet, "index"_a)
      .def("reset_output_type", &ILayer::resetOutputType, "index"_a);
}

using Network = nb::class_<INetworkDefinition>;

void bind_state(Network& network) {
  network
      .def_prop_rw("name", &INetworkDefinition::getName,
                   [](INetworkDefinition& self, const char* name) { self.setName(name); })
      .def_prop_ro("num_layers", &INetworkDefinition::getNbLayers)
      .def_prop_ro("num_inputs", &INetworkDefinition::getNbInputs)
      .def_prop_ro("num_outputs", &INetworkDefinition::getNbOutputs)
      .def_prop_ro("flags", &INetworkDefinition::getFlags)
      .def("get_flag", &INetworkDefinition::getFlag, "flag"_a)
      .def_prop_ro("has_implicit_batch_dimension", &INetworkDefinition::hasImplicitBatchDimension)
      .def_prop_ro("builder", [](nb::handle self) { return self.attr("_builder"); })
      .def("__len__", &INetworkDefinition::getNbLayers)
      .def("__getitem__", layer_at, "index"_a)
      .def(
          "get_layer",
          [](nb::object self, int32_t i) { return part(network_in(self).getLayer(i), self); },
          "index"_a)
      .def(
          "get_input",
          [](nb::object self, int32_t i) { return part(network_in(self).getInput(i), self); },
          "index"_a)
      .def(
          "get_output",
          [](nb::object self, int32_t i) { return part(network_in(self).getOutput(i), self); },
          "index"_a)
      .def(
          "add_input",
          [](nb::object self, const char* name, DataType dtype, nb::handle shape) {
            return part(network_in(self).addInput(name, dtype, to_dims(shape)), self);
          },
          "name"_a, "dtype"_a, "shape"_a)
      .def("mark_output", &INetworkDefinition::markOutput, "tensor"_a)
      .def("unmark_output", &INetworkDefinition::unmarkOutput, "tensor"_a)
      .def("mark_output_for_shapes", &INetworkDefinition::markOutputForShapes, "tensor"_a)
      .def("unmark_output_for_shapes", &INetworkDefinition::unmarkOutputForShapes, "tensor"_a)
      .def("remove_tensor", &INetworkDefinition::removeTensor, "tensor"_a)
      .def("mark_debug", &INetworkDefinition::markDebug, "tensor"_a)
      .def("unmark_debug", &INetworkDefinition::unmarkDebug, "tensor"_a)
      .def("is_debug_tensor", &INetworkDefinition::isDebugTensor, "tensor"_a)
      .def("mark_unfused_tensors_as_debug_tensors",
           &INetworkDefinition::markUnfusedTensorsAsDebugTensors)
      .def("unmark_unfused_tensors_as_debug_tensors",
           &INetworkDefinition::unmarkUnfusedTensorsAsDebugTensors)
      .def(
          "set_weights_name",
          [](INetworkDefinition& self, nb::handle weights, const char* name) {
            return self.setWeightsName(to_weights(weights).raw, name);
          },
          "weights"_a, "name"_a)
      .def("mark_weights_refittable", &INetworkDefinition::markWeightsRefittable, "name"_a)
      .def("unmark_weights_refittable", &INetworkDefinition::unmarkWeightsRefittable, "name"_a)
      .def("are_weights_marked_refittable", &INetworkDefinition::areWeightsMarkedRefittable,
           "name"_a);
}

void bind_window_layers(Network& network) {
  network
      .def(
          "add_convolution_nd",
          [](nb::object self, ITensor& input, int64_t maps, nb::handle shape, nb::handle kernel,
             nb::handle bias) {
            const PyWeights k = to_weights(kernel, true), b = to_weights(bias, true);
            keep(self, k), keep(self, b);
            return part(
                network_in(self).addConvolutionNd(input, maps, to_dims(shape), k.raw, b.raw), self);
          },
          "input"_a, "num_output_maps"_a, "kernel_shape"_a, "kernel"_a, "bias"_a = nb::none())
      .def(
          "add_pooling_nd",
          [](nb::object self, ITensor& input, nvinfer1::PoolingType type, nb::handle window) {
            return part(network_in(self).addPoolingNd(input, type, to_dims(window)), self);
          },
          "input"_a, "type"_a, "window_size"_a);
}

void bind_scale_layers(Network& network) {
  const auto scaled = [](nb::object self, ITensor& input, nvinfer1::ScaleMode mode,
                         nb::handle shift, nb::handle scale, nb::handle power, int32_t axis) {
    const PyWeights a = to_weights(shift, true), b = to_weights(scale, true),
                    c = to_weights(power, true);
    keep(self, a), keep(self, b), keep(self, c);
    return part(network_in(self).addScaleNd(input, mode, a.raw, b.raw, c.raw, axis), self);
  };
  network
      .def(
          "add_scale",
          [scaled](nb::object self, ITensor& input, nvinfer1::ScaleMode mode, nb::handle shift,
                   nb::handle scale,
                   nb::handle power) { return scaled(self, input, mode, shift, scale, power, -1); },
          "input"_a, "mode"_a, "shift"_a = nb::none(), "scale"_a = nb::none(),
          "power"_a = nb::none())
      .def("add_scale_nd", scaled, "input"_a, "mode"_a, "shift"_a = nb::none(),
           "scale"_a = nb::none(), "power"_a = nb::none(), "channel_axis"_a = -1);
}

void bind_element_layers(Network& network) {
  network
      .def(
          "add_activation",
          [](nb::object self, ITensor& input, nvinfer1::ActivationType type) {
            return part(network_in(self).addActivation(input, type), self);
          },
          "input"_a, "type"_a)
      .def(
          "add_elementwise",
          [](nb::object self, ITensor& a, ITensor& b, nvinfer1::ElementWiseOperation op) {
            return part(network_in(self).addElementWise(a, b, op), self);
          },
          "input1"_a, "input2"_a, "op"_a)
      .def(
          "add_unary",
          [](nb::object self, ITensor& input, nvinfer1::UnaryOperation op) {
            return part(network_in(self).addUnary(input, op), self);
          },
          "input"_a, "op"_a)
      .def(
          "add_identity",
          [](nb::object self, ITensor& input) {
            return part(network_in(self).addIdentity(input), self);
          },
          "input"_a)
      .def(
          "add_cast",
          [](nb::object self, ITensor& input, DataType type) {
            return part(network_in(self).addCast(input, type), self);
          },
          "input"_a, "to_type"_a)
      .def(
          "add_constant",
          [](nb::object self, nb::handle shape, nb::handle weights) {
            const PyWeights given = to_weights(weights);
            keep(self, given);
            return part(network_in(self).addConstant(to_dims(shape), given.raw), self);
          },
          "shape"_a, "weights"_a);
}

void bind_axis_layers(Network& network) {
  network
      .def(
          "add_softmax",
          [](nb::object self, ITensor& input) {
            return part(network_in(self).addSoftMax(input), self);
          },
          "input"_a)
      .def(
          "add_concatenation",
          [](nb::object self, nb::handle inputs) {
            const auto all = tensors(inputs);
            return part(
                network_in(self).addConcatenation(all.data(), static_cast<int32_t>(all.size())),
                self);
          },
          "inputs"_a)
      .def(
          "add_shuffle",
          [](nb::object self, ITensor& input) {
            return part(network_in(self).addShuffle(input), self);
          },
          "input"_a)
      .def(
          "add_reduce",
          [](nb::object self, ITensor& input, nvinfer1::ReduceOperation op, uint32_t axes,
             bool keep_dims) {
            return part(network_in(self).addReduce(input, op, axes, keep_dims), self);
          },
          "input"_a, "op"_a, "axes"_a, "keep_dims"_a)
      .def(
          "add_matrix_multiply",
          [](nb::object self, ITensor& a, nvinfer1::MatrixOperation op0, ITensor& b,
             nvinfer1::MatrixOperation op1) {
            return part(network_in(self).addMatrixMultiply(a, op0, b, op1), self);
          },
          "input0"_a, "op0"_a, "input1"_a, "op1"_a);
}

}  // namespace

std::vector<ITensor*> tensors(nb::handle given) {
  std::vector<ITensor*> all;
  for (const nb::handle each : nb::iter(given)) all.push_back(nb::cast<ITensor*>(each));
  return all;
}

nb::object part(ITensor* tensor, nb::handle network) {
  return tensor == nullptr ? nb::none() : owned(tensor, network);
}

nb::object part(ILayer* layer, nb::handle network) {
  using nvinfer1::LayerType;
  if (layer == nullptr) return nb::none();
  switch (layer->getType()) {
    case LayerType::kCONVOLUTION: return as<nvinfer1::IConvolutionLayer>(layer, network);
    case LayerType::kCAST: return as<nvinfer1::ICastLayer>(layer, network);
    case LayerType::kACTIVATION: return as<nvinfer1::IActivationLayer>(layer, network);
    case LayerType::kPOOLING: return as<nvinfer1::IPoolingLayer>(layer, network);
    case LayerType::kSCALE: return as<nvinfer1::IScaleLayer>(layer, network);
    case LayerType::kSOFTMAX: return as<nvinfer1::ISoftMaxLayer>(layer, network);
    case LayerType::kCONCATENATION: return as<nvinfer1::IConcatenationLayer>(layer, network);
    case LayerType::kELEMENTWISE: return as<nvinfer1::IElementWiseLayer>(layer, network);
    case LayerType::kUNARY: return as<nvinfer1::IUnaryLayer>(layer, network);
    case LayerType::kSHUFFLE: return as<nvinfer1::IShuffleLayer>(layer, network);
    case LayerType::kREDUCE: return as<nvinfer1::IReduceLayer>(layer, network);
    case LayerType::kMATRIX_MULTIPLY: return as<nvinfer1::IMatrixMultiplyLayer>(layer, network);
    case LayerType::kCONSTANT: return as<nvinfer1::IConstantLayer>(layer, network);
    case LayerType::kIDENTITY: return as<nvinfer1::IIdentityLayer>(layer, network);
    case LayerType::kDECONVOLUTION: return as<nvinfer1::IDeconvolutionLayer>(layer, network);
    case LayerType::kLRN: return as<nvinfer1::ILRNLayer>(layer, network);
    case LayerType::kPADDING: return as<nvinfer1::IPaddingLayer>(layer, network);
    case LayerType::kTOPK: return as<nvinfer1::ITopKLayer>(layer, network);
    case LayerType::kGATHER: return as<nvinfer1::IGatherLayer>(layer, network);
    case LayerType::kSCATTER: return as<nvinfer1::IScatterLayer>(layer, network);
    case LayerType::kSLICE: return as<nvinfer1::ISliceLayer>(layer, network);
    case LayerType::kSHAPE: return as<nvinfer1::IShapeLayer>(layer, network);
    case LayerType::kPARAMETRIC_RELU: return as<nvinfer1::IParametricReLULayer>(layer, network);
    case LayerType::kRESIZE: return as<nvinfer1::IResizeLayer>(layer, network);
    case LayerType::kSELECT: return as<nvinfer1::ISelectLayer>(layer, network);
    case LayerType::kFILL: return as<nvinfer1::IFillLayer>(layer, network);
    case LayerType::kQUANTIZE: return as<nvinfer1::IQuantizeLayer>(layer, network);
    case LayerType::kDEQUANTIZE: return as<nvinfer1::IDequantizeLayer>(layer, network);
    case LayerType::kEINSUM: return as<nvinfer1::IEinsumLayer>(layer, network);
    case LayerType::kONE_HOT: return as<nvinfer1::IOneHotLayer>(layer, network);
    case LayerType::kNON_ZERO: return as<nvinfer1::INonZeroLayer>(layer, network);
    case LayerType::kGRID_SAMPLE: return as<nvinfer1::IGridSampleLayer>(layer, network);
    case LayerType::kNMS: return as<nvinfer1::INMSLayer>(layer, network);
    case LayerType::kREVERSE_SEQUENCE: return as<nvinfer1::IReverseSequenceLayer>(layer, network);
    case LayerType::kNORMALIZATION: return as<nvinfer1::INormalizationLayer>(layer, network);
    case LayerType::kSQUEEZE: return as<nvinfer1::ISqueezeLayer>(layer, network);
    case LayerType::kUNSQUEEZE: return as<nvinfer1::IUnsqueezeLayer>(layer, network);
    case LayerType::kCUMULATIVE: return as<nvinfer1::ICumulativeLayer>(layer, network);
    case LayerType::kTRIP_LIMIT: return as<nvinfer1::ITripLimitLayer>(layer, network);
    case LayerType::kRECURRENCE: return as<nvinfer1::IRecurrenceLayer>(layer, network);
    case LayerType::kITERATOR: return as<nvinfer1::IIteratorLayer>(layer, network);
    case LayerType::kLOOP_OUTPUT: return as<nvinfer1::ILoopOutputLayer>(layer, network);
    case LayerType::kCONDITION: return as<nvinfer1::IConditionLayer>(layer, network);
    case LayerType::kCONDITIONAL_INPUT:
      return as<nvinfer1::IIfConditionalInputLayer>(layer, network);
    case LayerType::kCONDITIONAL_OUTPUT:
      return as<nvinfer1::IIfConditionalOutputLayer>(layer, network);
    case LayerType::kATTENTION_INPUT: return as<nvinfer1::IAttentionInputLayer>(layer, network);
    case LayerType::kATTENTION_OUTPUT: return as<nvinfer1::IAttentionOutputLayer>(layer, network);
    case LayerType::kROTARY_EMBEDDING: return as<nvinfer1::IRotaryEmbeddingLayer>(layer, network);
    case LayerType::kKVCACHE_UPDATE: return as<nvinfer1::IKVCacheUpdateLayer>(layer, network);
    case LayerType::kRAGGED_SOFTMAX: return as<nvinfer1::IRaggedSoftMaxLayer>(layer, network);
    case LayerType::kASSERTION: return as<nvinfer1::IAssertionLayer>(layer, network);
    default: return owned(layer, network);
  }
}

void keep(nb::handle network, const PyWeights& weights) {
  if (!weights.owner.is_valid()) return;
  if (!nb::hasattr(network, "_kept")) network.attr("_kept") = nb::dict();
  nb::object kept = network.attr("_kept");  // by address: an array given twice is kept once
  kept[nb::cast(reinterpret_cast<uintptr_t>(weights.owner.ptr()))] = weights.owner;
}

void bind_network(nb::module_& module) {
  bind_tensor(module);
  bind_layer(module);
  Network network(module, "INetworkDefinition", nb::dynamic_attr());
  bind_state(network);
  bind_window_layers(network);
  bind_scale_layers(network);
  bind_element_layers(network);
  bind_axis_layers(network);
  bind_more_adds(network);
  bind_region_adds(network);
  bind_attention_adds(network);
  bind_lacking(module, network);
  managed(recorded(network));
}

}  // namespace tenon::trt::python
