#include "layers_index.h"

#include <algorithm>
#include <limits>

namespace tenon::trt {

using nvinfer1::ErrorCode;
using nvinfer1::FillOperation;
using nvinfer1::GatherMode;
using nvinfer1::SampleMode;

void TopK::init(nvinfer1::TopKOperation op, int32_t k, uint32_t axes, DataType indices) {
  if (k < 1) refuse(layer_text(*this) + ": k is " + std::to_string(k) + "; it is 1 or more");
  if (axes == 0 || (axes & (axes - 1)) != 0)
    refuse(layer_text(*this) + ": the mask of axes has " + (axes == 0 ? "no bit" : "several bits") +
           "; set one");
  op_ = check(op, layer_text(*this)), k_ = k, axes_ = axes;
  indices_ = index_type(indices, layer_text(*this));
}

std::vector<Value> TopK::lower_all(Lowering& to) const {
  const Attribute::Ints axis = axes_of(axes_, rank(to), layer_text(*this));
  if (axis.size() != 1) refuse(layer_text(*this) + ": the mask of axes has several bits; set one");
  Value k = to.ints({k_});
  if (inputs.size() > 1)
    k = to.add(*this, "Reshape", {cast(to, *this, input(to, 1), DType::i64), to.ints({1})});
  const bool largest = op_ == nvinfer1::TopKOperation::kMAX;
  std::vector<Value> made =
      to.add_node(*this, "TopK", {input(to), k},
                  {{"axis", axis[0]}, {"largest", largest ? 1 : 0}, {"sorted", 1}},
                  {.outputs = {"values", "indices"}});
  made[1] = cast(to, *this, made[1], dtype_of(index_type(indices_, name), name));
  return made;
}

void Gather::init(GatherMode mode, int32_t axis) {
  mode_ = check(mode, layer_text(*this)), axis_ = axis;
}

// With axes that data and indices share, a gather along the next axis is one of single indices.
Value Gather::lower(Lowering& to) const {
  const Value data = input(to), at = input(to, 1);
  if (mode_ == GatherMode::kELEMENT)
    return to.add(*this, "GatherElements", {data, at}, {{"axis", axis_}});
  if (mode_ == GatherMode::kND)
    return to.add(*this, "GatherND", {data, at}, {{"batch_dims", batch_}});
  if (batch_ == 0) return to.add(*this, "Gather", {data, at}, {{"axis", axis_}});
  if (batch_ != axis_)
    refuse(ErrorCode::kUNSUPPORTED_STATE,
           layer_text(*this) + ": " + std::to_string(batch_) + " elementwise axes and axis " +
               std::to_string(axis_) + "; Tenon gathers along the axis right after them");
  const Value single = cast(to, *this, to.add(*this, "Unsqueeze", {at, to.ints({-1})}), DType::i64);
  return to.add(*this, "GatherND", {data, single}, {{"batch_dims", batch_}});
}

Value Scatter::lower(Lowering& to) const {
  const Value at = cast(to, *this, input(to, 1), DType::i64);
  if (mode_ == nvinfer1::ScatterMode::kND)
    return to.add(*this, "ScatterND", {input(to), at, input(to, 2)});
  return to.add(*this, "ScatterElements", {input(to), at, input(to, 2)}, {{"axis", axis_}});
}

void Slice::init(const Dims& start, const Dims& size, const Dims& stride) {
  const std::string what = layer_text(*this);
  if (start.nbDims < 0 || start.nbDims > Dims::MAX_DIMS || start.nbDims != size.nbDims ||
      size.nbDims != stride.nbDims)
    refuse(what + ": start " + to_string(start) + ", size " + to_string(size) + " and stride " +
           to_string(stride) + " have not one rank");
  start_ = start, stride_ = stride, size_ = size;  // a start and a stride may be negative
  shape_of(size, what + ": the size", -1);
}

// Starts, strides and axes may be negative.
void Slice::set(const char* function, Dims& field, const Dims& value) noexcept {
  edit(function, [&] {
    if (value.nbDims < 0 || value.nbDims > Dims::MAX_DIMS)
      refuse(layer_text(*this) + ": " + std::to_string(value.nbDims) + " is no rank");
    field = value;
  });
}

Attribute::Ints Slice::axes(size_t rank) const {
  Attribute::Ints made = ints_of(axes_);
  if (axes_.nbDims < 0)
    for (size_t axis = 0; axis < rank; ++axis) made.push_back(static_cast<int64_t>(axis));
  for (int64_t& axis : made) {
    if (axis < 0) axis += static_cast<int64_t>(rank);
    if (axis < 0 || index(axis) >= rank)
      refuse(layer_text(*this) + ": axis " + std::to_string(axis) + " is outside rank " +
             std::to_string(rank));
  }
  return made;
}

Value Slice::lower(Lowering& to) const {
  const bool strict = mode_ == SampleMode::kSTRICT_BOUNDS;
  return strict ? bounded(to) : sampled(to);
}

Value Slice::number(Lowering& to, size_t i, const Dims& dims) const {
  return given(i) ? cast(to, *this, input(to, i), DType::i64) : to.ints(ints_of(dims));
}

// An end before the first element, where the stride is negative, is ONNX's least integer: -1 would
// be the last element.
Value Slice::bounded(Lowering& to) const {
  const Value start = number(to, 1, start_), stride = number(to, 3, stride_);
  const Value axes =
      given(5) ? cast(to, *this, input(to, 5), DType::i64) : to.ints(this->axes(rank(to)));
  constexpr int64_t before_all = std::numeric_limits<int64_t>::min();
  if (!given(1) && !given(2) && !given(3)) {
    Attribute::Ints end;
    for (int32_t i = 0; i < start_.nbDims; ++i) {
      const int64_t past = start_.d[i] + size_.d[i] * stride_.d[i];
      end.push_back(past < 0 && stride_.d[i] < 0 ? before_all : past);
    }
    return to.add(*this, "Slice", {input(to), start, to.ints(end), axes, stride});
  }
  const Value size = number(to, 2, size_);
  Value end = to.add(*this, "Add", {start, to.add(*this, "Mul", {size, stride})});
  const bool forwards = !given(3) && std::all_of(stride_.d, stride_.d + stride_.nbDims,
                                                 [](int64_t each) { return each > 0; });
  if (!forwards) {
    const Value zero = to.ints({0}), least = to.ints({before_all});
    const Value past = to.add(
        *this, "And", {to.add(*this, "Less", {end, zero}), to.add(*this, "Less", {stride, zero})});
    end = to.add(*this, "Where", {past, least, end});
  }
  return to.add(*this, "Slice", {input(to), start, end, axes, stride});
}

namespace {

// Which element stands at a place outside; -1 is none.
int64_t element_at(int64_t place, int64_t extent, SampleMode mode) {
  if (place >= 0 && place < extent) return place;
  if (mode == SampleMode::kCLAMP) return place < 0 ? 0 : extent - 1;
  if (mode == SampleMode::kWRAP) return (place % extent + extent) % extent;
  if (mode == SampleMode::kFILL) return -1;
  const int64_t period = std::max<int64_t>(2 * (extent - 1), 1);
  const int64_t turned = (place % period + period) % period;
  return turned < extent ? turned : period - turned;
}

}  // namespace

// Axis by axis: a gather of the elements that the mode names, and the fill where there are none.
Value Slice::sampled(Lowering& to) const {
  const std::string what = layer_text(*this);
  const auto unsupported = [&](const std::string& text) {
    refuse(ErrorCode::kUNSUPPORTED_STATE, what + ": " + text);
  };
  if (given(1) || given(2) || given(3) || given(5))
    unsupported("start, size, stride and axes as tensors go with kSTRICT_BOUNDS alone");
  const Dims dims = dims_of(to.info(input(to)).extents);
  const Attribute::Ints axes = this->axes(rank(to));
  if (axes.size() != index(start_.nbDims)) refuse(what + ": one start for each axis is needed");
  Value x = input(to);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t extent = dims.d[axes[i]];
    if (extent < 1) unsupported("the extent of axis " + std::to_string(axes[i]) + " is not known");
    Attribute::Ints places;
    std::vector<uint8_t> outside;
    for (int64_t n = 0; n < size_.d[i]; ++n) {
      const int64_t at = element_at(start_.d[i] + n * stride_.d[i], extent, mode_);
      places.push_back(std::max<int64_t>(at, 0));
      outside.push_back(at < 0 ? 1 : 0);
    }
    x = to.add(*this, "Gather", {x, to.ints(places)}, {{"axis", axes[i]}});
    if (std::ranges::find(outside, 1) == outside.end()) continue;
    Shape shape(index(dims.nbDims), 1);
    shape[index(axes[i])] = static_cast<int64_t>(outside.size());
    const Value mask = to.constant({outside.data(), DType::bool_, shape});
    const Value fill = given(4) ? input(to, 4) : to.scalar(*this, 0, x);
    x = to.add(*this, "Where", {mask, fill, x});
  }
  return to.add(*this, "Identity", {x});
}

