// Forms of slots, and cutting one slot's nodes out of the weights graph.
#include "lower/slots.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "ir/copy.h"
#include "ir/ops/reorder.h"
#include "ir/ops/reshape.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "lower/call.h"
#include "lower/executable_builder.h"

namespace tenon::lower {
namespace {

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

/// Copies what one value needs, leaves turned into inputs, each node with the first kernel that
/// accepts.
class Extraction : public ir::GraphCopier {
 public:
  Extraction(const ir::Graph& source, ExecutableBuilder& builder)
      : GraphCopier(source, builder.graph()), builder_(builder) {}

  void copy_needed(ir::ValueId target) {
    for (const int node : needed_nodes(source(), target)) {
      copy(source().nodes()[static_cast<size_t>(node)]);
    }
  }

 private:
  ir::ValueId missing(ir::ValueId id) override {
    return out().input(source().value(id).name, source().type(id));
  }
  std::vector<ir::ValueId> copies(const ir::Node& node) override {
    return builder_.add_first(node.op, node.inputs, node.outputs.size());
  }

  ExecutableBuilder& builder_;
};

/// Where nothing is computed, the slot's bytes are a leaf's.
Executable extract(const ir::Graph& weights, ir::ValueId value, kernel::Backend& backend) {
  ExecutableBuilder builder(backend);
  Extraction extraction(weights, builder);
  const ir::ValueId source = behind_reshapes(weights, value);
  if (weights.value(source).origin == ir::Origin::node) {
    extraction.copy_needed(value);
    builder.output("slot", extraction(value));
  } else {
    builder.graph().output("slot", extraction(source));
  }
  return std::move(builder).finish();
}

}  // namespace

SlotTable::SlotTable(const ir::Graph& weights) {
  ir::GraphCopier copier(weights, builder_);
  copier.copy_nodes();
  for (const ir::Output& output : weights.outputs()) {
    portable_[output.name] = copier(output.value);
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
  SlotProgram program;
  program.name = slot;
  program.type = weights.type(value);
  program.executable = extract(weights, value, backend);
  for (const ir::ValueId id : program.executable.graph.inputs()) {
    program.leaves.push_back(program.executable.graph.value(id).name);
  }
  program.signature = make_signature(program.executable, {}, backend);
  return program;
}

}  // namespace tenon::lower
