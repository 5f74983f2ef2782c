#include "onnx_import.h"

#include <algorithm>

namespace tenon::trt {

using nvinfer1::ErrorCode;
using nvinfer1::Weights;

namespace {

constexpr int64_t onnx_double = 11, onnx_float = 1;

template <class F>
void for_each_body(const OnnxNode& node, F&& visit) {
  for (const auto& [key, attribute] : node.attributes)
    if (const auto* body = std::get_if<std::shared_ptr<const OnnxGraph>>(&attribute))
      visit(key, **body);
}

std::vector<std::string> reads(const OnnxNode& node) {
  std::vector<std::string> names = node.inputs;
  for_each_body(node, [&](const std::string&, const OnnxGraph& body) {
    const auto inside = free_names(body);
    names.insert(names.end(), inside.begin(), inside.end());
  });
  return names;
}

std::optional<DataType> door_type(DType dtype) {
  switch (dtype) {
    case DType::f64: return DataType::kFLOAT;
    case DType::u64:
    case DType::u32:
    case DType::u16:
    case DType::i16: return std::nullopt;
    default: return type_of(dtype);
  }
}

std::vector<std::string> refittable_leaves(const OnnxModel& model) {
  std::vector<std::string> names;
  for (const LeafInfo& leaf : load_onnx(model).leaves())
    if (leaf.refittable) names.push_back(leaf.name);
  return names;
}

}  // namespace

std::set<std::string> free_names(const OnnxGraph& graph) {
  std::set<std::string> free, defined;
  for (const OnnxTensor& each : graph.initializers) defined.insert(each.name);
  for (const OnnxPort& each : graph.inputs) defined.insert(each.name);
  for (const OnnxNode& node : graph.nodes) {
    for (const std::string& each : reads(node))
      if (!each.empty() && !defined.contains(each)) free.insert(each);
    defined.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const OnnxPort& each : graph.outputs)
    if (!defined.contains(each.name)) free.insert(each.name);
  return free;
}

OnnxImport::OnnxImport(NetworkImpl& network, const OnnxModel& model)
    : network_(network), model_(model) {
  const std::vector<std::string> names = refittable_leaves(model);
  refittable_.insert(names.begin(), names.end());
  for (auto& [name, leaf] : leaves_of(model.graph(), refittable_)) {
    const bool free = refittable_.contains(leaf.name);
    values_[name] = {.leaf = std::move(leaf), .refittable = free};
  }
  for (int32_t i = 0; i < network.getNbLayers(); ++i)
    layer_names_.insert(network.getLayer(i)->getName());
}

void OnnxImport::run() {
  inputs();
  const std::vector<bool> needs = needed();
  const std::vector<OnnxNode>& nodes = model_.graph().nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    index_ = static_cast<int64_t>(i);
    if (needs[i]) import(nodes[i]);
  }
  mark_outputs();
}

// From the outputs backwards: what none of them needs becomes no layer.
std::vector<bool> OnnxImport::needed() const {
  const OnnxGraph& graph = model_.graph();
  std::set<std::string> wanted;
  for (const OnnxPort& each : graph.outputs) wanted.insert(each.name);
  std::vector<bool> needs(graph.nodes.size());
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const OnnxNode& node = graph.nodes[i];
    needs[i] = std::ranges::any_of(node.outputs, [&](const std::string& each) {
      return !each.empty() && wanted.contains(each);
    });
    if (!needs[i]) continue;
    for (const std::string& each : reads(node)) wanted.insert(each);
  }
  return needs;
}

void OnnxImport::inputs() {
  for (const OnnxPort& port : model_.graph().inputs) {
    if (values_.contains(port.name)) continue;  // an initializer that could be given
    const std::string what = "input \"" + port.name + "\"";
    const auto type = port.dtype ? door_type(*port.dtype) : std::nullopt;
    if (!type)
      refuse(ErrorCode::kUNSUPPORTED_STATE, what + " is of type " + port.type +
                                                ", which no DataType is; cut the model behind it, "
                                                "or use Tenon's own interface");
    if (!port.extents)
      refuse(ErrorCode::kUNSUPPORTED_STATE, what + " is of unknown rank; give it a shape");
    Dims dims{static_cast<int32_t>(port.extents->size()), {}};
    if (port.extents->size() > Dims::MAX_DIMS)
      refuse(ErrorCode::kUNSUPPORTED_STATE, what + " has more than 8 axes");
    for (int32_t i = 0; i < dims.nbDims; ++i)
      dims.d[i] = (*port.extents)[index(i)].name.empty() ? (*port.extents)[index(i)].value : -1;
    TensorImpl& made = network_.add_input(port.name, *type, dims);
    for (int32_t i = 0; i < dims.nbDims; ++i)
      made.dim_names[index(i)] = (*port.extents)[index(i)].name;
    values_[port.name].tensor = &made;
  }
}

