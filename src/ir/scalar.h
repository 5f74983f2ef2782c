// Small expressions over scalars: what a Pointwise node computes for each element.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/tensor.h"

namespace tenon::ir {

/// Functions of scalars. f16 and bf16 are computed in f32 and rounded once, at the end of the
/// expression.
enum class Scalar : uint8_t {
  input,
  literal,  // leaves of an expression
  add,
  sub,
  mul,
  div,
  mod,
  fmod,
  pow,
  min,
  max,  // (a, b) -> type of a; mod is Python's, fmod C's
  bit_and,
  bit_or,
  bit_xor,
  shift_left,
  shift_right,  // integers
  logical_and,
  logical_or,
  logical_xor,  // bool, bool -> bool
  equal,
  less,
  less_equal,  // (a, b) -> bool
  neg,
  abs,
  sign,
  ceil,
  floor,
  round,
  sqrt,
  reciprocal,
  exp,
  log,
  erf,  // round: half to even
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  relu,
  sigmoid,
  softplus,
  bit_not,
  logical_not,
  is_nan,
  is_positive_infinity,
  is_negative_infinity,  // float -> bool
  where,                 // (bool, a, b)
};

/// The function's name in the text form; the number of its arguments.
std::string_view to_string(Scalar scalar) noexcept;
int arity(Scalar scalar) noexcept;

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
    std::array<int16_t, 3>
        args{};        ///< indices of earlier instructions; for `input`, args[0] is which
    double value = 0;  ///< of a literal
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
