// Elements of any dtype as numbers.
#include "elements.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace tenon::cli {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64);

template <class T>
long double number_at(const void* data, size_t i) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(data) + i * sizeof(T), sizeof(T));
  return static_cast<long double>(value);
}

long double half_at(const void* data, size_t i) {
  uint16_t bits = 0;
  std::memcpy(&bits, static_cast<const std::byte*>(data) + i * 2, 2);
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const long double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return exponent ? sign * std::ldexp(1024.0L + fraction, exponent - 25)
                  : sign * std::ldexp(static_cast<long double>(fraction), -24);
}

long double bfloat_at(const void* data, size_t i) {
  uint16_t bits = 0;
  std::memcpy(&bits, static_cast<const std::byte*>(data) + i * 2, 2);
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace

long double element(const Tensor& tensor, size_t i) {
  switch (tensor.dtype()) {
    case DType::f64: return number_at<double>(tensor.data(), i);
    case DType::f32: return number_at<float>(tensor.data(), i);
    case DType::f16: return half_at(tensor.data(), i);
    case DType::bf16: return bfloat_at(tensor.data(), i);
    case DType::i64: return number_at<int64_t>(tensor.data(), i);
    case DType::i32: return number_at<int32_t>(tensor.data(), i);
    case DType::i16: return number_at<int16_t>(tensor.data(), i);
    case DType::i8: return number_at<int8_t>(tensor.data(), i);
    case DType::u64: return number_at<uint64_t>(tensor.data(), i);
    case DType::u32: return number_at<uint32_t>(tensor.data(), i);
    case DType::u16: return number_at<uint16_t>(tensor.data(), i);
    case DType::u8: return number_at<uint8_t>(tensor.data(), i);
    default: break;  // bool; types of 8 bits and less are told by their codes
  }
  return number_at<uint8_t>(tensor.data(), i);
}

}  // namespace tenon::cli
