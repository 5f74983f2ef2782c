#include "lowering.h"

#include "convert.h"
#include "layer.h"
#include "report.h"

namespace tenon::trt {

// What a layer reads comes first, by a list of what waits: networks are deeper than the stack.
Value Lowering::value(const TensorImpl& wanted) {
  std::vector<const TensorImpl*> waiting{&wanted};
  try {
    while (!waiting.empty()) {
      const TensorImpl& tensor = *waiting.back();
      if (!values_.contains(&tensor)) {
        if (around_ != nullptr && !inside_(tensor)) {
          capture(tensor);
        } else {
          if (push_inputs(tensor, waiting)) continue;
          lower(tensor);
        }
      }
      open_.erase(&tensor);
      waiting.pop_back();
    }
  } catch (...) {
    open_.clear();
    throw;
  }
  return values_.at(&wanted);
}

void Lowering::layer(const LayerCore& layer) {
  if (!layer.outputs.empty()) {
    value(*layer.outputs[0]);
    return;
  }
  for (const TensorImpl* input : layer.reads())
    if (input != nullptr) value(*input);
  layer.lower_all(*this);
}

bool Lowering::push_inputs(const TensorImpl& tensor, std::vector<const TensorImpl*>& waiting) {
  if (tensor.producer == nullptr || !open_.insert(&tensor).second) return false;
  const size_t before = waiting.size();
  for (const TensorImpl* input : tensor.producer->reads()) {
    if (input == nullptr || values_.contains(input)) continue;
    if (open_.contains(input))
      refuse("layer \"" + input->producer->name + "\" reads what is made from its own output");
    waiting.push_back(input);
  }
  return waiting.size() > before;
}

void Lowering::lower(const TensorImpl& tensor) {
  if (tensor.producer != nullptr) {
    std::vector<Value> made = tensor.producer->lower_all(*this);
    for (const auto& [i, type] : tensor.producer->output_types)
      made.at(static_cast<size_t>(i)) = cast(*this, *tensor.producer, made[static_cast<size_t>(i)],
                                             dtype_of(type, tensor.producer->name));
    for (size_t i = 0; i < tensor.producer->outputs.size(); ++i)
      values_[tensor.producer->outputs[i].get()] = made.at(i);
    return;
  }
  std::vector<Extent> extents;
  const Shape shape = shape_of(tensor.dims, tensor.name, -1);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const std::string& name = tensor.dim_names[axis];
    if (shape[axis] >= 0)
      extents.emplace_back(shape[axis]);
    else
      extents.emplace_back(name.empty() ? fresh("tenon_d") : name);
  }
  const DType dtype = dtype_of(tensor.type, tensor.name);
  values_[&tensor] = called(net_.input(tensor.name, dtype, extents), tensor.name);
}

ValueInfo with_plain_extents(ValueInfo type, std::map<std::string, std::string>& names,
                             Lowering& to) {
  for (size_t axis = 0; type.extents && axis < type.extents->size(); ++axis) {
    Extent& extent = (*type.extents)[axis];
    if (extent.name.empty()) continue;
    std::string& name = names[extent.name];
    if (name.empty()) name = to.fresh("tenon_b");
    extent = Extent(name);
  }
  return type;
}

Value Lowering::formal(const ValueInfo& type) {
  if (!type.extents)
    refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
           "a value of unknown rank goes into a loop or branch");
  const std::string name = fresh("tenon.formal.");
  return called(net_.input(name, type.dtype, *type.extents), name);
}

void Lowering::capture(const TensorImpl& tensor) {
  const Value outer = around_->value(tensor);
  if (same_) {
    values_[&tensor] = outer;
    return;
  }
  const std::string& name = around_->name_of(outer);
  const auto here = captured_.find(name);
  if (here != captured_.end()) {
    values_[&tensor] = here->second;
    return;
  }
  const ValueInfo type = with_plain_extents(around_->info(outer), extents_, *this);
  if (!type.extents)
    refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
           "\"" + tensor.name + "\", of unknown rank, goes into a loop or branch");
  values_[&tensor] = captured_[name] = called(net_.input(name, type.dtype, *type.extents), name);
}

Value Lowering::called(Value value, const std::string& name) {
  value_names_.emplace(value.id, name);
  if (same_) around_->called(value, name);
  return value;
}

Value Lowering::named(const std::string& name, const TensorView& view) {
  return called(net_.constant(name, view), name);
}

Value Lowering::add(const LayerCore& layer, const std::string& op, const std::vector<Value>& inputs,
                    const Attributes& attributes) {
  return add_node(layer, op, inputs, attributes, {.outputs = {"y"}})[0];
}

std::vector<Value> Lowering::add_node(const LayerCore& layer, const std::string& op,
                                      const std::vector<Value>& inputs,
                                      const Attributes& attributes, NodeOptions options) {
  options.name = layer.name;
  for (std::string& output : options.outputs)
    if (!output.empty()) output = fresh("tenon.value.");
  const std::vector<Value> values = net_.add(op, inputs, attributes, options);
  for (size_t i = 0; i < values.size() && i < options.outputs.size(); ++i)
    called(values[i], options.outputs[i]);
  return values;
}

Value Lowering::leaf(const nvinfer1::Weights& weights, const Shape& shape, const std::string& what,
                     bool refittable) {
  const DType dtype = dtype_of(weights.type, what);
  if (weights.values == nullptr && weights.count > 0)
    refuse(what + ": values is null, count is " + std::to_string(weights.count));
  const TensorView view(weights.values, dtype, shape);
  if (!refittable || !is_floating(dtype)) return constant(view);
  if (names_ == nullptr) {
    const std::string name = fresh("probe.");
    return called(net_.weight(name, dtype, shape), name);
  }
  const auto found = names_->find(weights);
  const std::string name = found == names_->end() ? fresh("tenon.frozen.") : found->second;
  return called(net_.borrow(name, view), name);
}

Value Lowering::weights(const nvinfer1::Weights& weights, const Shape& shape,
                        const std::string& what, bool refittable) {
  if (element_count(shape) != weights.count)
    refuse(what + " has " + std::to_string(weights.count) + " values, its shape " +
           tenon::to_string(shape) + " needs " + std::to_string(element_count(shape)));
  if (!refittable) return leaf(weights, shape, what, false);
  auto found = leaves_.find(weights);
  if (found == leaves_.end())
    found = leaves_.emplace(weights, std::pair{leaf(weights, shape, what, true), shape}).first;
  const auto& [value, first_shape] = found->second;
  return first_shape == shape
             ? value
             : called(net_.add("Reshape", {value, ints(shape)})[0], fresh("tenon.value."));
}

Value Lowering::ints(const std::vector<int64_t>& values) {
  const Shape shape{static_cast<int64_t>(values.size())};
  return constant({values.data(), DType::i64, shape});
}

Value Lowering::scalar(const LayerCore& layer, double value, Value like) {
  const auto single = static_cast<float>(value);
  const Value made = constant({&single, DType::f32, {}});
  return info(like).dtype == DType::f32 ? made : add(layer, "CastLike", {made, like});
}

}  // namespace tenon::trt
