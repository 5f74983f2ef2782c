// A node of ONNX that no layer class expresses: Tenon's importer knows it.
#pragma once

#include "layers.h"

namespace tenon::trt {

struct OnnxBody;

/// What the node says. Tensors in attributes are the network's.
struct OnnxOp {
  std::string op;
  int64_t version = 0;
  Attributes attributes;
  std::map<std::string, std::shared_ptr<const OnnxBody>> bodies;
  std::vector<bool> wanted;  // of the node's outputs
};

/// Its type is kPLUGIN, which no interface of ours has: a program that casts by the type must not
/// find another class's methods.
class Opaque final : public Layer<nvinfer1::ILayer, nvinfer1::LayerType::kPLUGIN> {
 public:
  using Layer::Layer;
  void init(const OnnxOp& node) { node_ = node; }
  /// The node's operands, null where one is absent, and behind them what its bodies capture.
  void set_operands(const std::vector<TensorImpl*>& operands,
                    const std::vector<TensorImpl*>& captured);
  Value lower(Lowering& to) const override { return lower_all(to)[0]; }
  std::vector<Value> lower_all(Lowering& to) const override;

 private:
  OnnxOp node_;
  size_t operands_ = 0;
};

}  // namespace tenon::trt
