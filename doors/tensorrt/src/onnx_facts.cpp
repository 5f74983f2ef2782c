#include "onnx_facts.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tenon::trt {
namespace {

template <class T>
Tensor vector_of(DType dtype, const std::vector<T>& values, bool scalar) {
  Tensor made(dtype, scalar ? Shape{} : Shape{static_cast<int64_t>(values.size())});
  std::ranges::copy(values, made.as<T>().begin());
  return made;
}

float narrowed(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::isfinite(value) ? std::clamp(value, -most, most) : value);
}

// As Tenon calls a leaf of a body: by its own name, or by its path where that is another's.
std::string whole_name(const std::string& name, const std::set<std::string>& refittable,
                       const std::string& path) {
  return refittable.contains(path + name) ? path + name : name;
}

void collect(const OnnxGraph& graph, const std::set<std::string>& refittable,
             const std::string& path, std::map<std::string, OnnxLeaf>& all) {
  for (auto& [name, leaf] : leaves_of(graph, refittable, path))
    all.emplace(leaf.name, std::move(leaf));
  for (const OnnxNode& node : graph.nodes)
    for (const auto& [key, attribute] : node.attributes)
      if (const auto* body = std::get_if<std::shared_ptr<const OnnxGraph>>(&attribute))
        collect(**body, refittable, path + called(node) + "/" + key + "/", all);
}

}  // namespace

Tensor narrowed(Tensor tensor) {
  if (tensor.dtype() != DType::f64) return tensor;
  Tensor made(DType::f32, tensor.shape());
  std::ranges::transform(std::as_const(tensor).as<double>(), made.as<float>().begin(),
                         [](double value) { return narrowed(value); });
  return made;
}

std::optional<OnnxTensor> held_tensor(const OnnxNode& node) {
  const auto found = node.attributes.find("value");
  if (found == node.attributes.end()) return std::nullopt;
  const auto* tensor = std::get_if<OnnxTensor>(&found->second);
  return tensor != nullptr ? std::optional(*tensor) : std::nullopt;
}

std::optional<Tensor> constant_of(const OnnxNode& node) {
  for (const auto& [key, value] : node.attributes) {
    if (const auto* f = std::get_if<float>(&value))
      return vector_of(DType::f32, std::vector<float>{*f}, true);
    if (const auto* i = std::get_if<int64_t>(&value))
      return vector_of(DType::i64, std::vector<int64_t>{*i}, true);
    if (const auto* all = std::get_if<std::vector<float>>(&value))
      return vector_of(DType::f32, *all, false);
    if (const auto* all = std::get_if<std::vector<int64_t>>(&value))
      return vector_of(DType::i64, *all, false);
  }
  return std::nullopt;
}

bool renames_initializer(const OnnxNode& node, const std::set<std::string>& initializers) {
  return node.op == "Identity" && is_plain(node) && node.inputs.size() == 1 &&
         node.outputs.size() == 1 && node.attributes.empty() &&
         initializers.contains(node.inputs[0]);
}

std::string called(const OnnxNode& node) {
  if (!node.name.empty()) return node.name;
  const auto output =
      std::ranges::find_if(node.outputs, [](const std::string& each) { return !each.empty(); });
  return output == node.outputs.end() ? node.op : *output;
}

std::map<std::string, OnnxLeaf> leaves_of(const OnnxGraph& graph,
                                          const std::set<std::string>& refittable,
                                          const std::string& path) {
  std::map<std::string, OnnxLeaf> leaves;
  std::set<std::string> initializers;
  for (const OnnxTensor& each : graph.initializers) {
    initializers.insert(each.name);
    leaves[each.name] = {each.whole_name, each, std::nullopt};
  }
  for (const OnnxNode& node : graph.nodes) {
    if (renames_initializer(node, initializers)) {
      initializers.insert(node.outputs[0]);
      leaves[node.outputs[0]] = {whole_name(node.outputs[0], refittable, path),
                                 leaves.at(node.inputs[0]).tensor, std::nullopt};
    } else if (node.op == "Constant" && is_plain(node) && node.outputs.size() == 1) {
      OnnxLeaf leaf{whole_name(node.outputs[0], refittable, path), held_tensor(node),
                    constant_of(node)};
      if (leaf.tensor || leaf.value) leaves[node.outputs[0]] = std::move(leaf);
    }
  }
  return leaves;
}

std::map<std::string, OnnxLeaf> all_leaves(const OnnxModel& model,
                                           const std::set<std::string>& refittable) {
  std::map<std::string, OnnxLeaf> all;
  collect(model.graph(), refittable, "", all);
  return all;
}

}  // namespace tenon::trt
