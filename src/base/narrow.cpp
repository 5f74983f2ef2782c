// Codes of the OCP and FNUZ formats by their parameters: a table of values one way, arithmetic in
// f64 the other, where every step is exact but the one rounding.
#include "base/narrow.h"

#include <array>
#include <cmath>
#include <limits>

namespace tenon::base {
namespace {

/// What lies beyond the greatest value, in a format's highest codes.
enum class Beyond : uint8_t { nothing, nan, infinity, fnuz };

struct Format {
  int exponent, mantissa, bias;
  Beyond beyond;
};

constexpr Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f8_e4m3: return {4, 3, 7, Beyond::nan};
    case DType::f8_e4m3fnuz: return {4, 3, 8, Beyond::fnuz};
    case DType::f8_e5m2: return {5, 2, 15, Beyond::infinity};
    case DType::f8_e5m2fnuz: return {5, 2, 16, Beyond::fnuz};
    case DType::f6_e2m3: return {2, 3, 1, Beyond::nothing};
    case DType::f6_e3m2: return {3, 2, 3, Beyond::nothing};
    default: return {2, 1, 1, Beyond::nothing};  // f4_e2m1
  }
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kPowerBias = 127;  // of f8_e8m0, whose codes are f32's exponents

// Of a code without its sign.
double magnitude(const Format& format, int code) {
  const int exponent = code >> format.mantissa;
  const int fraction = code & ((1 << format.mantissa) - 1);
  const int highest = (1 << format.exponent) - 1;
  if (format.beyond == Beyond::infinity && exponent == highest)
    return fraction == 0 ? kInfinity : kNaN;
  if (format.beyond == Beyond::nan &&
      code == (highest << format.mantissa | ((1 << format.mantissa) - 1)))
    return kNaN;
  const int whole = exponent == 0 ? fraction : fraction | 1 << format.mantissa;
  return std::ldexp(whole, std::max(exponent, 1) - format.bias - format.mantissa);
}

double value_of(DType dtype, int code) {
  const int bits = narrow_bits(dtype);
  const int kept = code & ((1 << bits) - 1);
  const int sign = kept >> (bits - 1);
  if (dtype == DType::u4 || dtype == DType::u2) return kept;
  if (dtype == DType::i4 || dtype == DType::i2) return kept - (sign << bits);
  if (dtype == DType::f8_e8m0) return kept == 0xff ? kNaN : std::ldexp(1.0, kept - kPowerBias);
  const Format format = format_of(dtype);
  if (format.beyond == Beyond::fnuz && kept == 0x80) return kNaN;
  const double value = magnitude(format, kept & ~(1 << (bits - 1)));
  return sign ? -value : value;
}

using Table = std::array<double, 256>;

const Table& values_of(DType dtype) {
  static const auto tables = [] {
    std::array<Table, kDTypes> all{};
    for (int type = 0; type < kDTypes; ++type)
      for (int code = 0; is_narrow(static_cast<DType>(type)) && code < 256; ++code)
        all[static_cast<size_t>(type)][static_cast<size_t>(code)] =
            value_of(static_cast<DType>(type), code);
    return all;
  }();
  return tables[static_cast<size_t>(dtype)];
}

/// A float format's codes without signs, in order of their values.
struct Codes {
  Format format;
  int sign;      // the sign's bit
  int greatest;  // the code of the greatest finite value

  explicit Codes(DType dtype)
      : format(format_of(dtype)), sign(1 << (narrow_bits(dtype) - 1)), greatest(sign - 1) {
    while (!std::isfinite(magnitude(format, greatest))) --greatest;
  }

  int not_a_number(int sign_of_it) const {
    switch (format.beyond) {
      case Beyond::fnuz: return 0x80;
      case Beyond::nan: return sign_of_it | 0x7f;
      case Beyond::infinity: return sign_of_it | 0x7e;
      default: return sign_of_it ^ sign;  // no code is left; ml_dtypes gives this zero
    }
  }

  int overflow(int sign_of_it, bool saturate) const {
    if (saturate || format.beyond == Beyond::nothing) return sign_of_it | greatest;
    return format.beyond == Beyond::infinity ? sign_of_it | (greatest + 1)
                                             : not_a_number(sign_of_it);
  }