Value Select::lower(Lowering& to) const {
  if (!broadcast_ && (rank(to, 0) != rank(to, 1) || rank(to, 1) != rank(to, 2)))
    refuse(layer_text(*this) + ": its inputs have not one rank; reshape by a shuffle layer");
  return to.add(*this, "Where", {input(to, 0), input(to, 1), input(to, 2)});
}

void Fill::init(const Dims& dims, FillOperation op, DataType type) {
  shape_of(dims, layer_text(*this), -1);
  if (type != DataType::kFLOAT && type != DataType::kINT32 && type != DataType::kINT64)
    refuse(layer_text(*this) + ": a fill is kFLOAT, kINT32 or kINT64, not " + to_string(type));
  if (check(op, layer_text(*this)) != FillOperation::kLINSPACE && type != DataType::kFLOAT)
    refuse(layer_text(*this) + ": random numbers are kFLOAT, not " + to_string(type));
  dims_ = dims, op_ = op, type_ = type;
}

void Fill::set_number(size_t i, double value, bool whole) noexcept {
  edit(i == 0 ? "IFillLayer::setAlpha" : "IFillLayer::setBeta",
       [&] { numbers_[i] = value, whole_ = whole; });
}

// 0, 1, 2, … along one axis, with extents of 1 elsewhere.
Value Fill::indices(Lowering& to, int64_t axis) const {
  if (given(0)) {
    const Value n =
        to.add(*this, "Gather", {cast(to, *this, input(to, 0), DType::i64), to.ints({axis})});
    const Value scalar = to.add(*this, "Squeeze", {n, to.ints({0})});
    const int64_t zero = 0, one = 1;
    return to.add(
        *this, "Range",
        {to.constant({&zero, DType::i64, {}}), scalar, to.constant({&one, DType::i64, {}})});
  }
  Attribute::Ints all(index(dims_.d[axis]));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  return to.ints(all);
}

