// From a value down to leaves, as long as rows stay rows.
#include "lower/row_cut.h"

#include <algorithm>
#include <numeric>

#include "ir/ops/reshape.h"

namespace tenon::lower {
namespace {

class Search {
 public:
  explicit Search(const ir::Graph& graph) : graph_(graph) {}

  std::optional<RowCut> run(ir::ValueId target) && {
    const ir::ValueType& type = graph_.type(target);
    if (type.rank() == 0) return {};
    found_.rows = type.shape()[0];
    if (found_.rows == 0 || !need(target, true)) return {};
    while (!open_.empty()) {
      const ir::Node& node = *open_.back();
      open_.pop_back();
      if (!node.op.info().row_wise || lays_rows_anew(node)) return {};
      for (const ir::ValueId id : node.inputs) {
        if (id != ir::absent && !need(id, RowCut::cuts(graph_, node, id))) return {};
      }
    }
    return std::move(found_);
  }

 private:
  // A reshape that changes axis 0: a row of it is no row of its operand, nor made of all of it.
  bool lays_rows_anew(const ir::Node& node) const {
    return node.as<ir::Reshape>() && !RowCut::cuts(graph_, node, node.inputs[0]);
  }

  // What is needed in both ways is none, and what all rows need must be a leaf.
  bool need(ir::ValueId id, bool cut) {
    const auto [known, fresh] = found_.cut.emplace(id, cut);
    if (!fresh) return known->second == cut;
    const int producer = graph_.value(id).node;
    if (!cut) return producer < 0;
    if (producer >= 0) open_.push_back(&graph_.nodes()[static_cast<size_t>(producer)]);
    return takes_rows(graph_.type(id));
  }

  // Rows follow one another in memory where axis 0 comes first.
  bool takes_rows(const ir::ValueType& type) {
    const auto& [order, splits] = type.layout;
    if (!order.empty() && order[0] != 0) return false;
    int64_t block = 1;
    for (const ir::Layout::Split& split : splits) block *= split.axis == 0 ? split.block : 1;
    found_.unit = std::lcm(found_.unit, block);
    found_.row_bytes = std::max(found_.row_bytes, type.bytes() / static_cast<size_t>(found_.rows));
    return true;
  }

  const ir::Graph& graph_;
  RowCut found_;
  std::vector<const ir::Node*> open_;
};

}  // namespace

bool RowCut::cuts(const ir::Graph& graph, const ir::Node& node, ir::ValueId operand) {
  const ir::ValueType& from = graph.type(operand);
  const ir::ValueType& to = graph.type(node.outputs[0]);
  const bool aligned = from.rank() == to.rank() || node.as<ir::Reshape>();
  return aligned && from.rank() > 0 && (*from.dims)[0] == (*to.dims)[0];
}

std::optional<RowCut> row_cut(const ir::Graph& graph, ir::ValueId target) {
  return Search(graph).run(target);
}

}  // namespace tenon::lower
