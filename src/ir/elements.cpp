// Elements of small constants, one by one.
#include "ir/elements.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/dtype.h"

namespace tenon::ir {
namespace {

template <class T>
inline constexpr bool is_half = std::is_same_v<T, base::Half> || std::is_same_v<T, base::BFloat16>;

// The number type that an element is written and read as.
template <class T>
using Number = std::conditional_t<is_half<T>, float, T>;

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, uint64_t,
                                std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;

template <class T>
Bits<T> quiet_nan() {
  return std::bit_cast<Bits<T>>(std::numeric_limits<T>::quiet_NaN());
}
template <>
uint16_t quiet_nan<base::Half>() {
  return 0x7e00;
}
template <>
uint16_t quiet_nan<base::BFloat16>() {
  return 0x7fc0;
}

template <class T>
void store(T value, std::byte* out) {
  std::memcpy(out, &value, sizeof value);
}

template <class T>
std::string number_text(T value, int base = 10) {
  char buffer[64];
  std::to_chars_result result{};
  if constexpr (std::is_floating_point_v<T>) {
    result = std::to_chars(buffer, buffer + sizeof buffer, value);
  } else {
    result = std::to_chars(buffer, buffer + sizeof buffer, value, base);
  }
  return {buffer, result.ptr};
}

template <class T>
std::string text_of(const std::byte* element) {
  if constexpr (std::is_same_v<T, bool>) {
    return element[0] != std::byte{0} ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    return number_text(base::load<T>(element));
  } else {
    const auto value = static_cast<Number<T>>(base::load<T>(element));
    if (!std::isnan(value)) return number_text(value);
    const auto bits = base::load<Bits<T>>(element);
    return bits == quiet_nan<T>() ? "nan" : "bits(0x" + number_text(bits, 16) + ")";
  }
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

template <class T>
std::optional<Bits<T>> parse_bits(std::string_view text) {
  if (text == "nan") return quiet_nan<T>();
  if (!text.starts_with("bits(0x") || !text.ends_with(')')) return std::nullopt;
  text = text.substr(7, text.size() - 8);
  Bits<T> bits{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, bits, 16);
  if (error != std::errc() || at != end) return std::nullopt;
  return bits;
}

template <class T>
bool parse_floating(std::string_view text, std::byte* out) {
  if (const auto bits = parse_bits<T>(text)) {
    store(*bits, out);
    return true;
  }
  const auto value = parse_number<Number<T>>(text);
  if (!value || std::isnan(*value)) return false;
  const T element(*value);
  if (std::isinf(*value) != std::isinf(static_cast<Number<T>>(element))) return false;
  store(element, out);
  return true;
}

template <class T>
bool parse_as(std::string_view text, std::byte* out) {
  if constexpr (std::is_same_v<T, bool>) {
    out[0] = std::byte{text == "true"};
    return text == "true" || text == "false";
  } else if constexpr (std::is_integral_v<T>) {
    const auto value = parse_number<T>(text);
    if (value) store(*value, out);
    return value.has_value();
  } else {
    return parse_floating<T>(text, out);
  }
}

// Appends one element; false when a Dim cannot hold it.
template <class T>
bool append_known(const std::byte* element, Known& known) {
  if constexpr (std::is_same_v<T, bool>) {
    known.integers.emplace_back(int64_t{element[0] != std::byte{0}});
  } else if constexpr (std::is_integral_v<T>) {
    const T value = base::load<T>(element);
    if (!std::in_range<int64_t>(value)) return false;
    known.integers.emplace_back(static_cast<int64_t>(value));
  } else {
    known.floats.push_back(static_cast<double>(static_cast<Number<T>>(base::load<T>(element))));
  }
  return true;
}

}  // namespace

std::optional<Known> known_elements(const ValueType& type, base::Bytes bytes) {
  const size_t size = byte_count(type.dtype, 1);
  if (bytes.size() / size > Known::limit || is_narrow(type.dtype)) return std::nullopt;
  Known known;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    const bool held = base::dispatch(type.dtype, [&](auto tag) {
      return append_known<typename decltype(tag)::type>(bytes.data() + at, known);
    });
    if (!held) return std::nullopt;
  }
  return known;
}

std::optional<std::vector<std::byte>> known_bytes(const Value& value) {
  if (!value.known || !value.type.is_static()) return std::nullopt;
  const bool numbers =
      std::ranges::all_of(value.known->integers, &Dim::is_constant) &&
      std::ranges::none_of(value.known->floats, [](double each) { return std::isnan(each); });
  if (!numbers) return std::nullopt;
  base::ByteWriter writer;
  base::dispatch(value.type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (const Dim& each : value.known->integers) {
      writer.write_scalar(static_cast<T>(each.constant()));
    }
    for (const double each : value.known->floats) writer.write_scalar(static_cast<T>(each));
  });
  return std::vector(writer.bytes().begin(), writer.bytes().end());
}

std::string element_text(DType dtype, const std::byte* element) {
  return base::dispatch(dtype,
                        [&](auto tag) { return text_of<typename decltype(tag)::type>(element); });
}

std::string double_text(double value) {
  return text_of<double>(reinterpret_cast<const std::byte*>(&value));
}

bool parse_element(DType dtype, std::string_view text, std::byte* out) {
  return base::dispatch(
      dtype, [&](auto tag) { return parse_as<typename decltype(tag)::type>(text, out); });
}

}  // namespace tenon::ir
