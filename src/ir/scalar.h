// Small expressions over scalars: what a Pointwise node computes for each element.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tenon/tensor.h"

namespace tenon::ir {

/// Which elements a function takes.
enum class Operands : uint8_t { any, numeric, signed_numeric, floating, integer, boolean };

/// What a function gives: the dtype of its operands, or bool.
enum class Gives : uint8_t { same, truth };

// All facts about the functions of scalars but how they are computed: name, arguments, what these
// are, what comes out. `input` and `literal` are the leaves of an expression; mod has the sign of
// b, fmod that of a; round is half to even; where's condition is bool, the exponent of pow may have
// another dtype.
// clang-format off
#define TENON_SCALARS(X) \
  X(input, 0, any, same) \
  X(literal, 0, any, same) \
  X(add, 2, numeric, same) \
  X(sub, 2, numeric, same) \
  X(mul, 2, numeric, same) \
  X(div, 2, numeric, same) \
  X(mod, 2, numeric, same) \
  X(fmod, 2, numeric, same) \
  X(pow, 2, numeric, same) \
  X(min, 2, numeric, same) \
  X(max, 2, numeric, same) \
  X(bit_and, 2, integer, same) \
  X(bit_or, 2, integer, same) \
  X(bit_xor, 2, integer, same) \
  X(shift_left, 2, integer, same) \
  X(shift_right, 2, integer, same) \
  X(logical_and, 2, boolean, same) \
  X(logical_or, 2, boolean, same) \
  X(logical_xor, 2, boolean, same) \
  X(equal, 2, any, truth) \
  X(less, 2, numeric, truth) \
  X(less_equal, 2, numeric, truth) \
  X(neg, 1, signed_numeric, same) \
  X(abs, 1, numeric, same) \
  X(sign, 1, numeric, same) \
  X(ceil, 1, floating, same) \
  X(floor, 1, floating, same) \
  X(round, 1, floating, same) \
  X(sqrt, 1, floating, same) \
  X(reciprocal, 1, floating, same) \
  X(exp, 1, floating, same) \
  X(log, 1, floating, same) \
  X(erf, 1, floating, same) \
  X(sin, 1, floating, same) \
  X(cos, 1, floating, same) \
  X(tan, 1, floating, same) \
  X(asin, 1, floating, same) \
  X(acos, 1, floating, same) \
  X(atan, 1, floating, same) \
  X(sinh, 1, floating, same) \
  X(cosh, 1, floating, same) \
  X(tanh, 1, floating, same) \
  X(asinh, 1, floating, same) \
  X(acosh, 1, floating, same) \
  X(atanh, 1, floating, same) \
  X(relu, 1, signed_numeric, same) \
  X(sigmoid, 1, floating, same) \
  X(softplus, 1, floating, same) \
  X(bit_not, 1, integer, same) \
  X(logical_not, 1, boolean, same) \
  X(is_nan, 1, floating, truth) \
  X(is_positive_infinity, 1, floating, truth) \
  X(is_negative_infinity, 1, floating, truth) \
  X(where, 3, any, same)
// clang-format on

/// Functions of scalars. f16 and bf16 are computed in f32 and rounded once, at the end of the
/// expression.
enum class Scalar : uint8_t {
#define TENON_ENUMERATOR(name, ...) name,
  TENON_SCALARS(TENON_ENUMERATOR)
#undef TENON_ENUMERATOR
};

struct ScalarInfo {
  std::string_view name;  ///< in the text form
  int arity;
  Operands operands;
  Gives gives;
};

inline constexpr ScalarInfo scalar_infos[] = {
#define TENON_INFO(name, arity, operands, gives) {#name, arity, Operands::operands, Gives::gives},
    TENON_SCALARS(TENON_INFO)
#undef TENON_INFO
};

constexpr const ScalarInfo& info(Scalar scalar) noexcept {
  return scalar_infos[static_cast<size_t>(scalar)];
}
constexpr std::string_view to_string(Scalar scalar) noexcept { return info(scalar).name; }
constexpr int arity(Scalar scalar) noexcept { return info(scalar).arity; }

/// Whether operands may be of the C++ type T.
template <class T>
constexpr bool accepts(Operands operands) noexcept {
  constexpr bool boolean = std::is_same_v<T, bool>;
  switch (operands) {
    case Operands::any: break;
    case Operands::numeric: return !boolean;
    case Operands::signed_numeric: return !std::is_unsigned_v<T>;
    case Operands::floating: return !std::is_integral_v<T>;
    case Operands::integer: return std::is_integral_v<T> && !boolean;
    case Operands::boolean: return boolean;
  }
  return true;
}

/// A straight-line program; the last instruction is the result. Inputs are printed a, b, c… (at
/// most 16); a value used twice is bound: "t0 = exp(a); div(t0, add(t0, 1))". Literals take the
/// dtype of the operand beside them (the other branch, for where), and are exact: integers beyond
/// 2^53 are never literals. Always canonical: what the result does not need is gone, equal
/// instructions are one (but each use has its own literal, for its own dtype), operands stand
/// before their users in the order of first use. So equal texts are equal expressions.
class Expression {
 public:
  static constexpr int max_inputs = 16;
  static constexpr size_t max_instructions = 256;

  struct Instruction {
    Scalar op = Scalar::input;
    /// Indices of earlier instructions; for `input`, args[0] is which.
    std::array<int16_t, 3> args{};
    double value = 0;                           ///< of a literal
    bool operator==(const Instruction&) const;  ///< literals compare by bits
  };

  Expression() = default;
  /// Makes the instructions canonical; throws build where they are malformed or too many.
  explicit Expression(std::vector<Instruction> instructions);
  /// One function of the inputs a, b, c.
  static Expression of(Scalar op);
  /// Parses text(); throws bad_file. Length and depth are bounded.
  static Expression parse(std::string_view text);

  const std::vector<Instruction>& instructions() const { return instructions_; }
  bool empty() const { return instructions_.empty(); }
  int inputs() const;  ///< one more than the greatest input used
  std::string text() const;
  /// The dtype of each instruction, given the inputs'; throws build for operands that do not go
  /// together.
  std::vector<DType> infer(std::span<const DType> inputs) const;
  /// Replaces input `which` by another expression and renumbers: inputs of the result are given by
  /// the two maps (from input of this / of `inner` to input of the result). Equal instructions are
  /// merged.
  Expression inline_input(int which, const Expression& inner, std::span<const int> outer_map,
                          std::span<const int> inner_map) const;
  /// Replaces input `which` by a literal; later inputs keep their numbers.
  Expression with_literal(int which, double value) const;
  /// Renumbers inputs.
  Expression with_inputs(std::span<const int> map) const;
  bool operator==(const Expression&) const = default;

 private:
  std::vector<Instruction> instructions_;
};

}  // namespace tenon::ir
