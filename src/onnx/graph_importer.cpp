// Imports one graph of a model, node by node; graphs inside see its leaves by name.
#include "onnx/graph_importer.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "ir/ops/string.h"
#include "onnx/draft_body.h"
#include "onnx/symbols.h"

namespace tenon::onnx {
namespace {

constexpr size_t most_nodes = size_t{1} << 20;

// A graph in an attribute, as import functions see it.
class InnerGraph : public Body {
 public:
  InnerGraph(const wire::Graph& graph, const GraphImporter& around)
      : graph_(graph), around_(around) {}

  std::vector<ir::ValueId> captures(size_t formals) const override {
    if (graph_.inputs.size() != formals)
      base::fail(ErrorCode::bad_file, "{}: graph {} has {} inputs, its node gives {}",
                 around_.model().file, base::quoted(graph_.name), graph_.inputs.size(), formals);
    std::vector<ir::ValueId> ids;
    for (const auto& [name, id] : around_.captures(graph_)) ids.push_back(id);
    return ids;
  }

  std::vector<ir::ValueId> import(ir::GraphBuilder& builder, std::span<const ir::ValueId> inputs,
                                  size_t /*formals*/) const override {
    GraphImporter inner(graph_, builder, around_.model(), &around_);
    size_t at = 0;
    for (const wire::ValueInfo& input : graph_.inputs) inner.define(input.name, inputs[at++]);
    for (const auto& [name, id] : around_.captures(graph_)) inner.define(name, inputs[at++]);
    inner.import_leaves();
    inner.import_nodes();
    std::vector<ir::ValueId> outputs;
    for (const wire::ValueInfo& output : graph_.outputs)
      outputs.push_back(inner.value(output.name));
    if (std::ranges::count(outputs, ir::absent) > 0) throw Unsupported{};  // told by its nodes
    return outputs;
  }

  std::shared_ptr<void> forgive() const override {
    Problems& problems = around_.model().problems;
    return {&problems, [before = problems](void* at) { *static_cast<Problems*>(at) = before; }};
  }