Value Fill::number(Lowering& to, size_t i, DType dtype) const {
  const auto whole = static_cast<int64_t>(numbers_[i]);
  const auto single = static_cast<float>(numbers_[i]);
  if (dtype == DType::f32) return to.constant({&single, DType::f32, {}});
  return cast(to, *this, to.constant({&whole, DType::i64, {}}), dtype);
}

Value Fill::term(Lowering& to, int64_t axis, DType dtype) const {
  Value counted = cast(to, *this, indices(to, axis), dtype);
  const int64_t rank = given(0) ? 1 : dims_.nbDims;
  Attribute::Ints shape(index(rank), 1);
  shape[index(axis)] = -1;
  if (rank > 1) counted = to.add(*this, "Reshape", {counted, to.ints(shape)});
  const Value step =
      given(2) ? to.add(*this, "Gather", {input(to, 2), to.ints({axis})}) : number(to, 1, dtype);
  return to.add(*this, "Mul", {counted, step});
}

// The seed is the layer's name: each run of an engine, and each build, draws the same numbers.
Value Fill::random(Lowering& to) const {
  const std::string op = op_ == FillOperation::kRANDOM_UNIFORM ? "RandomUniform" : "RandomNormal";
  Value drawn;
  if (given(0)) {
    const float zero = 0;
    const Value shape = cast(to, *this, input(to, 0), DType::i64);
    drawn = to.add(*this, op + "Like",
                   {to.add(*this, "Expand", {to.constant({&zero, DType::f32, {}}), shape})});
  } else {
    if (!is_static(dims_))
      refuse(layer_text(*this) + ": " + to_string(dims_) +
             " has an unknown extent; give them as input 0");
    drawn = to.add(*this, op, {}, {{"shape", ints_of(dims_)}});
  }
  const Value alpha = given(1) ? input(to, 1) : number(to, 0, DType::f32);
  Value spread = given(2) ? input(to, 2) : number(to, 1, DType::f32);
  if (op_ == FillOperation::kRANDOM_UNIFORM) spread = to.add(*this, "Sub", {spread, alpha});
  return to.add(*this, "Add", {alpha, to.add(*this, "Mul", {drawn, spread})});
}

Value Fill::lower(Lowering& to) const {
  const std::string what = layer_text(*this);
  if (op_ != FillOperation::kLINSPACE) return random(to);
  const DType dtype = dtype_of(type_, what);
  int64_t axes = dims_.nbDims;
  if (given(0)) {
    const Dims shape = dims_of(to.info(input(to, 0)).extents);
    axes = shape.nbDims == 1 ? shape.d[0] : -1;
    if (axes != 1)
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             what + ": extents that a run computes are those of one axis here");
  } else if (!is_static(dims_)) {
    refuse(what + ": " + to_string(dims_) + " has an unknown extent; give them as input 0");
  }
  if (axes > 1 && !given(2))
    refuse(what + ": several axes take their steps from input 2, one for each");
  Value sum = given(1) ? input(to, 1) : number(to, 0, dtype);
  for (int64_t axis = 0; axis < axes; ++axis)
    sum = to.add(*this, "Add", {sum, term(to, axis, dtype)});
  return to.add(*this, "Identity", {sum});
}

// A last axis of depth goes where `axis` says.
Value OneHot::lower(Lowering& to) const {
  return to.add(*this, "OneHot", {input(to, 0), input(to, 2), input(to, 1)}, {{"axis", axis_}});
}

Value NonZero::lower(Lowering& to) const {
  return cast(to, *this, to.add(*this, "NonZero", {input(to)}),
              dtype_of(index_type(indices_, name), name));
}

Value ReverseSequence::lower(Lowering& to) const {
  return to.add(*this, "ReverseSequence", {input(to), cast(to, *this, input(to, 1), DType::i64)},
                {{"batch_axis", batch_}, {"time_axis", sequence_}});
}

}  // namespace tenon::trt