  int of(double value, bool saturate) const {
    const int sign_of_it = std::signbit(value) ? sign : 0;
    if (std::isnan(value)) return not_a_number(sign_of_it);
    const double size = std::abs(value);
    if (std::isinf(size)) return overflow(sign_of_it, saturate);
    const int least = 1 - format.bias;
    const int exponent = size == 0 ? least : std::max(std::ilogb(size), least);
    // In steps of the last place; the carry into the next exponent comes by itself.
    const double steps = std::nearbyint(std::ldexp(size, format.mantissa - exponent));
    if (steps > 2 << format.mantissa) return overflow(sign_of_it, saturate);
    const int code = static_cast<int>(steps) + ((exponent - least) << format.mantissa);
    if (code > greatest) return overflow(sign_of_it, saturate);
    return code == 0 && format.beyond == Beyond::fnuz ? 0 : sign_of_it | code;
  }
};

// ONNX defines it on f32's bits: the sign goes, and what is no number stays one.
int power_code(double value, NarrowRounding rounding) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  const int exponent = static_cast<int>(bits >> 23 & 0xff);
  if (exponent == 0xff) return 0xff;
  const uint32_t fraction = bits & 0x7fffffu;
  const bool half = (fraction & 0x400000u) != 0;
  const bool more = (fraction & 0x3fffffu) != 0 || exponent > 0;
  const bool up = rounding.power == PowerRounding::up        ? fraction != 0
                  : rounding.power == PowerRounding::nearest ? half && more
                                                             : false;
  return up && !(rounding.saturate && exponent == 0xfe) ? exponent + 1 : exponent;
}

int integer_code(double value, int bits) {
  constexpr double limit = 0x1p62;
  const double kept = std::isnan(value) ? 0 : std::min(std::max(value, -limit), limit);
  return static_cast<int>(static_cast<int64_t>(kept) & ((1 << bits) - 1));
}

}  // namespace

int narrow_bits(DType dtype) noexcept {
  switch (dtype) {
    case DType::i2:
    case DType::u2: return 2;
    case DType::i4:
    case DType::u4:
    case DType::f4_e2m1: return 4;
    case DType::f6_e2m3:
    case DType::f6_e3m2: return 6;
    default: return 8;
  }
}

bool is_narrow_integer(DType dtype) noexcept { return dtype >= DType::i4 && is_narrow(dtype); }

bool fits_narrow(DType dtype, int64_t value) noexcept {
  const int64_t codes = int64_t{1} << narrow_bits(dtype);
  const bool is_signed = dtype == DType::i4 || dtype == DType::i2;
  return is_signed ? value >= -codes / 2 && value < codes / 2 : value >= 0 && value < codes;
}

void decode_narrow(DType dtype, const uint8_t* codes, double* values, int64_t count) noexcept {
  const Table& table = values_of(dtype);
  for (int64_t i = 0; i < count; ++i) values[i] = table[codes[i]];
}

void encode_narrow(DType dtype, const double* values, uint8_t* codes, int64_t count,
                   NarrowRounding rounding) noexcept {
  const int bits = narrow_bits(dtype);
  const auto each = [&](auto code_of) {
    for (int64_t i = 0; i < count; ++i) codes[i] = static_cast<uint8_t>(code_of(values[i]));
  };
  if (is_narrow_integer(dtype))
    each([bits](double value) { return integer_code(value, bits); });
  else if (dtype == DType::f8_e8m0)
    each([rounding](double value) { return power_code(value, rounding); });
  else
    each([of = Codes(dtype), rounding](double value) { return of.of(value, rounding.saturate); });
}

uint64_t packed_size(DType dtype, int64_t count) noexcept {
  const auto bits = static_cast<uint64_t>(narrow_bits(dtype));
  const auto whole = static_cast<uint64_t>(count);
  return whole / 8 * bits + (whole % 8 * bits + 7) / 8;
}

void unpack_narrow(DType dtype, Bytes packed, int64_t first, std::span<uint8_t> codes) noexcept {
  const auto bits = static_cast<uint64_t>(narrow_bits(dtype));
  uint64_t at = static_cast<uint64_t>(first) * bits % 8;
  for (uint8_t& code : codes) {
    const size_t byte = at / 8;
    auto window = static_cast<uint32_t>(packed[byte]);
    if (at % 8 + bits > 8) window |= static_cast<uint32_t>(packed[byte + 1]) << 8;
    code = static_cast<uint8_t>(window >> (at % 8) & ((1u << bits) - 1));
    at += bits;
  }
}

}  // namespace tenon::base
