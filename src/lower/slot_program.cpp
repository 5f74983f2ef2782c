// Cutting one slot's nodes out of the weights graph.
#include "lower/slot_program.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "ir/ops/reshape.h"
#include "ir/text.h"
#include "lower/executable_builder.h"
#include "lower/row_cut.h"

namespace tenon::lower {
namespace {

/// The leaf that a value renames the bytes of, or the node's value where a computation starts.
ir::ValueId behind_reshapes(const ir::Graph& graph, ir::ValueId id) {
  for (int node = graph.value(id).node; node >= 0; node = graph.value(id).node) {
    const ir::Node& producer = graph.nodes()[static_cast<size_t>(node)];
    if (!producer.as<ir::Reshape>()) break;
    id = producer.inputs[0];
  }
  return id;
}

/// In the graph's order. Most slots need few of many nodes: nothing here is as long as the graph.
std::set<int> needed_nodes(const ir::Graph& graph, ir::ValueId target) {
  std::set<int> needed;
  std::vector<ir::ValueId> open = {target};
  while (!open.empty()) {
    const ir::ValueId id = open.back();
    open.pop_back();
    const int node = id == ir::absent ? -1 : graph.value(id).node;
    if (node < 0 || !needed.insert(node).second) continue;
    const auto& inputs = graph.nodes()[static_cast<size_t>(node)].inputs;
    open.insert(open.end(), inputs.begin(), inputs.end());
  }
  return needed;
}

bool same_kernels(const Executable& a, const Executable& b) {
  return std::ranges::equal(a.steps, b.steps, {}, &Step::kernel, &Step::kernel);
}

}  // namespace

/// Copies what one value needs, leaves turned into inputs; with a cut, some rows of it.
class SlotPrograms::Extraction {
 public:
  Extraction(const SlotPrograms& from, const RowCut* cut = nullptr, int64_t rows = 0)
      : from_(from),
        graph_(from.weights_),
        builder_(from.backend_, std::make_shared<const Symbols>()),
        cut_(cut),
        rows_(rows) {}

  Executable run(ir::ValueId target, bool computed = true) {
    for (const int node : needed_nodes(graph_, target))
      copy_node(graph_.nodes()[static_cast<size_t>(node)]);
    if (computed) {
      builder_.output("slot", at(target));
    } else {
      builder_.graph().output("slot", at(target));  // the leaf's own bytes
    }
    return std::move(builder_).finish();
  }
  /// Names and, of those of the graph, values.
  const std::vector<std::pair<std::string, ir::ValueId>>& leaves() const { return leaves_; }

 private:
  ir::ValueId at(ir::ValueId id) {
    if (id == ir::absent) return id;
    const auto [copy, fresh] = map_.try_emplace(id, ir::absent);
    if (fresh) {
      ir::ValueType type = graph_.type(id);
      if (is_cut(id)) (*type.dims)[0] = rows_;
      const std::string& name = graph_.value(id).name;
      copy->second = leaf(name, std::move(type), id);
      if (from_.is_sum(id)) {
        copy->second = add_terms(builder_, copy->second, from_.terms_.at(name),
                                 [this](const std::string& further, ir::ValueType of) {
                                   return leaf(further, std::move(of), ir::absent);
                                 });
      }
    }
    return copy->second;
  }

  ir::ValueId leaf(const std::string& name, ir::ValueType type, ir::ValueId id) {
    leaves_.emplace_back(name, id);
    return builder_.graph().input(std::to_string(leaves_.size() - 1), std::move(type));
  }

  void copy_node(const ir::Node& node) {
    std::vector<ir::ValueId> inputs;
    for (const ir::ValueId id : node.inputs) inputs.push_back(at(id));
    ir::Op op = node.op;
    if (const auto* reshape = op.as<ir::Reshape>(); reshape && is_cut(node.outputs[0])) {
      ir::Reshape cut = *reshape;
      cut.dims[0] = rows_;
      op = cut;
    }
    const auto outputs = builder_.add_first(op, std::move(inputs), node.outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) map_[node.outputs[i]] = outputs[i];
  }

  bool is_cut(ir::ValueId id) const { return cut_ && cut_->cut.at(id); }