 private:
  const wire::Graph& graph_;
  const GraphImporter& around_;
};

[[noreturn]] void fail_without_bytes(const Error& refusal) {
  const std::string_view what = refusal.what();
  const bool tells_a_way_out = what.find("; ") != std::string_view::npos;
  if (refusal.code() != ErrorCode::io || tells_a_way_out) throw Error(refusal);
  base::fail(ErrorCode::io,
             "{}; without weights (weights=None, --no-weights) it builds, and takes them later",
             what);
}

}  // namespace

void GraphImporter::import_leaves() {
  for (const wire::Tensor& initializer : graph_.initializers) {
    if (const auto dtype = wire::dtype_of(initializer.data_type); dtype == DType::string) {
      add_texts(initializer);
      continue;
    } else if (dtype) {
      const ir::ValueType type{*dtype, ir::Dims(initializer.dims.begin(), initializer.dims.end())};
      auto source = model_.given.find(whole_name(initializer.name), *dtype, initializer.dims);
      if (!source) source = initializer.source;
      if (source) {
        add_initializer(initializer.name, type, source);
      } else if (is_unneeded(&initializer)) {
        report(&initializer, initializer.refusal->what());
        define(initializer.name, ir::absent);
      } else {
        if (!model_.given.none_at_all()) fail_without_bytes(*initializer.refusal);
        add_initializer(initializer.name, type, source);
        if (!model_.leaves.rows().at(whole_name(initializer.name)).refittable)
          throw Error(*initializer.refusal);
      }
      continue;
    }
    report(&initializer,
           fmt::format("initializer {} of type {}", base::quoted(whole_name(initializer.name)),
                       wire::data_type_name(initializer.data_type)));
    define(initializer.name, ir::absent);
  }
  for (const std::string& name : graph_.sparse_initializers) {
    report(&name, "sparse initializer " + base::quoted(name));
    define(name, ir::absent);
  }
}

const std::string& GraphImporter::whole_name(const std::string& name) const {
  return wire::whole_name(model_.names.lifted, graph_, name);
}

void GraphImporter::add_texts(const wire::Tensor& initializer) {
  if (initializer.refusal) {
    if (!is_unneeded(&initializer)) throw Error(*initializer.refusal);
    report(&initializer, initializer.refusal->what());
    return define(initializer.name, ir::absent);
  }
  const ir::ValueId id =
      state_.builder.add(ir::Strings{initializer.strings, initializer.dims}, {}, initializer.name);
  state_.builder.name_value(id, initializer.name);
  define(initializer.name, id);
}

void GraphImporter::add_initializer(const std::string& name, const ir::ValueType& type,
                                    const std::optional<weights::TensorSource>& source) {
  define(name, model_.leaves.add_initializer(state_.builder, whole_name(name), type, source,
                                             model_.given.none_at_all()));
  initializers_.insert(name);
}

// Exporters merge initializers that happen to be equal and write an Identity for each lost name:
// that name is a leaf of its own again.
bool GraphImporter::renames_initializer(const wire::Node& node) const {
  return node.op_type == "Identity" && is_default_domain(node.domain) && node.inputs.size() == 1 &&
         node.outputs.size() == 1 && !node.outputs[0].empty() && node.attributes.empty() &&
         initializers_.contains(node.inputs[0]);
}

void GraphImporter::add_second_name(const wire::Node& node) {
  const std::string& first = whole_name(node.inputs[0]);
  const auto& sources = model_.leaves.sources();
  const auto source = sources.find(first);
  const ir::ValueType type = model_.leaves.rows().at(first).type;
  auto given = model_.given.find(whole_name(node.outputs[0]), type.dtype, type.shape());
  const bool copies = !given;
  if (copies && source != sources.end()) given = source->second;
  add_initializer(node.outputs[0], type, given);
  if (copies) model_.leaves.tell_copy(whole_name(node.outputs[0]), first);
}

void GraphImporter::import_nodes() {
  model_.nodes += graph_.nodes.size();
  if (model_.nodes > most_nodes)
    base::fail(ErrorCode::unsupported,
               "{}: has more than {} nodes, those of loops in loops counted "
               "again",
               model_.file, most_nodes);
  for (const wire::Node& node : graph_.nodes) import(node);
}

const ir::GraphValue* GraphImporter::find(const std::string& name) const {
  const auto here = values_.find(name);
  if (here == values_.end()) return around_ ? around_->find(name) : nullptr;
  return here->second == ir::absent ? nullptr : &state_.builder.value(here->second);
}

ir::ValueId GraphImporter::value(const std::string& name) {
  if (const auto here = values_.find(name); here != values_.end()) return here->second;
  const ir::GraphValue* value = around_ ? around_->find(name) : nullptr;
  if (!value) return ir::absent;
  return values_[name] = see(*value, state_.builder);
}

std::vector<std::pair<std::string, ir::ValueId>> GraphImporter::captures(
    const wire::Graph& inside) const {
  std::vector<std::pair<std::string, ir::ValueId>> result;
  for (const std::string& name : free_names(inside)) {
    const auto here = values_.find(name);
    if (here == values_.end() || here->second == ir::absent) continue;
    if (!seen_by_name(state_.builder.value(here->second))) result.emplace_back(name, here->second);
  }
  return result;
}

// The attribute's value by its type, which says what is set.
AttributeValue GraphImporter::value_of(const wire::Attribute& attribute) {
  switch (attribute.type) {
    case wire::kFloat: return attribute.f;
    case wire::kInt: return attribute.i;
    case wire::kString: return attribute.s;
    case wire::kTensor:
      if (!attribute.tensor) return {};
      return TensorValue{attribute.tensor->source,
                         wire::data_type_name(attribute.tensor->data_type),
                         attribute.tensor->strings, attribute.tensor->dims};
    case wire::kGraph:
      if (!attribute.graph) return {};
      return std::make_shared<const InnerGraph>(*attribute.graph, *this);
    case wire::kFloats: return attribute.floats;
    case wire::kInts: return attribute.ints;
    case wire::kStrings: return attribute.strings;
    case wire::kType: {
      if (!attribute.value_type) return {};
      const auto type = type_of(*attribute.value_type, state_.builder);
      return type ? AttributeValue(*type) : AttributeValue();
    }
    default: return {};
  }
}

int64_t GraphImporter::version_of(const wire::Node& node) const {
  const bool is_default = is_default_domain(node.domain);
  for (const wire::Opset& each : node.opsets ? *node.opsets : std::vector<wire::Opset>())
    if (is_default ? is_default_domain(each.domain) : each.domain == node.domain)
      return each.version;
  const auto opset = model_.opsets.find(is_default ? "" : node.domain);
  if (opset != model_.opsets.end()) return opset->second;
  if (!find_import(full_op_type(node))) return 0;  // told as what is not supported
  base::fail(ErrorCode::bad_file, "{}: {} is of {}, and the model imports no opset of that",
             model_.file, label(node),
             is_default ? "the default domain" : base::quoted(node.domain));
}

Node GraphImporter::node_of(const wire::Node& node) {
  Node result{.op_type = node.op_type,
              .domain = node.domain,
              .name = node.name,
              .version = version_of(node),
              .inputs = node.inputs,
              .outputs = node.outputs};
  for (const std::string& output : node.outputs) {
    const auto use = model_.names.uses.find(output);
    const bool used = !output.empty() && use != model_.names.uses.end();
    result.wanted.push_back(used);
    result.read.push_back(used && use->second);
  }
  for (const wire::Attribute& attribute : node.attributes)
    result.attributes.push_back({attribute.name, value_of(attribute)});
  for (std::string& output : result.outputs) output = whole_name(output);
  return result;
}

void GraphImporter::report(const void* thing, const std::string& what, const wire::Node* node) {
  const bool outermost = node && !around_;
  if (!is_unneeded(thing))
    return model_.problems.add(what, node, outermost ? node - graph_.nodes.data() : -1);
  base::log(LogLevel::warn, "{}: left out, for no output needs it: {}", model_.file, what);
}

// A node that cannot be imported, or that reads what one would have made, has outputs without a
// value; so the nodes after it are still looked at.
void GraphImporter::import(const wire::Node& wire_node) {
  for (const std::string& output : wire_node.outputs) define(output, ir::absent);
  const auto inputs = operands(wire_node);
  const Node node = node_of(wire_node);
  if (!inputs || !find_import(node)) {
    if (inputs && is_unneeded(&wire_node)) report(&wire_node, "unsupported op " + label(node));
    return;
  }
  if (renames_initializer(wire_node)) return add_second_name(wire_node);
  try {
    const Outputs outputs = import_node(node, state_, *inputs);
    for (size_t i = 0; i < std::min(outputs.size(), wire_node.outputs.size()); ++i)
      if (!wire_node.outputs[i].empty()) define(wire_node.outputs[i], outputs[i]);
  } catch (const Unsupported& unsupported) {
    if (!unsupported.what.empty()) report(&wire_node, unsupported.what, &wire_node);
  } catch (const Error& error) {
    if (!is_unneeded(&wire_node)) throw;
    report(&wire_node, error.what());
  }
}

std::optional<std::vector<ir::ValueId>> GraphImporter::operands(const wire::Node& node) {
  std::vector<ir::ValueId> ids;
  for (const std::string& name : node.inputs) {
    ids.push_back(name.empty() ? ir::absent : value(name));
    if (!name.empty() && ids.back() == ir::absent) return std::nullopt;
  }
  for (const wire::Attribute& attribute : node.attributes) {
    if (!attribute.graph) continue;
    for (const std::string& name : free_names(*attribute.graph))
      if (!find(name)) return std::nullopt;
  }
  return ids;
}

}  // namespace tenon::onnx
