// Names.
#include "kernel/precision.h"

#include <array>
#include <utility>

namespace tenon::kernel {

namespace {

constexpr std::array<std::pair<Precision, std::string_view>, 4> kNames = {
    {{Precision::model, "model"},
     {Precision::tf32, "tf32"},
     {Precision::f16, "fp16"},
     {Precision::bf16, "bf16"}}};

}  // namespace

std::string_view to_string(Precision precision) {
  return kNames[static_cast<size_t>(precision)].second;
}

std::optional<Precision> precision_named(std::string_view name) {
  for (const auto& [precision, known] : kNames) {
    if (known == name) return precision;
  }
  return std::nullopt;
}

DType narrow_type(Precision precision) {
  if (precision == Precision::f16) return DType::f16;
  return precision == Precision::bf16 ? DType::bf16 : DType::f32;
}

}  // namespace tenon::kernel
