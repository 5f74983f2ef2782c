// Codes from integers of 8 bits, and from packed bytes.
#include "runtime/narrow_weights.h"

#include "base/narrow.h"
#include "runtime/read_leaf.h"

namespace tenon::runtime {
namespace {

std::vector<std::byte> bytes_of(const Given& given) {
  LeafBytes bytes{.name = given.name, .dtype = given.dtype()};
  if (given.kind == Given::Kind::borrow) {
    bytes.view = &given.view;
  } else {
    bytes.source = given.source.get();
  }
  std::vector<std::byte> out(byte_count(given.dtype(), element_count(given.shape())));
  read_leaf(bytes, elements_of(bytes, {}), out.data(), {});
  return out;
}

// The first number that is none of the type's, as text; the others become codes.
std::string to_codes(DType dtype, bool is_signed, std::span<std::byte> numbers) {
  const int mask = (1 << base::narrow_bits(dtype)) - 1;
  for (std::byte& each : numbers) {
    const int value = is_signed ? static_cast<int8_t>(each) : static_cast<int>(each);
    if (!base::fits_narrow(dtype, value)) return std::to_string(value);
    each = static_cast<std::byte>(value & mask);
  }
  return "";
}

Given with_codes(const Given& given, DType dtype, Shape shape, std::vector<std::byte> codes) {
  Given result = given;
  result.kind = given.kind == Given::Kind::borrow ? Given::Kind::set : given.kind;
  result.source = std::make_shared<weights::TensorSource>(
      weights::TensorSource{dtype, std::move(shape), base::memory_source(std::move(codes)), 0});
  result.addresses = {};
  return result;
}

bool can_be_read(const Given& given) {
  if (given.kind != Given::Kind::borrow) return given.source != nullptr;
  const TensorView& view = given.view;
  return view.on_host() && view.data &&
         (view.strides.empty() || view.strides.size() == view.shape.size());
}

}  // namespace

std::optional<Given> narrowed(const ir::Leaf& leaf, const Given& given) {
  const DType dtype = leaf.type.dtype;
  if (!is_narrow(dtype) || base::narrow_bits(dtype) == 8 || !can_be_read(given))
    return std::nullopt;
  const Shape shape = leaf.type.shape();
  const bool is_signed = given.dtype() == DType::i8;
  if (!is_signed && given.dtype() != DType::u8) return std::nullopt;
  if (given.shape() == shape && base::is_narrow_integer(dtype)) {
    std::vector<std::byte> codes = bytes_of(given);
    const std::string outside = to_codes(dtype, is_signed, codes);
    Given result = with_codes(given, dtype, shape, std::move(codes));
    if (!outside.empty())
      result.refusal = fmt::format("holds {}, which is no {}", outside, to_string(dtype));
    return result;
  }
  const int64_t count = element_count(shape);
  const Shape packed{static_cast<int64_t>(base::packed_size(dtype, count))};
  if (is_signed || given.shape() != packed) return std::nullopt;
  std::vector<std::byte> codes(static_cast<size_t>(count));
  base::unpack_narrow(dtype, bytes_of(given), 0,
                      {reinterpret_cast<uint8_t*>(codes.data()), codes.size()});
  return with_codes(given, dtype, shape, std::move(codes));
}

}  // namespace tenon::runtime