void OnnxImport::mark_outputs() {
  std::set<std::string> input_names;
  for (int32_t i = 0; i < network_.getNbInputs(); ++i)
    input_names.insert(network_.getInput(i)->getName());
  TensorImpl* last = nullptr;
  for (const OnnxPort& port : model_.graph().outputs) {
    TensorImpl* made = &tensor(port.name);
    if (made->producer == nullptr || network_.is_output(*made) || value(port.name).leaf) {
      Identity& layer = network_.emplace<Identity>("Identity", {made}, 1);
      layer.name = unique("identity_of_" + port.name);
      made = layer.outputs[0].get();
    }
    made->name = (input_names.contains(port.name) ? "__" : "") + port.name;
    network_.add_output(*made);
    last = made;
  }
  if (last != nullptr) network_.move_to_end(*last->producer);
}

std::string OnnxImport::unique(const std::string& name) {
  std::string made = name;
  for (int n = 1; !layer_names_.insert(made).second; ++n) made = name + "_" + std::to_string(n);
  return made;
}

OnnxValue& OnnxImport::value(const std::string& name) {
  const auto found = values_.find(name);
  if (found == values_.end()) refuse("\"" + name + "\" is read before anything makes it");
  return found->second;
}

const Tensor& OnnxImport::bytes(OnnxValue& value) {
  if (!value.read) value.read = network_.keep(value.leaf->read());
  return *value.read;
}

// A type that no DataType is stays inside a layer that nothing can look into.
TensorImpl& OnnxImport::constant_layer(OnnxValue& value) {
  const Tensor& tensor = bytes(value);
  LayerCore* layer = nullptr;
  if (door_type(tensor.dtype()) && tensor.shape().size() <= Dims::MAX_DIMS) {
    const Weights weights{type_of(tensor.dtype()), tensor.data(), element_count(tensor.shape())};
    Constant& made =
        network_.emplace<Constant>("Constant", {}, 1, dims_of(tensor.shape()), weights);
    if (!value.refittable) made.freeze();
    layer = &made;
    if (value.refittable) network_.name_weights(weights, value.leaf->name);
  } else {
    layer = &network_.emplace<Opaque>(
        "Constant", {}, 1,
        OnnxOp{.op = "Constant", .attributes = {{"value", tensor}}, .wanted = {true}});
  }
  layer->name = unique(value.leaf->name);
  layer->outputs[0]->name = value.leaf->name;
  return *(value.tensor = layer->outputs[0].get());
}

TensorImpl& OnnxImport::tensor(const std::string& name) {
  OnnxValue& found = value(name);
  return found.tensor != nullptr ? *found.tensor : constant_layer(found);
}

TensorImpl& OnnxImport::captured(const std::string& name) {
  if (!name.starts_with("\n")) return tensor(name);
  OnnxValue& found = hoisted_.at(name.substr(1));
  return found.tensor != nullptr ? *found.tensor : constant_layer(found);
}

size_t OnnxImport::outputs() const {
  size_t count = node_->outputs.size();
  while (count > 0 && node_->outputs[count - 1].empty()) --count;
  return count;
}

std::optional<Weights> OnnxImport::weights(size_t i) {
  if (!has(i)) return std::nullopt;
  OnnxValue& found = value(node_->inputs[i]);
  if (!found.leaf || !found.refittable) return std::nullopt;
  const Tensor& tensor = bytes(found);
  return Weights{type_of(tensor.dtype()), tensor.data(), element_count(tensor.shape())};
}

Dims OnnxImport::dims_of_operand(size_t i) {
  OnnxValue& found = value(node_->inputs[i]);
  if (found.leaf && bytes(found).shape().size() <= Dims::MAX_DIMS)
    return dims_of(bytes(found).shape());
  return dims(i);
}

std::optional<std::vector<int64_t>> OnnxImport::ints(size_t i) {
  if (!has(i)) return std::nullopt;
  OnnxValue& found = value(node_->inputs[i]);
  if (!found.leaf || found.refittable) return std::nullopt;
  const Tensor& tensor = bytes(found);
  if (tensor.dtype() == DType::i64) {
    const auto all = tensor.as<int64_t>();
    return std::vector<int64_t>(all.begin(), all.end());
  }
  if (tensor.dtype() != DType::i32) return std::nullopt;
  const auto all = tensor.as<int32_t>();
  return std::vector<int64_t>(all.begin(), all.end());
}

std::optional<float> OnnxImport::number(size_t i) {
  if (!has(i)) return std::nullopt;
  OnnxValue& found = value(node_->inputs[i]);
  if (!found.leaf || found.refittable) return std::nullopt;
  const Tensor& tensor = bytes(found);
  if (tensor.dtype() != DType::f32 || element_count(tensor.shape()) != 1) return std::nullopt;
  return tensor.as<float>()[0];
}

namespace {

template <class T, class Otherwise>
T found_or(const OnnxNode& node, const std::string& key, const Otherwise& otherwise) {
  const auto found = node.attributes.find(key);
  if (found == node.attributes.end()) return otherwise;
  const T* value = std::get_if<T>(&found->second);
  return value != nullptr ? *value : otherwise;
}

}  // namespace

