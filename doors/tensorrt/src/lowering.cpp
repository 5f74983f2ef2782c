#include "lowering.h"

#include "convert.h"
#include "network.h"
#include "report.h"

namespace tenon::trt {

Value Lowering::value(const TensorImpl& tensor) {
  if (const auto found = values_.find(&tensor); found != values_.end()) return found->second;
  if (!open_.insert(&tensor).second)
    refuse("layer \"" + tensor.producer->name + "\" reads what is made from its own output");
  Value made;
  try {
    if (tensor.producer != nullptr) {
      made = tensor.producer->lower(*this);
    } else {
      std::vector<Extent> extents;
      for (const int64_t extent : shape_of(tensor.dims, tensor.name, -1))
        extents.push_back(extent >= 0 ? Extent(extent) : Extent(fresh("d")));
      made = net_.input(tensor.name, dtype_of(tensor.type, tensor.name), extents);
    }
  } catch (...) {
    open_.erase(&tensor);
    throw;
  }
  open_.erase(&tensor);
  return values_[&tensor] = made;
}

Value Lowering::add(const LayerCore& layer, const std::string& op, const std::vector<Value>& inputs,
                    const Attributes& attributes) {
  return net_.add(op, inputs, attributes, {.name = layer.name})[0];
}

Value Lowering::leaf(const nvinfer1::Weights& weights, const Shape& shape, const std::string& what,
                     bool refittable) {
  const DType dtype = dtype_of(weights.type, what);
  if (weights.values == nullptr && weights.count > 0)
    refuse(what + ": values is null, count is " + std::to_string(weights.count));
  const TensorView view(weights.values, dtype, shape);
  if (names_ == nullptr && is_floating(dtype)) return net_.weight(fresh("probe."), dtype, shape);
  if (names_ == nullptr || !refittable || !is_floating(dtype))
    return net_.constant(fresh("tenon.constant."), view);
  const auto named = names_->find(weights);
  return named == names_->end() ? net_.borrow(fresh("tenon.frozen."), view)
                                : net_.borrow(named->second, view);
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
  return first_shape == shape ? value : net_.add("Reshape", {value, ints(shape)})[0];
}

Value Lowering::ints(const std::vector<int64_t>& values) {
  const Shape shape{static_cast<int64_t>(values.size())};
  return net_.constant(fresh("tenon.ints."), {values.data(), DType::i64, shape});
}

Value Lowering::scalar(const LayerCore& layer, double value, Value like) {
  const auto single = static_cast<float>(value);
  const Value made = net_.constant(fresh("tenon.scalar."), {&single, DType::f32, {}});
  return info(like).dtype == DType::f32 ? made : add(layer, "CastLike", {made, like});
}

}  // namespace tenon::trt
