// What a parser and its refitter both know of a model: its leaves by name, as the door has them.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "NvInferRuntime.h"
#include "tenon/onnx_model.h"

namespace tenon::trt {

/// A tensor with a type that the door has in the place of f64, which it lacks: values that f32 does
/// not reach are its greatest and least.
Tensor narrowed(Tensor tensor);
/// Of ONNX's own domain.
inline bool is_plain(const OnnxNode& node) {
  return node.domain.empty() || node.domain == "ai.onnx";
}
/// The numbers that a Constant node holds.
std::optional<OnnxTensor> held_tensor(const OnnxNode& node);
std::optional<Tensor> constant_of(const OnnxNode& node);
/// An exporter's second name of an initializer: a weight of its own.
bool renames_initializer(const OnnxNode& node, const std::set<std::string>& initializers);

/// Reads a leaf's bytes when they are asked for.
struct OnnxLeaf {
  std::string name;  // in the whole model
  std::optional<OnnxTensor> tensor;
  std::optional<Tensor> value;  // of a Constant node without a tensor

  Tensor read() const { return narrowed(value ? *value : tensor->read()); }
};

/// The leaves of a graph (initializers, their second names, Constant nodes) by their names there.
std::map<std::string, OnnxLeaf> leaves_of(const OnnxGraph& graph,
                                          const std::set<std::string>& refittable,
                                          const std::string& path = "");
/// The same of all graphs of a model, by their names in the whole model.
std::map<std::string, OnnxLeaf> all_leaves(const OnnxModel& model,
                                           const std::set<std::string>& refittable);
/// What the node is called in paths.
std::string called(const OnnxNode& node);

}  // namespace tenon::trt
