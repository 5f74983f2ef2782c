// A network under construction as the graph in an attribute.
#include "onnx/draft_body.h"

#include "base/error.h"
#include "base/text.h"
#include "ir/elements.h"
#include "ir/rewrite.h"

namespace tenon::onnx {
namespace {

using ir::Dim;
using ir::ValueId;
using ir::ValueType;

class DraftBody : public Body {
 public:
  DraftBody(const Draft& network, Draft& around, std::string what)
      : graph_(ir::GraphBuilder(network.builder).finish()),
        leaves_(network.leaves),
        around_(around),
        what_(std::move(what)) {}

  std::vector<ValueId> captures(size_t formals) const override {
    if (graph_.inputs().size() < formals)
      base::fail(ErrorCode::build, "{} has {} inputs, and its node gives {}", what_,
                 graph_.inputs().size(), formals);
    std::vector<ValueId> ids;
    for (size_t i = formals; i < graph_.inputs().size(); ++i)
      if (const ValueId id = named_around(i); !seen_by_name(around_.builder.value(id)))
        ids.push_back(id);
    return ids;
  }

  std::vector<ValueId> import(ir::GraphBuilder& builder, std::span<const ValueId> inputs,
                              size_t formals) const override {
    std::vector<ValueId> values(inputs.begin(), inputs.begin() + static_cast<ptrdiff_t>(formals));
    for (size_t i = formals, captured = formals; i < graph_.inputs().size(); ++i) {
      const ir::GraphValue& value = around_.builder.value(named_around(i));
      values.push_back(seen_by_name(value) ? see(value, builder) : inputs[captured++]);
    }
    for (const auto& [name, leaf] : leaves_.rows()) {
      const auto source = leaves_.sources().find(name);
      around_.leaves.add(
          builder, leaf,
          source == leaves_.sources().end() ? std::nullopt : std::optional(source->second));
    }
    return ir::splice(builder, graph_, values, extents(builder, values));
  }

 private:
  const std::string& name(size_t i) const { return graph_.value(graph_.inputs()[i]).name; }

  // The last value so called.
  ValueId named_around(size_t i) const {
    for (size_t id = around_.builder.mark().values; id-- > 0;)
      if (around_.builder.value(static_cast<ValueId>(id)).name == name(i))
        return static_cast<ValueId>(id);
    base::fail(ErrorCode::build,
               "{}: input {} is none that the node gives, and no value around has its name: name "
               "that value when you add its node, or take the input away",
               what_, base::quoted(name(i)));
  }

  // What the names in the inputs' types stand for; what must be equal then, each run checks.
  std::map<std::string, Dim> extents(ir::GraphBuilder& builder,
                                     std::span<const ValueId> values) const {
    std::map<std::string, Dim> bindings;
    for (size_t i = 0; i < values.size(); ++i) {
      const ValueType &declared = graph_.type(graph_.inputs()[i]), given = builder.type(values[i]);
      if (given.dtype != declared.dtype || given.kind != declared.kind || !given.dims ||
          given.rank() != declared.rank())
        base::fail(ErrorCode::build, "{}: input {} is {}, and it is given {}", what_,
                   base::quoted(name(i)), declared.text(), given.text());
      for (size_t axis = 0; axis < given.rank(); ++axis) {
        const Dim &left = (*declared.dims)[axis], &right = (*given.dims)[axis];
        if (!left.is_constant() && bindings.emplace(left.text(), right).second) continue;
        const ir::Constraint equal{
            ir::Constraint::Kind::equal, left.substitute(bindings), right,
            fmt::format("{}: axis {} of input {}", what_, axis, base::quoted(name(i)))};
        builder.require({&equal, 1});
      }
    }
    return bindings;
  }

  ir::Graph graph_;
  const LeafTable& leaves_;
  Draft& around_;
  std::string what_;
};

}  // namespace

bool seen_by_name(const ir::GraphValue& value) {
  return value.origin == ir::Origin::weight || value.origin == ir::Origin::constant ||
         ir::known_bytes(value.value).has_value();
}

ValueId see(const ir::GraphValue& value, ir::GraphBuilder& body) {
  const ValueType& type = value.value.type;
  if (value.origin == ir::Origin::weight) return body.weight(value.name, type);
  if (value.origin == ir::Origin::constant) return body.constant(value.name, type, value.bytes);
  return body.constant(type.dtype, type.shape(), *ir::known_bytes(value.value));
}

std::shared_ptr<const Body> body_of(const Draft& network, Draft& around, std::string what) {
  return std::make_shared<const DraftBody>(network, around, std::move(what));
}

}  // namespace tenon::onnx
