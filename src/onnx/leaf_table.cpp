// The leaves of a network under construction: types, sources, and who may refit them.
#include "onnx/leaf_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/narrow.h"
#include "base/text.h"
#include "ir/ops/shape.h"

namespace tenon::onnx {
namespace {

// The bytes of a leaf that is small enough to live in the graph.
ir::ConstantBytes small_bytes(const weights::TensorSource& source) {
  if (source.size() > ir::inline_constant_bytes) return nullptr;
  source.bytes->check_unchanged();
  auto bytes = base::read_range(*source.bytes, source.offset, source.size());
  source.bytes->check_unchanged();
  return std::make_shared<const std::vector<std::byte>>(std::move(bytes));
}

ir::Leaf leaf_of(const std::string& name, const ir::ValueType& type, std::string reason) {
  const bool refittable = reason.empty();
  return {.name = name, .type = type, .refittable = refittable, .reason = std::move(reason)};
}

}  // namespace

std::string read_reason(const std::string& reader) {
  return fmt::format("{} ({})", ir::read_while_building_reason, reader);
}

ir::ValueId LeafTable::add(ir::GraphBuilder& out, ir::Leaf leaf,
                           const std::optional<weights::TensorSource>& source) {
  if (leaf.name.empty() || rows_.contains(leaf.name))
    base::fail(ErrorCode::build, "network: the weight's name {} is {}", base::quoted(leaf.name),
               leaf.name.empty() ? "empty" : "taken");
  if (const auto found = facts_.consumers.find(leaf.name); found != facts_.consumers.end())
    leaf.consumers = found->second;
  const ir::ValueId id =
      leaf.refittable ? out.weight(leaf.name, leaf.type)
                      : out.constant(leaf.name, leaf.type, source ? small_bytes(*source) : nullptr);
  if (source) sources_.emplace(leaf.name, *source);
  names_.push_back(leaf.name);
  rows_.emplace(leaf.name, std::move(leaf));
  return id;
}

std::string LeafTable::read_while_building(const std::string& name) const {
  const auto found = facts_.read_while_building.find(name);
  return found == facts_.read_while_building.end() ? "" : found->second;
}

bool LeafTable::is_quantised(const std::string& name, DType dtype) const {
  constexpr std::string_view readers[] = {"ConvInteger", "DequantizeLinear", "MatMulInteger",
                                          "QLinearConv", "QLinearMatMul"};
  const auto found = facts_.consumers.find(name);
  if (found == facts_.consumers.end() || byte_count(dtype, 1) != 1) return false;
  return std::ranges::any_of(found->second, [&](const base::Consumer& consumer) {
    return std::ranges::find(readers, consumer.op_type) != std::end(readers);
  });
}

ir::ValueId LeafTable::add_initializer(ir::GraphBuilder& out, const std::string& name,
                                       const ir::ValueType& type,
                                       const std::optional<weights::TensorSource>& source,
                                       bool waits) {
  std::string reason = read_while_building(name);
  const bool floats =
      is_floating(type.dtype) || (is_narrow(type.dtype) && !base::is_narrow_integer(type.dtype));
  if (reason.empty() && !floats && !is_quantised(name, type.dtype))
    reason = fmt::format("its dtype is {}, and only floating initializers are weights",
                         to_string(type.dtype));
  const bool sourceless = waits && reason.empty();
  return add(out, leaf_of(name, type, std::move(reason)), sourceless ? std::nullopt : source);
}

ir::ValueId LeafTable::add_constant(ir::GraphBuilder& out, const std::string& name,
                                    const weights::TensorSource& source) {
  std::string reason = read_while_building(name);
  const bool weight = is_floating(source.dtype) && source.size() > ir::inline_constant_bytes;
  if (reason.empty() && !weight) reason = "it is the output of a Constant node";
  const ir::ValueType type{source.dtype, ir::Dims(source.shape.begin(), source.shape.end())};
  return add(out, leaf_of(name.empty() ? free_name() : name, type, std::move(reason)), source);
}

std::string LeafTable::free_name() const {
  for (size_t i = 1;; ++i) {
    std::string name = fmt::format("constant_{}", i);
    if (!rows_.contains(name)) return name;
  }
}

void LeafTable::freeze(const ir::GraphBuilder& graph, ir::ValueId value,
                       const std::string& reader) {
  std::vector<ir::ValueId> open{value};
  std::set<ir::ValueId> visited;
  while (!open.empty()) {
    const ir::ValueId id = open.back();
    open.pop_back();
    if (id == ir::absent || !visited.insert(id).second) continue;
    if (const ir::Node* node = graph.producer(id)) {
      if (!node->as<ir::ShapeOf>())
        open.insert(open.end(), node->inputs.begin(), node->inputs.end());
      continue;
    }
    const auto row = rows_.find(graph.value(id).name);
    if (graph.value(id).origin != ir::Origin::constant || row == rows_.end()) continue;
    if (!row->second.reason.starts_with(ir::read_while_building_reason))
      row->second.reason = read_reason(reader);
  }
}

void LeafTable::keep_first(size_t count) {
  for (; names_.size() > count; names_.pop_back()) {
    rows_.erase(names_.back());
    sources_.erase(names_.back());
  }
}

}  // namespace tenon::onnx
