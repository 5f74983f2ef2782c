// ONNX's element types.
#include <array>

#include "weights/onnx_wire.h"

namespace tenon::weights::wire {

namespace {

struct DataType {
  const char* name;
  std::optional<DType> dtype;
};

// By number, as TensorProto.DataType of ONNX 1.23.
constexpr std::array<DataType, 29> kDataTypes = {{
    {"UNDEFINED", std::nullopt},
    {"FLOAT", DType::f32},
    {"UINT8", DType::u8},
    {"INT8", DType::i8},
    {"UINT16", DType::u16},
    {"INT16", DType::i16},
    {"INT32", DType::i32},
    {"INT64", DType::i64},
    {"STRING", DType::string},
    {"BOOL", DType::bool_},
    {"FLOAT16", DType::f16},
    {"DOUBLE", DType::f64},
    {"UINT32", DType::u32},
    {"UINT64", DType::u64},
    {"COMPLEX64", std::nullopt},
    {"COMPLEX128", std::nullopt},
    {"BFLOAT16", DType::bf16},
    {"FLOAT8E4M3FN", DType::f8_e4m3},
    {"FLOAT8E4M3FNUZ", DType::f8_e4m3fnuz},
    {"FLOAT8E5M2", DType::f8_e5m2},
    {"FLOAT8E5M2FNUZ", DType::f8_e5m2fnuz},
    {"UINT4", DType::u4},
    {"INT4", DType::i4},
    {"FLOAT4E2M1", DType::f4_e2m1},
    {"FLOAT8E8M0", DType::f8_e8m0},
    {"UINT2", DType::u2},
    {"INT2", DType::i2},
    {"FLOAT6E2M3", DType::f6_e2m3},
    {"FLOAT6E3M2", DType::f6_e3m2},
}};

bool is_known(int data_type) {
  return data_type >= 0 && static_cast<size_t>(data_type) < kDataTypes.size();
}

}  // namespace

std::optional<DType> dtype_of(int data_type) {
  return is_known(data_type) ? kDataTypes[static_cast<size_t>(data_type)].dtype : std::nullopt;
}

std::string data_type_name(int data_type) {
  return is_known(data_type) ? kDataTypes[static_cast<size_t>(data_type)].name
                             : std::to_string(data_type);
}

int data_type_of(std::string_view name) {
  for (size_t i = 0; i < std::size(kDataTypes); ++i)
    if (kDataTypes[i].name == name) return static_cast<int>(i);
  return 0;
}

}  // namespace tenon::weights::wire
