// Network::add(): nodes as ONNX defines them, by the importer's functions.
#include "api/network_impl.h"
#include "base/error.h"
#include "base/text.h"
#include "onnx/draft_body.h"
#include "onnx/import_node.h"

namespace tenon {
namespace {

onnx::TensorValue tensor_value(const TensorView& view) {
  weights::TensorSource copy = weights::copy_of(view);
  if (view.dtype != DType::string) return {std::move(copy), std::string(to_string(view.dtype))};
  std::vector<const std::string*> elements(static_cast<size_t>(element_count(view.shape)));
  copy.bytes->read(copy.offset, {reinterpret_cast<std::byte*>(elements.data()), copy.size()});
  onnx::TensorValue texts{.type = "STRING", .shape = view.shape};
  for (const std::string* text : elements) texts.strings.push_back(text ? *text : std::string());
  return texts;
}

onnx::AttributeValue neutral(const Attribute& attribute, const std::string& what,
                             onnx::Draft& around) {
  const auto convert = [&](const auto& value) -> onnx::AttributeValue {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, TensorView>)
      return tensor_value(value);
    else if constexpr (std::is_same_v<T, std::shared_ptr<const Network>>)
      return onnx::body_of(value->impl()->draft, around, what);
    else
      return value;
  };
  return std::visit(convert, attribute.value);
}

onnx::Node node_of(const std::string& op, const Attributes& attributes, const NodeOptions& options,
                   onnx::Draft& around) {
  onnx::Node node{
      .op_type = op,
      .domain = options.domain,
      .name = options.name,
      .version = options.version ? options.version : onnx::newest_version(options.domain),
      .outputs = options.outputs};
  if (node.outputs.empty()) node.outputs.emplace_back();
  node.wanted.assign(node.outputs.size(), true);
  for (const auto& [name, value] : attributes)
    node.attributes.push_back(
        {name, neutral(value, fmt::format("network: {}: {}", onnx::label(node), name), around)});
  return node;
}

void check_op(const onnx::Node& node) {
  const auto refuse = [&](const std::string& what) {
    throw onnx::Unsupported{onnx::label(node) + ": " + what};
  };
  if (!onnx::find_import(node)) {
    const std::string nearest = base::nearest(node.op_type, onnx::op_types());
    refuse("there is no such op; " + (nearest.empty() ? "names and domains are ONNX's"
                                                      : "the nearest is " + base::quoted(nearest)));
  }
  if (node.version < onnx::oldest_opset || node.version > onnx::newest_opset)
    refuse(fmt::format("version {} is outside {} to {}; leave it out for the newest", node.version,
                       onnx::oldest_opset, onnx::newest_opset));
}

// The value's name, where a message can use it.
std::string name_of(const ir::GraphBuilder& builder, ir::ValueId id) {
  const std::string name = id == ir::absent ? "" : builder.value(id).name;
  return name.starts_with('#') ? "" : name;
}

onnx::Outputs import(Network::Impl& impl, onnx::Node node,
                     const std::vector<Network::Value>& inputs) {
  check_op(node);
  std::vector<ir::ValueId> ids;
  for (const Network::Value& value : inputs) {
    const std::string what = fmt::format("network: {}: operand {}", onnx::label(node), ids.size());
    ids.push_back(value.network ? impl.id_of(value, what) : ir::absent);
    node.inputs.push_back(name_of(impl.draft.builder, ids.back()));
  }
  onnx::ImportState state{impl.draft.builder, impl.draft.leaves};
  return onnx::import_node(node, state, std::move(ids));
}

}  // namespace

std::vector<Network::Value> Network::add(const std::string& op, const std::vector<Value>& inputs,
                                         const Attributes& attributes,
                                         const NodeOptions& options) try {
  return impl_->all_or_nothing([&] {
    std::vector<Value> values;
    for (const ir::ValueId id :
         import(*impl_, node_of(op, attributes, options, impl_->draft), inputs))
      values.push_back(impl_->made(id));
    for (const auto& [name, attribute] : attributes) impl_->take_borrowed(attribute);
    return values;
  });
} catch (const onnx::Unsupported& unsupported) {
  throw BuildError(ErrorCode::unsupported, "network: " + unsupported.what);
} catch (const BuildError&) {
  throw;
} catch (const Error& error) {  // import functions know files, and readers of tensors no networks
  const bool lacking = error.code() == ErrorCode::unsupported;
  throw BuildError(lacking ? ErrorCode::unsupported : ErrorCode::build,
                   std::string("network: ") + error.what());
}

}  // namespace tenon
