#include "convert.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "report.h"

namespace tenon::trt {

using nvinfer1::DataType;
using nvinfer1::Dims;

DType dtype_of(DataType type, const std::string& what) {
  switch (type) {
    case DataType::kFLOAT: return DType::f32;
    case DataType::kHALF: return DType::f16;
    case DataType::kBF16: return DType::bf16;
    case DataType::kINT8: return DType::i8;
    case DataType::kINT32: return DType::i32;
    case DataType::kINT64: return DType::i64;
    case DataType::kBOOL: return DType::bool_;
    case DataType::kUINT8: return DType::u8;
    case DataType::kFP8:
    case DataType::kINT4:
    case DataType::kFP4:
    case DataType::kE8M0:
      refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
             what + ": Tenon has no " + to_string(type) + "; use kHALF, kBF16 or kINT8");
  }
  refuse(what + ": " + std::to_string(static_cast<int>(type)) + " is no DataType");
}

DataType type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return DataType::kFLOAT;
    case DType::f16: return DataType::kHALF;
    case DType::bf16: return DataType::kBF16;
    case DType::i8: return DataType::kINT8;
    case DType::i32: return DataType::kINT32;
    case DType::i64: return DataType::kINT64;
    case DType::bool_: return DataType::kBOOL;
    case DType::u8: return DataType::kUINT8;
    default:
      refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
             std::string(tenon::to_string(dtype)) + " has no DataType of TensorRT's");
  }
}

const char* to_string(DataType type) {
  static constexpr std::array names{"kFLOAT", "kHALF", "kINT8",  "kINT32", "kBOOL", "kUINT8",
                                    "kFP8",   "kBF16", "kINT64", "kINT4",  "kFP4",  "kE8M0"};
  const auto i = static_cast<size_t>(type);
  return i < names.size() ? names[i] : "no DataType";
}

const char* to_string(nvinfer1::WeightsRole role) {
  static constexpr std::array names{"KERNEL", "BIAS", "SHIFT", "SCALE", "CONSTANT", "ANY"};
  const auto i = static_cast<size_t>(role);
  return i < names.size() ? names[i] : "no WeightsRole";
}

std::string to_string(const Dims& dims) {
  std::string text = "(";
  for (int i = 0; i < std::min(dims.nbDims, Dims::MAX_DIMS); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(dims.d[i]);
  return text + ")";
}

Dims unknown_dims() { return Dims{-1, {}}; }

Dims dims_of(const Shape& shape) {
  if (shape.size() > index(Dims::MAX_DIMS)) return unknown_dims();
  Dims dims{static_cast<int32_t>(shape.size()), {}};
  std::ranges::copy(shape, dims.d);
  return dims;
}

Dims dims_of(const std::vector<std::string>& shape) {
  if (shape == std::vector<std::string>{"..."}) return unknown_dims();
  Shape extents;
  for (const std::string& each : shape) {
    int64_t extent = -1;
    const char* end = each.data() + each.size();
    const auto [stop, error] = std::from_chars(each.data(), end, extent);
    extents.push_back(error == std::errc() && stop == end ? extent : -1);
  }
  return dims_of(extents);
}

Dims dims_of(const std::optional<std::vector<Extent>>& extents) {
  if (!extents) return unknown_dims();
  Shape shape;
  for (const Extent& each : *extents) shape.push_back(each.value);
  return dims_of(shape);
}

Shape shape_of(const Dims& dims, const std::string& what, int64_t least) {
  if (dims.nbDims < 0 || dims.nbDims > Dims::MAX_DIMS)
    refuse(what + ": nbDims is " + std::to_string(dims.nbDims) + "; it goes from 0 to 8");
  Shape shape(dims.d, dims.d + dims.nbDims);
  for (const int64_t extent : shape) {
    if (extent >= least) continue;
    refuse(what + ": " + to_string(dims) + " has an extent under " + std::to_string(least));
  }
  return shape;
}

bool is_static(const Dims& dims) {
  return dims.nbDims >= 0 &&
         std::all_of(dims.d, dims.d + dims.nbDims, [](int64_t extent) { return extent >= 0; });
}

bool equal(const Dims& a, const Dims& b) {
  return a.nbDims == b.nbDims && (a.nbDims < 0 || std::equal(a.d, a.d + a.nbDims, b.d));
}

}  // namespace tenon::trt
