// Facts about element types, and a way from a run-time dtype to a compile-time type.
#pragma once

#include <optional>
#include <string_view>

#include "base/float16.h"
#include "tenon/tensor.h"

namespace tenon::base {

/// The dtype that `to_string` names so, or nothing.
std::optional<DType> parse_dtype(std::string_view name);

/// Narrow types and strings: moved, and read by the ops that are made for them.
inline bool is_moved_only(DType dtype) noexcept {
  return is_narrow(dtype) || dtype == DType::string;
}

template <class T>
struct TypeTag {
  using type = T;
};

/// Calls `f(TypeTag<T>{})` with the C++ type of `dtype`; f16 and bf16 are Half and BFloat16, bool_
/// is bool. Narrow types are their bytes, strings their pointers as numbers: what moves elements
/// needs no more, and whatever computes with them refuses them before.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64: return f(TypeTag<double>{});
    case DType::f32: return f(TypeTag<float>{});
    case DType::f16: return f(TypeTag<Half>{});
    case DType::bf16: return f(TypeTag<BFloat16>{});
    case DType::i64: return f(TypeTag<int64_t>{});
    case DType::i32: return f(TypeTag<int32_t>{});
    case DType::i16: return f(TypeTag<int16_t>{});
    case DType::i8: return f(TypeTag<int8_t>{});
    case DType::u64: return f(TypeTag<uint64_t>{});
    case DType::u32: return f(TypeTag<uint32_t>{});
    case DType::u16: return f(TypeTag<uint16_t>{});
    case DType::u8: return f(TypeTag<uint8_t>{});
    case DType::bool_: return f(TypeTag<bool>{});
    case DType::string: return f(TypeTag<uint64_t>{});
    default: return f(TypeTag<uint8_t>{});
  }
}

}  // namespace tenon::base
