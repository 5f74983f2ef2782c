#include "layers_value.h"

#include <limits>

namespace tenon::trt {

using nvinfer1::ErrorCode;

Value Einsum::lower(Lowering& to) const {
  std::vector<Value> operands;
  for (size_t i = 0; i < inputs.size(); ++i) operands.push_back(input(to, i));
  return to.add(*this, "Einsum", operands, {{"equation", equation_}});
}

template <class Interface, nvinfer1::LayerType kType>
void Quantized<Interface, kType>::init(DataType type) {
  const DType dtype = dtype_of(type, layer_text(*this));
  if (kQuantizes != (dtype == DType::i8))
    refuse(layer_text(*this) + ": " + to_string(type) +
           (kQuantizes ? " is no type to quantize to; give kINT8" : " is no type of a product"));
  type_ = type;
}

template <class Interface, nvinfer1::LayerType kType>
bool Quantized<Interface, kType>::setBlockShape(Dims const&) noexcept {
  return this->edit("setBlockShape", [&] {
    refuse(ErrorCode::kUNSUPPORTED_STATE, layer_text(*this) + ": Tenon has no scales of blocks");
  });
}

// A scale of one element is that of the whole tensor, whichever its rank is. The zero point says
// the type.
template <class Interface, nvinfer1::LayerType kType>
Value Quantized<Interface, kType>::lower(Lowering& to) const {
  Value scale = this->input(to, 1);
  const Dims extents = dims_of(to.info(scale).extents);
  if (extents.nbDims == 1 && extents.d[0] == 1)
    scale = to.add(*this, "Squeeze", {scale, to.ints({0})});
  const int64_t rank = static_cast<int64_t>(this->rank(to));
  const bool plain = extents.nbDims == 0 || extents.d[0] == 1;
  if (!plain && (axis_ < 0 || axis_ >= rank))
    refuse(layer_text(*this) + ": axis " + std::to_string(axis_) + " is outside rank " +
           std::to_string(rank) + "; a scale of several elements needs one");
  std::vector<Value> operands{this->input(to), scale};
  if (kQuantizes) {
    const Shape shape = plain ? Shape{} : Shape{extents.d[0]};
    const std::vector<int8_t> zeros(index(element_count(shape)));
    operands.push_back(to.constant({zeros.data(), DType::i8, shape}));
  }
  Attributes attributes;
  if (!plain) attributes.emplace("axis", axis_);
  const Value made =
      to.add(*this, kQuantizes ? "QuantizeLinear" : "DequantizeLinear", operands, attributes);
  return cast(to, *this, made, dtype_of(type_, layer_text(*this)));
}

template class Quantized<nvinfer1::IQuantizeLayer, nvinfer1::LayerType::kQUANTIZE>;
template class Quantized<nvinfer1::IDequantizeLayer, nvinfer1::LayerType::kDEQUANTIZE>;

void Normalization::init(uint32_t axes, bool v2) {
  if (axes == 0) refuse(layer_text(*this) + ": the mask has no bit; set one for each axis");
  axes_ = axes, v2_ = v2;
}

Value Normalization::normalized(Lowering& to, Value x, Value axes) const {
  const auto mean = [&](Value of) { return to.add(*this, "ReduceMean", {of, axes}); };
  const Value centred = to.add(*this, "Sub", {x, mean(x)});
  const Value variance = mean(to.add(*this, "Mul", {centred, centred}));
  const Value deviation = to.add(
      *this, "Sqrt", {to.add(*this, "Add", {variance, to.scalar(*this, epsilon_, variance)})});
  return to.add(*this, "Div", {centred, deviation});
}

Value Normalization::scaled(Lowering& to, Value x) const {
  return to.add(*this, "Add", {to.add(*this, "Mul", {x, input(to, 1)}), input(to, 2)});
}

Value Normalization::lower(Lowering& to) const {
  const std::string what = layer_text(*this);
  if (groups_ != 1) return grouped(to);
  return scaled(to, normalized(to, input(to), to.ints(axes_of(axes_, rank(to), what))));
}

// [n, c, …] as [n, groups, all else]. The first form scales groups, the second channels.
Value Normalization::grouped(Lowering& to) const {
  if (groups_ < 1 || rank(to) < 3)
    refuse(layer_text(*this) + ": " + std::to_string(groups_) + " groups of an input of rank " +
           std::to_string(rank(to)));
  const Value x = input(to), shape = to.add(*this, "Shape", {x});
  Value y = to.add(*this, "Reshape", {x, to.ints({0, groups_, -1})});
  y = normalized(to, y, to.ints({2}));
  const auto back = [&](Value value) { return to.add(*this, "Reshape", {value, shape}); };
  if (v2_) return scaled(to, back(y));
  const auto flat = [&](size_t i) {
    return to.add(*this, "Reshape", {input(to, i), to.ints({1, groups_, 1})});
  };
  y = to.add(*this, "Add", {to.add(*this, "Mul", {y, flat(1)}), flat(2)});
  return back(y);
}

Value RaggedSoftMax::lower(Lowering& to) const {
  const Value x = input(to);
  const Value extent = to.add(*this, "Gather", {to.add(*this, "Shape", {x}), to.ints({-1})});
  const int64_t zero = 0, one = 1;
  const Value places =
      to.add(*this, "Range",
             {to.constant({&zero, DType::i64, {}}), to.add(*this, "Squeeze", {extent}),
              to.constant({&one, DType::i64, {}})});
  const Value inside = to.add(*this, "Less", {places, cast(to, *this, input(to, 1), DType::i64)});
  const Value least = to.scalar(*this, -std::numeric_limits<double>::infinity(), x);
  const Value y =
      to.add(*this, "Softmax", {to.add(*this, "Where", {inside, x, least})}, {{"axis", -1}});
  return to.add(*this, "Where", {inside, y, to.scalar(*this, 0, x)});
}

std::vector<Value> Assertion::lower_all(Lowering& to) const {
  const Value condition = input(to);
  if (to.info(condition).dtype != DType::bool_)
    refuse(layer_text(*this) + ": its condition is no kBOOL");
  const Value all =
      to.add(*this, "ReduceMin", {cast(to, *this, condition, DType::i32)}, {{"keepdims", 0}});
  to.network().output(to.fresh(kAssertion) + ": " + message_, cast(to, *this, all, DType::bool_));
  return {};
}

void Cumulative::init(nvinfer1::CumulativeOperation op, bool exclusive, bool reverse) {
  op_ = check(op, layer_text(*this)), exclusive_ = exclusive, reverse_ = reverse;
}

Value Cumulative::lower(Lowering& to) const {
  return to.add(*this, "CumSum", {input(to), cast(to, *this, input(to, 1), DType::i64)},
                {{"exclusive", exclusive_ ? 1 : 0}, {"reverse", reverse_ ? 1 : 0}});
}

}  // namespace tenon::trt
