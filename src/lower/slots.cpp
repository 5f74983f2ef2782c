// Forms of slots, and cutting one slot's nodes out of the weights graph.
#include "lower/slots.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "ir/ops/reorder.h"
#include "ir/ops/reshape.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "lower/call.h"
#include "lower/executable_builder.h"

namespace tenon::lower {
namespace {

/// Copies leaves and nodes under their own names; splice() would rename unnamed constants, whose
/// bytes are found by name.
std::vector<ir::ValueId> copy_nodes(ir::GraphBuilder& out, const ir::Graph& graph) {
  std::vector<ir::ValueId> map(graph.values().size(), ir::absent);
  for (const ir::ValueId id : graph.leaves()) {
    const ir::GraphValue& leaf = graph.value(id);
    map[static_cast<size_t>(id)] = leaf.origin == ir::Origin::weight
                                       ? out.weight(leaf.name, leaf.value.type)
                                       : out.constant(leaf.name, leaf.value.type, leaf.bytes);
  }
  for (const ir::Node& node : graph.nodes()) {
    std::vector<ir::ValueId> inputs;
    for (const ir::ValueId id : node.inputs) {
      inputs.push_back(id == ir::absent ? id : map[static_cast<size_t>(id)]);
    }
    const auto outputs =
        out.add_node(node.op, std::move(inputs), static_cast<int>(node.outputs.size()), node.name);
    for (size_t i = 0; i < outputs.size(); ++i) {
      map[static_cast<size_t>(node.outputs[i])] = outputs[i];
    }
  }
  return map;
}

/// The graph's outputs are in order of their names, as SlotTable::finish() gives them.
ir::ValueId output_value(const ir::Graph& graph, const std::string& name) {
  const auto at = std::ranges::lower_bound(graph.outputs(), name, {}, &ir::Output::name);
  if (at != graph.outputs().end() && at->name == name) return at->value;
  base::fail(ErrorCode::build, "internal: no output of the weights graph is slot \"{}\"", name);
}

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

/// Copies what one value needs, leaves turned into inputs.
class Extraction {
 public:
  Extraction(const ir::Graph& graph, kernel::Backend& backend) : graph_(graph), builder_(backend) {}

  Executable run(ir::ValueId target) && {
    for (const int node : needed_nodes(graph_, target)) {
      copy_node(graph_.nodes()[static_cast<size_t>(node)]);
    }
    builder_.output("slot", at(target));
    return std::move(builder_).finish();
  }

  /// The slot's bytes are a leaf's: nothing is computed.
  Executable leaf(ir::ValueId target) && {
    builder_.graph().output("slot", at(target));
    return std::move(builder_).finish();
  }

 private:
  ir::ValueId at(ir::ValueId id) {
    if (id == ir::absent) return id;
    const auto [copy, fresh] = map_.try_emplace(id, ir::absent);
    if (fresh) {
      const ir::GraphValue& leaf = graph_.value(id);
      copy->second = builder_.graph().input(leaf.name, leaf.value.type);
    }
    return copy->second;
  }

  void copy_node(const ir::Node& node) {
    std::vector<ir::ValueId> inputs;
    for (const ir::ValueId id : node.inputs) inputs.push_back(at(id));
    const auto outputs = builder_.add_first(node.op, std::move(inputs), node.outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) map_[node.outputs[i]] = outputs[i];
  }

  const ir::Graph& graph_;
  ExecutableBuilder builder_;
  std::map<ir::ValueId, ir::ValueId> map_;
};

}  // namespace

SlotTable::SlotTable(const ir::Graph& weights) {
  const std::vector<ir::ValueId> map = copy_nodes(builder_, weights);
  for (const ir::Output& output : weights.outputs()) {
    portable_[output.name] = map[static_cast<size_t>(output.value)];
  }
}

std::string SlotTable::free_name(const std::string& slot) const {
  for (int i = 1;; ++i) {
    std::string name = fmt::format("{}/{}", slot, i);
    if (!keys_.contains(name) && !portable_.contains(name)) return name;
  }
}

template <class F>
SlotForm SlotTable::form(const std::string& key, const std::string& slot, bool keeps_name,
                         F&& make) {
  if (const auto known = forms_.find(key); known != forms_.end()) return known->second.form;
  const ir::ValueId value = make();
  Made made{{keeps_name ? slot : free_name(slot), builder_.type(portable_.at(slot)),
             builder_.type(value)},
            value};
  keys_[made.form.name] = key;
  return forms_.emplace(key, std::move(made)).first->second.form;
}

SlotForm SlotTable::in_layout(const std::string& slot, const ir::Layout& layout) {
  const ir::ValueId plain = portable_.at(slot);
  const std::string text = layout.text(builder_.type(plain).rank());
  return form(fmt::format("layout {} {}", text, slot), slot, layout.plain(),
              [&] { return layout.plain() ? plain : builder_.add(ir::Reorder{layout}, {plain}); });
}

SlotForm SlotTable::packed(const std::string& slot, const ir::Graph& pack,
                           std::span<const std::string> slots, const std::string& output) {
  std::string key = fmt::format("pack {} {}", output, ir::print(pack));
  std::vector<ir::ValueId> inputs;
  for (const std::string& name : slots) {
    key += fmt::format(" {}:{}", name.size(), name);
    inputs.push_back(portable_.at(name));
  }
  return form(key, slot, false, [&] {
    const std::vector<ir::ValueId> values = ir::splice(builder_, pack, inputs);
    size_t i = 0;
    while (pack.outputs()[i].name != output) ++i;
    return values[i];
  });
}

ir::Graph SlotTable::finish() {
  for (const auto& [name, key] : keys_) builder_.output(name, forms_.at(key).value);
  return builder_.finish();
}

SlotProgram slot_program(const ir::Graph& weights, const std::string& slot,
                         kernel::Backend& backend) {
  const ir::ValueId value = output_value(weights, slot);
  const ir::ValueId source = behind_reshapes(weights, value);
  SlotProgram program;
  program.name = slot;
  program.type = weights.type(value);
  program.executable = weights.value(source).origin == ir::Origin::node
                           ? Extraction(weights, backend).run(value)
                           : Extraction(weights, backend).leaf(source);
  for (const ir::ValueId id : program.executable.graph.inputs()) {
    program.leaves.push_back(program.executable.graph.value(id).name);
  }
  program.signature = make_signature(program.executable, {}, backend);
  return program;
}

}  // namespace tenon::lower
