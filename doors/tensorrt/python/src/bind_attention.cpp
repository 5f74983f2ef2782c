// Attention, rotary embedding, caches; classes of layers that Tenon lacks.
#include "bind_layer.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::IAttention;
using nvinfer1::IKVCacheUpdateLayer;
using nvinfer1::INetworkDefinition;
using nvinfer1::IRotaryEmbeddingLayer;
using nvinfer1::ITensor;
using Network = nb::class_<INetworkDefinition>;

/// The same of a tensor, which a getter gives back as a part of the network.
template <class T, class Get>
void tensor_property(nb::class_<T>& bound, const char* name, Get get,
                     bool (T::*set)(ITensor&) noexcept) {
  bound.def_prop_rw(
      name, [get](nb::object self) { return part((nb::cast<T&>(self).*get)(), network_of(self)); },
      [set](T& self, ITensor& tensor) { (self.*set)(tensor); });
}

nb::object attention(IAttention* made, nb::object network) {
  if (made == nullptr) return nb::none();
  nb::object object = nb::cast(made, nb::rv_policy::reference);
  object.attr("_network") = network;
  return object;
}

void bind_attentions(nb::module_& module) {
  nb::class_<IAttention> bound(module, "IAttention", nb::dynamic_attr());
  tensor_property(bound, "mask", &IAttention::getMask, &IAttention::setMask);
  tensor_property(bound, "normalization_quantize_scale", &IAttention::getNormalizationQuantizeScale,
                  &IAttention::setNormalizationQuantizeScale);
  tensor_property(bound, "query_lengths", &IAttention::getQueryLengths,
                  &IAttention::setQueryLengths);
  tensor_property(bound, "key_value_lengths", &IAttention::getKeyValueLengths,
                  &IAttention::setKeyValueLengths);
  bound
      .def_prop_rw("norm_op", &IAttention::getNormalizationOperation,
                   told(&IAttention::setNormalizationOperation))
      .def_prop_rw("decomposable", &IAttention::getDecomposable, told(&IAttention::setDecomposable))
      .def_prop_rw("causal", &IAttention::getCausal, told(&IAttention::setCausal))
      .def_prop_rw("causal_kind", &IAttention::getCausalKind, told(&IAttention::setCausalKind))
      .def_prop_rw("name", &IAttention::getName, told(&IAttention::setName))
      .def_prop_rw("metadata", &IAttention::getMetadata, told(&IAttention::setMetadata))
      .def_prop_rw("normalization_quantize_to_type", &IAttention::getNormalizationQuantizeToType,
                   told(&IAttention::setNormalizationQuantizeToType))
      .def_prop_rw("query_form", &IAttention::getQueryForm, told(&IAttention::setQueryForm))
      .def_prop_rw("key_value_form", &IAttention::getKeyValueForm,
                   told(&IAttention::setKeyValueForm))
      .def_prop_rw("num_ranks", &IAttention::getNbRanks, told(&IAttention::setNbRanks))
      .def_prop_ro("num_inputs", &IAttention::getNbInputs)
      .def_prop_ro("num_outputs", &IAttention::getNbOutputs)
      .def("set_input", &IAttention::setInput, "index"_a, "tensor"_a)
      .def(
          "get_input",
          [](nb::object self, int32_t i) {
            return part(nb::cast<IAttention&>(self).getInput(i), network_of(self));
          },
          "index"_a)
      .def(
          "get_output",
          [](nb::object self, int32_t i) {
            return part(nb::cast<IAttention&>(self).getOutput(i), network_of(self));
          },
          "index"_a);
  nb::class_<nvinfer1::IAttentionBoundaryLayer, ILayer>(module, "IAttentionBoundaryLayer")
      .def_prop_ro("attention", [](nb::object self) {
        const auto& layer = nb::cast<nvinfer1::IAttentionBoundaryLayer&>(self);
        return attention(layer.getAttention(), network_of(self));
      });
  nb::class_<nvinfer1::IAttentionInputLayer, nvinfer1::IAttentionBoundaryLayer>(
      module, "IAttentionInputLayer");
  nb::class_<nvinfer1::IAttentionOutputLayer, nvinfer1::IAttentionBoundaryLayer>(
      module, "IAttentionOutputLayer");
}