int64_t OnnxImport::attribute(const std::string& key, int64_t otherwise) const {
  return found_or<int64_t>(*node_, key, otherwise);
}
float OnnxImport::attribute(const std::string& key, float otherwise) const {
  return found_or<float>(*node_, key, otherwise);
}
std::string OnnxImport::attribute(const std::string& key, const char* otherwise) const {
  return found_or<std::string>(*node_, key, otherwise);
}
std::vector<int64_t> OnnxImport::attribute(const std::string& key,
                                           std::vector<int64_t> otherwise) const {
  return found_or<std::vector<int64_t>>(*node_, key, otherwise);
}

void OnnxImport::done(LayerCore& layer) {
  const size_t count = std::min(layer.outputs.size(), node_->outputs.size());
  for (size_t i = 0; i < count; ++i) {
    if (node_->outputs[i].empty()) continue;
    layer.outputs[i]->name = node_->outputs[i];
    values_[node_->outputs[i]].tensor = layer.outputs[i].get();
  }
}

void OnnxImport::import(const OnnxNode& node) try {
  node_ = &node;
  const bool is_leaf = node.outputs.size() == 1 && values_.contains(node.outputs[0]);
  if (is_leaf) return;  // a Constant, or an initializer's second name
  const OnnxLayers layers = is_plain(node) ? layers_for(node.op) : nullptr;
  if (layers == nullptr || !layers(*this)) opaque();
} catch (const OnnxRefusal&) {
  throw;
} catch (const std::exception& failure) {
  throw OnnxRefusal(node, index_, failure.what());
}

void OnnxImport::opaque() {
  const OnnxOp op = op_of(*node_, "");
  std::vector<TensorImpl*> operands, captures;
  for (size_t i = 0; i < node_->inputs.size(); ++i)
    operands.push_back(has(i) ? &operand(i) : nullptr);
  for (const std::string& each : captures_of(op.bodies)) captures.push_back(&captured(each));
  Opaque& layer = add_with_outputs<Opaque>("Plugin", {}, node_->outputs.size(), op);
  layer.set_operands(operands, captures);
  done(layer);
}

OnnxOp OnnxImport::op_of(const OnnxNode& node, const std::string& path) {
  OnnxOp made{.op = node.op, .version = model_.opset()};
  for (const auto& [key, attribute] : node.attributes) {
    if (const auto* body = std::get_if<std::shared_ptr<const OnnxGraph>>(&attribute))
      made.bodies.emplace(key, body_of(**body, node, path + called(node) + "/" + key + "/"));
    else if (!std::holds_alternative<std::monostate>(attribute))
      made.attributes.emplace(key, attribute_of(node, key, attribute));
  }
  for (const std::string& each : node.outputs) made.wanted.push_back(!each.empty());
  return made;
}

// There is no f64 in the door: what would make one makes f32.
Attribute OnnxImport::attribute_of(const OnnxNode& node, const std::string& key,
                                   const OnnxAttribute& from) {
  const bool is_type = (node.op == "Cast" && key == "to") || key == "dtype";
  return std::visit(
      [&](const auto& value) -> Attribute {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, OnnxTensor>)
          return network_.keep(narrowed(value.read()));
        else if constexpr (std::is_same_v<T, int64_t>)
          return is_type && value == onnx_double ? onnx_float : value;
        else if constexpr (std::is_same_v<T, float>)
          return static_cast<double>(value);
        else if constexpr (std::is_same_v<T, std::monostate> ||
                           std::is_same_v<T, std::shared_ptr<const OnnxGraph>>)
          refuse("attribute \"" + key + "\" is of a kind that layers do not have");
        else
          return value;
      },
      from);
}

std::shared_ptr<const OnnxBody> OnnxImport::body_of(const OnnxGraph& graph, const OnnxNode& around,
                                                    const std::string& path) {
  auto body = std::make_shared<OnnxBody>();
  for (auto& [name, leaf] : leaves_of(graph, refittable_, path)) {
    if (refittable_.contains(leaf.name)) {
      body->hoisted.emplace(name, leaf.name);
      hoisted_[leaf.name] = {.leaf = leaf, .refittable = true};
    } else {
      body->frozen.emplace(name, leaf.read());
    }
  }
  std::set<std::string> captures = free_names(graph);
  for (const auto& [name, whole] : body->hoisted) captures.insert(OnnxBody::mark(whole));
  for (const OnnxNode& node : graph.nodes) {
    const bool is_leaf = node.outputs.size() == 1 && (body->frozen.contains(node.outputs[0]) ||
                                                      body->hoisted.contains(node.outputs[0]));
    if (is_leaf) continue;
    OnnxOp op = op_of(node, path);
    for (const auto& [key, inner] : op.bodies)
      for (const std::string& each : inner->captures)
        if (each.starts_with("\n")) captures.insert(each);
    body->nodes.push_back({node.op, node.name, op.version, node.inputs, node.outputs,
                           std::move(op.attributes), std::move(op.bodies)});
  }
  body->formals = graph.inputs;
  for (const OnnxPort& each : graph.outputs) body->outputs.push_back(each.name);
  body->captures.assign(captures.begin(), captures.end());
  if (around.op == "Scan")
    body->scanned = static_cast<size_t>(found_or<int64_t>(around, "num_scan_inputs", int64_t{0}));
  return body;
}

}  // namespace tenon::trt