  const SlotPrograms& from_;
  const ir::Graph& graph_;
  ExecutableBuilder builder_;
  const RowCut* cut_;
  int64_t rows_;
  std::map<ir::ValueId, ir::ValueId> map_;
  std::vector<std::pair<std::string, ir::ValueId>> leaves_;
};

SlotPrograms::SlotPrograms(const ir::Graph& weights, kernel::Backend& backend, LowRanks terms)
    : weights_(weights), backend_(backend), terms_(std::move(terms)) {
  for (const ir::Output& output : weights.outputs()) outputs_[output.name] = output.value;
}

bool SlotPrograms::is_sum(ir::ValueId leaf) const {
  return !terms_.empty() && terms_.contains(weights_.value(leaf).name);
}

SlotProgram SlotPrograms::of(const std::string& slot) {
  const auto found = outputs_.find(slot);
  if (found != outputs_.end()) return program(slot, found->second);
  base::fail(ErrorCode::build, "internal: no output of the weights graph is slot \"{}\"", slot);
}

SlotProgram SlotPrograms::sum(const std::string& weight) {
  for (const ir::ValueId leaf : weights_.leaves()) {
    if (weights_.value(leaf).name == weight) return program(weight, leaf);
  }
  base::fail(ErrorCode::build, "internal: no leaf of the weights graph is \"{}\"", weight);
}

SlotProgram SlotPrograms::program(const std::string& name, ir::ValueId value) {
  const ir::ValueId source = behind_reshapes(weights_, value);
  const bool computed = weights_.value(source).origin == ir::Origin::node || is_sum(source);
  SlotProgram program{.name = name, .type = weights_.type(value)};
  Extraction extraction(*this);
  program.code = code(extraction.run(computed ? value : source, computed));
  for (const auto& [leaf, id] : extraction.leaves()) program.leaves.push_back(leaf);
  if (computed) program.tiles = tiles(value, program);
  return program;
}

std::shared_ptr<const SlotCode> SlotPrograms::code(Executable executable) {
  std::shared_ptr<const SlotCode>& known = codes_[ir::print(executable.graph)];
  if (known) return known;
  const size_t bytes = executable.graph.type(executable.graph.outputs()[0].value).bytes();
  auto made = std::make_shared<SlotCode>(SlotCode{std::move(executable), nullptr, bytes});
  made->signature = make_signature(made->executable, {}, backend_);
  return known = std::move(made);
}

// Tiles take the kernels that the whole takes: both give the same bits.
std::optional<RowTiles> SlotPrograms::tiles(ir::ValueId target, const SlotProgram& whole) {
  if (whole.type.bytes() <= RowTiles::bytes) return {};
  const std::optional<RowCut> cut = row_cut(weights_, target);
  if (!cut || std::ranges::any_of(cut->cut, [&](const auto& each) { return is_sum(each.first); }))
    return {};
  const auto fitting = static_cast<int64_t>(RowTiles::bytes / std::max<size_t>(cut->row_bytes, 1));
  RowTiles tiles{.rows = cut->rows};
  tiles.tile = std::max<int64_t>(fitting / cut->unit, 1) * cut->unit;
  if (tiles.tile >= tiles.rows) return {};
  const auto piece = [&](int64_t rows) -> std::shared_ptr<const SlotCode> {
    Extraction extraction(*this, &*cut, rows);
    Executable executable = extraction.run(target);
    if (!same_kernels(executable, whole.code->executable)) return nullptr;
    if (tiles.cut.empty()) {
      for (const auto& [name, id] : extraction.leaves()) tiles.cut.push_back(cut->cut.at(id));
    }
    return code(std::move(executable));
  };
  tiles.code = piece(tiles.tile);
  tiles.last = piece((tiles.rows - 1) % tiles.tile + 1);
  return tiles.code && tiles.last ? std::optional(std::move(tiles)) : std::nullopt;
}

std::string describe(const SlotProgram& slot) {
  std::vector<std::string> leaves;
  for (const std::string& leaf : slot.leaves) leaves.push_back(base::quoted(leaf));
  return fmt::format("slot {}, {} made of {}", base::quoted(slot.name), slot.type.text(),
                     base::join(leaves, ", "));
}

}  // namespace tenon::lower
