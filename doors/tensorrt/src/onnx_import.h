// A model's nodes as layers of the live network.
#pragma once

#include "onnx_body.h"
#include "onnx_facts.h"
#include "opaque.h"

namespace tenon::trt {

/// What cannot be said in layers, with the node that says it.
struct OnnxRefusal : Refusal {
  OnnxRefusal(const OnnxNode& node, int64_t index, const std::string& text)
      : Refusal(nvinfer1::ErrorCode::kUNSUPPORTED_STATE, text), node(node), index(index) {}
  OnnxNode node;
  int64_t index;
};

/// A value by its name in the model: a layer's or input's tensor, or a leaf that becomes a constant
/// layer when a tensor is asked for.
struct OnnxValue {
  TensorImpl* tensor = nullptr;
  std::optional<OnnxLeaf> leaf;
  bool refittable = false;
  std::optional<Tensor> read;  // the leaf's bytes, the network's
};

class OnnxImport {
 public:
  OnnxImport(NetworkImpl& network, const OnnxModel& model);
  /// Appends everything that the model's outputs need. The model has no problems.
  void run();

  // What the functions of single ops are made with; `i` is an operand of the node at work.
  const OnnxNode& node() const { return *node_; }
  int64_t opset() const { return model_.opset(); }
  NetworkImpl& network() { return network_; }
  bool has(size_t i) const { return i < node_->inputs.size() && !node_->inputs[i].empty(); }
  size_t outputs() const;  // that are wanted, the last one counted
  TensorImpl& operand(size_t i) { return tensor(node_->inputs[i]); }
  /// The type of an operand, nothing of its rank where that is unknown.
  Dims dims(size_t i) { return operand(i).getDimensions(); }
  /// A leaf's bytes as weights of a layer, under its own name.
  std::optional<nvinfer1::Weights> weights(size_t i);
  /// The same without making a constant layer of a leaf.
  Dims dims_of_operand(size_t i);
  const std::string& leaf_name(size_t i) { return value(node_->inputs[i]).leaf->name; }
  /// The elements of a frozen leaf of integers, or of floats; nothing for all others.
  std::optional<std::vector<int64_t>> ints(size_t i);
  std::optional<float> number(size_t i);
  int64_t attribute(const std::string& key, int64_t otherwise) const;
  float attribute(const std::string& key, float otherwise) const;
  std::string attribute(const std::string& key, const char* otherwise) const;
  std::vector<int64_t> attribute(const std::string& key, std::vector<int64_t> otherwise) const;
  bool has_attribute(const std::string& key) const { return node_->attributes.contains(key); }

  /// A layer behind tensors, named after the node.
  template <class L, class... Args>
  L& add(const char* kind, const std::vector<TensorImpl*>& inputs, const Args&... args) {
    return add_with_outputs<L>(kind, inputs, 1, args...);
  }
  template <class L, class... Args>
  L& add_with_outputs(const char* kind, const std::vector<TensorImpl*>& inputs, size_t outputs,
                      const Args&... args) {
    L& layer = network_.emplace<L>(kind, {inputs.begin(), inputs.end()}, outputs, args...);
    layer.name = unique(called(*node_));
    return layer;
  }
  /// The layer's outputs are the node's.
  void done(LayerCore& layer);

 private:
  void inputs();
  void mark_outputs();
  void import(const OnnxNode& node);
  void opaque();
  OnnxValue& value(const std::string& name);
  TensorImpl& tensor(const std::string& name);
  const Tensor& bytes(OnnxValue& value);
  TensorImpl& constant_layer(OnnxValue& value);
  TensorImpl& captured(const std::string& name);
  std::string unique(const std::string& name);
  std::vector<bool> needed() const;
  OnnxOp op_of(const OnnxNode& node, const std::string& path);
  std::shared_ptr<const OnnxBody> body_of(const OnnxGraph& graph, const OnnxNode& node,
                                          const std::string& path);
  Attribute attribute_of(const OnnxNode& node, const std::string& key, const OnnxAttribute& from);

  NetworkImpl& network_;
  const OnnxModel& model_;
  std::set<std::string> refittable_;
  std::map<std::string, OnnxValue> values_;
  std::map<std::string, OnnxValue> hoisted_;  // weights of bodies, by their names in the model
  std::set<std::string> layer_names_;
  const OnnxNode* node_ = nullptr;
  int64_t index_ = -1;
};

/// Adds the layers of the node at work and is true, or does nothing where no class expresses it.
using OnnxLayers = bool (*)(OnnxImport& to);
OnnxLayers layers_for(const std::string& op);

/// Names that a graph reads and does not define, its bodies' included.
std::set<std::string> free_names(const OnnxGraph& graph);

}  // namespace tenon::trt