void bind_language_layers(nb::module_& module) {
  LayerClass<IRotaryEmbeddingLayer>(module, "IRotaryEmbeddingLayer")
      .plain("interleaved", &IRotaryEmbeddingLayer::getInterleaved,
             &IRotaryEmbeddingLayer::setInterleaved)
      .plain("rotary_embedding_dim", &IRotaryEmbeddingLayer::getRotaryEmbeddingDim,
             told(&IRotaryEmbeddingLayer::setRotaryEmbeddingDim));
  LayerClass<IKVCacheUpdateLayer>(module, "IKVCacheUpdateLayer")
      .plain("cache_mode", &IKVCacheUpdateLayer::getCacheMode,
             told(&IKVCacheUpdateLayer::setCacheMode))
      .plain("update_form", &IKVCacheUpdateLayer::getUpdateForm,
             told(&IKVCacheUpdateLayer::setUpdateForm))
      .plain(
          "update_lengths",
          [](nb::object self) {
            return part(nb::cast<IKVCacheUpdateLayer&>(self).getUpdateLengths(), network_of(self));
          },
          told(&IKVCacheUpdateLayer::setUpdateLengths));
  LayerClass<nvinfer1::IRaggedSoftMaxLayer>(module, "IRaggedSoftMaxLayer");
  LayerClass<nvinfer1::IAssertionLayer>(module, "IAssertionLayer")
      .plain("message", &nvinfer1::IAssertionLayer::getMessage,
             &nvinfer1::IAssertionLayer::setMessage);
}

}  // namespace

void bind_attention(nb::module_& module) {
  counted<nvinfer1::CausalMaskKind>(module, "CausalMaskKind",
                                    {"NONE", "UPPER_LEFT", "LOWER_RIGHT"});
  counted<nvinfer1::AttentionIOForm>(module, "AttentionIOForm", {"PADDED_BHND", "PACKED_NHD"});
  bind_attentions(module);
  bind_language_layers(module);
}

void bind_attention_adds(Network& network) {
  network
      .def(
          "add_attention",
          [](nb::object self, ITensor& query, ITensor& key, ITensor& value,
             nvinfer1::AttentionNormalizationOp op, bool causal) {
            return attention(network_in(self).addAttention(query, key, value, op, causal), self);
          },
          "query"_a, "key"_a, "value"_a, "norm_op"_a, "causal"_a)
      .def(
          "add_attention_v2",
          [](nb::object self, ITensor& query, ITensor& key, ITensor& value,
             nvinfer1::AttentionNormalizationOp op, nvinfer1::CausalMaskKind kind) {
            return attention(network_in(self).addAttentionV2(query, key, value, op, kind), self);
          },
          "query"_a, "key"_a, "value"_a, "norm_op"_a, "causal_kind"_a)
      .def(
          "add_rotary_embedding",
          [](nb::object self, ITensor& input, ITensor& cos, ITensor& sin, bool interleaved,
             int32_t dim) {
            return part(network_in(self).addRotaryEmbedding(input, cos, sin, interleaved, dim),
                        self);
          },
          "input"_a, "cos_cache"_a, "sin_cache"_a, "interleaved"_a, "rotary_embedding_dim"_a)
      .def(
          "add_kv_cache_update",
          [](nb::object self, ITensor& cache, ITensor& update, ITensor& places,
             nvinfer1::KVCacheMode mode) {
            return part(network_in(self).addKVCacheUpdate(cache, update, places, mode), self);
          },
          "cache"_a, "update"_a, "write_indices"_a, "cache_mode"_a)
      .def(
          "add_ragged_softmax",
          [](nb::object self, ITensor& input, ITensor& bounds) {
            return part(network_in(self).addRaggedSoftMax(input, bounds), self);
          },
          "input"_a, "bounds"_a)
      .def(
          "add_assertion",
          [](nb::object self, ITensor& condition, const char* message) {
            return part(network_in(self).addAssertion(condition, message), self);
          },
          "condition"_a, "message"_a);
}

}  // namespace tenon::trt::python
