#include "layer.h"

namespace tenon::trt {

std::string layer_text(const LayerCore& layer) { return "layer \"" + layer.name + "\""; }

void one_rank(int32_t ranks) {
  if (ranks != 1)
    refuse(nvinfer1::ErrorCode::kUNSUPPORTED_STATE,
           std::to_string(ranks) + " ranks: an engine has one device");
}

Attribute::Ints ints_of(const Dims& dims) { return {dims.d, dims.d + std::max(dims.nbDims, 0)}; }

std::vector<int64_t> axes_of(uint32_t mask, size_t rank, const std::string& what) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < 32; ++axis) {
    if ((mask >> axis & 1U) == 0) continue;
    if (index(axis) >= rank)
      refuse(what + ": axis " + std::to_string(axis) + " is outside rank " + std::to_string(rank));
    axes.push_back(axis);
  }
  return axes;
}

int onnx_type(DType dtype) {
  static const std::map<DType, int> numbers{{DType::f32, 1},  {DType::u8, 2},   {DType::i8, 3},
                                            {DType::i32, 6},  {DType::i64, 7},  {DType::bool_, 9},
                                            {DType::f16, 10}, {DType::bf16, 16}};
  return numbers.at(dtype);
}

Value cast(Lowering& to, const LayerCore& layer, Value value, DType dtype) {
  if (to.info(value).dtype == dtype) return value;
  return to.add(layer, "Cast", {value}, {{"to", onnx_type(dtype)}});
}

DataType index_type(DataType type, const std::string& what) {
  if (type != DataType::kINT32 && type != DataType::kINT64)
    refuse(what + ": indices are kINT32 or kINT64, not " + to_string(type));
  return type;
}

Dims check(const Dims& value, const std::string& what) {
  shape_of(value, what, -1);
  return value;
}

nvinfer1::Permutation check(nvinfer1::Permutation value, const std::string& what) {
  for (const int32_t axis : value.order) {
    if (axis < 0 || axis >= Dims::MAX_DIMS)
      refuse(what + ": axis " + std::to_string(axis) + " is outside 0 to 7");
  }
  return value;
}

}  // namespace tenon::trt
