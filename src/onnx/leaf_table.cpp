// The leaves of a network under construction: types, sources, and who may refit them.
#include "onnx/leaf_table.h"

#include <fmt/core.h>

namespace tenon::onnx {
namespace {

ir::ValueType type_of(const weights::TensorSource& source) {
  return {source.dtype, ir::Dims(source.shape.begin(), source.shape.end())};
}

// The bytes of a leaf that is small enough to live in the graph.
ir::ConstantBytes small_bytes(const weights::TensorSource& source) {
  if (source.size() > ir::inline_constant_bytes) return nullptr;
  source.bytes->check_unchanged();
  auto bytes = base::read_range(*source.bytes, source.offset, source.size());
  source.bytes->check_unchanged();
  return std::make_shared<const std::vector<std::byte>>(std::move(bytes));
}

}  // namespace

std::string LeafTable::read_while_building(const std::string& name) const {
  const auto found = facts_.read_while_building.find(name);
  return found == facts_.read_while_building.end() ? "" : found->second;
}

ir::ValueId LeafTable::add_initializer(ir::GraphBuilder& out, const std::string& name,
                                       const weights::TensorSource& source) {
  std::string reason = read_while_building(name);
  if (reason.empty() && !is_floating(source.dtype))
    reason = fmt::format("its dtype is {}, and only floating initializers are weights",
                         to_string(source.dtype));
  initializers_.insert(name);
  return add(out, name, source, std::move(reason));
}

ir::ValueId LeafTable::add_constant(ir::GraphBuilder& out, const std::string& name,
                                    const weights::TensorSource& source) {
  std::string reason = read_while_building(name);
  if (reason.empty()) reason = "it is the output of a Constant node";
  return add(out, name, source, std::move(reason));
}

ir::ValueId LeafTable::add(ir::GraphBuilder& out, const std::string& name,
                           const weights::TensorSource& source, std::string reason) {
  const bool refittable = reason.empty();
  ir::Leaf leaf{
      .name = name, .type = type_of(source), .refittable = refittable, .reason = std::move(reason)};
  if (const auto found = facts_.consumers.find(name); found != facts_.consumers.end())
    leaf.consumers = found->second;
  const ir::ValueId id = leaf.refittable ? out.weight(name, leaf.type)
                                         : out.constant(name, leaf.type, small_bytes(source));
  leaves_.emplace(name, std::move(leaf));
  sources_.emplace(name, source);
  return id;
}

const weights::TensorSource* LeafTable::initializer(const std::string& name) const {
  return initializers_.count(name) ? &sources_.at(name) : nullptr;
}

std::vector<ir::Leaf> LeafTable::take_leaves() {
  std::vector<ir::Leaf> leaves;
  leaves.reserve(leaves_.size());
  for (auto& [name, leaf] : leaves_) leaves.push_back(std::move(leaf));
  leaves_.clear();
  return leaves;
}

}  // namespace tenon::onnx
