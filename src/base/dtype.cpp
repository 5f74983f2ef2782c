// Names, sizes and kinds of element types.
#include "base/dtype.h"

#include <array>

namespace tenon {

namespace {

struct DTypeFacts {
  std::string_view name;
  size_t size;
  bool floating;
  bool integer;
};

constexpr std::array<DTypeFacts, kDTypes> kFacts = {{
    {"f64", 8, true, false},          {"f32", 4, true, false},
    {"f16", 2, true, false},          {"bf16", 2, true, false},
    {"i64", 8, false, true},          {"i32", 4, false, true},
    {"i16", 2, false, true},          {"i8", 1, false, true},
    {"u64", 8, false, true},          {"u32", 4, false, true},
    {"u16", 2, false, true},          {"u8", 1, false, true},
    {"bool", 1, false, false},        {"f8_e4m3", 1, false, false},
    {"f8_e4m3fnuz", 1, false, false}, {"f8_e5m2", 1, false, false},
    {"f8_e5m2fnuz", 1, false, false}, {"f8_e8m0", 1, false, false},
    {"f6_e2m3", 1, false, false},     {"f6_e3m2", 1, false, false},
    {"f4_e2m1", 1, false, false},     {"i4", 1, false, false},
    {"u4", 1, false, false},          {"i2", 1, false, false},
    {"u2", 1, false, false},          {"string", sizeof(void*), false, false},
}};

const DTypeFacts& facts(DType dtype) noexcept { return kFacts[static_cast<size_t>(dtype)]; }

}  // namespace

size_t byte_count(DType dtype, int64_t count) noexcept {
  return static_cast<size_t>(count) * facts(dtype).size;
}
std::string_view to_string(DType dtype) noexcept { return facts(dtype).name; }
bool is_floating(DType dtype) noexcept { return facts(dtype).floating; }
bool is_integer(DType dtype) noexcept { return facts(dtype).integer; }
bool is_narrow(DType dtype) noexcept { return dtype > DType::bool_ && dtype < DType::string; }

}  // namespace tenon

namespace tenon::base {

std::optional<DType> parse_dtype(std::string_view name) {
  for (int i = 0; i < kDTypes; ++i) {
    if (to_string(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace tenon::base
