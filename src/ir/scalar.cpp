// Scalar expressions: their canonical form, their dtypes, and the ways in which passes put them
// together.
#include "ir/scalar.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "base/dtype.h"
#include "base/error.h"

namespace tenon::ir {
namespace {

using Instruction = Expression::Instruction;

// Before canonicalisation: two expressions put together, with room for repetitions.
constexpr size_t most_raw_instructions = 2048;

uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }

void check(const std::vector<Instruction>& raw) {
  if (raw.size() > most_raw_instructions) {
    base::fail(ErrorCode::build, "expression: more than {} instructions", most_raw_instructions);
  }
  for (size_t i = 0; i < raw.size(); ++i) {
    if (static_cast<size_t>(raw[i].op) >= std::size(scalar_infos))
      base::fail(ErrorCode::build, "expression: unknown function");
    if (raw[i].op == Scalar::input &&
        (raw[i].args[0] < 0 || raw[i].args[0] >= Expression::max_inputs)) {
      base::fail(ErrorCode::build, "expression: input {} is outside 0..{}", raw[i].args[0],
                 Expression::max_inputs - 1);
    }
    for (int arg = 0; arg < arity(raw[i].op); ++arg) {
      const int operand = raw[i].args[static_cast<size_t>(arg)];
      if (operand < 0 || static_cast<size_t>(operand) >= i) {
        base::fail(ErrorCode::build, "expression: instruction {} uses a later one", i);
      }
    }
  }
}

// The same program with equal instructions merged, literals included.
std::vector<Instruction> merge_equal(const std::vector<Instruction>& raw) {
  std::map<std::tuple<Scalar, std::array<int16_t, 3>, uint64_t>, int16_t> seen;
  std::vector<Instruction> merged;
  std::vector<int16_t> renumbered;
  for (const Instruction& instruction : raw) {
    Instruction next{.op = instruction.op};
    if (next.op == Scalar::input) next.args[0] = instruction.args[0];
    if (next.op == Scalar::literal) {
      next.value = std::isnan(instruction.value) ? std::numeric_limits<double>::quiet_NaN()
                                                 : instruction.value;
    }
    for (size_t arg = 0; arg < static_cast<size_t>(arity(next.op)); ++arg) {
      next.args[arg] = renumbered[static_cast<size_t>(instruction.args[arg])];
    }
    const auto [found, is_new] = seen.try_emplace({next.op, next.args, bits(next.value)},
                                                  static_cast<int16_t>(merged.size()));
    if (is_new) merged.push_back(next);
    renumbered.push_back(found->second);
  }
  if (!renumbered.empty() && renumbered.back() + 1 != static_cast<int>(merged.size())) {
    merged.resize(static_cast<size_t>(renumbered.back()) + 1);  // the result occurred before
  }
  return merged;
}

// Puts out what the result needs, operands first, each once; a literal once for each use.
class Sorter {
 public:
  explicit Sorter(const std::vector<Instruction>& merged)
      : merged_(merged), placed_(merged.size(), -1) {
    place(static_cast<int16_t>(merged.size() - 1));
  }

  std::vector<Instruction> take() { return std::move(out_); }

 private:
  // Recursion is bounded by most_raw_instructions.
  int16_t place(int16_t index) {
    int16_t& placed = placed_[static_cast<size_t>(index)];
    Instruction next = merged_[static_cast<size_t>(index)];
    if (placed >= 0 && next.op != Scalar::literal) return placed;
    for (size_t arg = 0; arg < static_cast<size_t>(arity(next.op)); ++arg) {
      next.args[arg] = place(next.args[arg]);
    }
    if (out_.size() == Expression::max_instructions) {
      base::fail(ErrorCode::build, "expression: more than {} instructions",
                 Expression::max_instructions);
    }
    placed = static_cast<int16_t>(out_.size());
    out_.push_back(next);
    return placed;
  }

  const std::vector<Instruction>& merged_;
  std::vector<int16_t> placed_;
  std::vector<Instruction> out_;
};

// ---- dtypes ----

bool is_unsigned(DType dtype) {
  return dtype == DType::u8 || dtype == DType::u16 || dtype == DType::u32 || dtype == DType::u64;
}

bool accepts(Operands operands, DType dtype) {
  return base::dispatch(dtype, [&]<class T>(base::TypeTag<T>) { return accepts<T>(operands); });
}

bool literal_fits(double value, DType dtype) {
  if (is_floating(dtype)) return true;
  if (is_narrow(dtype)) return false;
  if (dtype == DType::string) return value == 0;  // the empty text
  constexpr double exact = 9007199254740992;      // 2^53
  if (std::floor(value) != value || std::abs(value) > exact) return false;
  if (dtype == DType::bool_) return value == 0 || value == 1;
  const int width = static_cast<int>(byte_count(dtype, 1)) * 8;
  const bool positive = is_unsigned(dtype);
  const double least = positive ? 0 : -std::ldexp(1, width - 1);
  const double limit = std::ldexp(1, positive ? width : width - 1);
  return value >= least && value < limit;
}

// The dtypes of one expression, in order; a literal's is found when its user is typed.
class Typing {
 public:
  Typing(const std::vector<Instruction>& instructions, std::span<const DType> inputs)
      : instructions_(instructions), inputs_(inputs), known_(instructions.size()) {}

  std::vector<DType> run() {
    for (size_t i = 0; i < instructions_.size(); ++i) known_[i] = type(instructions_[i]);
    if (known_.empty() || !known_.back())
      fail("the result is a literal, which has no dtype by itself");
    std::vector<DType> out;
    for (const auto& dtype : known_) out.push_back(*dtype);
    return out;
  }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    base::throw_error(ErrorCode::build,
                      "expression: " + fmt::format(format, std::forward<Args>(args)...));
  }

  std::optional<DType> type(const Instruction& instruction) {
    const Scalar op = instruction.op;
    if (op == Scalar::literal) return std::nullopt;
    if (op == Scalar::input) {
      const auto which = static_cast<size_t>(instruction.args[0]);
      if (which >= inputs_.size())
        fail("it uses input {}, and there are {}", which, inputs_.size());
      return inputs_[which];
    }
    if (op == Scalar::where) {
      const size_t condition = static_cast<size_t>(instruction.args[0]);
      if (known_[condition] != DType::bool_) fail("the first argument of where must be bool");
      return same(op, instruction.args[1], instruction.args[2]);
    }
    const bool unary = arity(op) == 1;
    const DType operand = same(op, instruction.args[0], instruction.args[unary ? 0 : 1]);
    return info(op).gives == Gives::truth ? DType::bool_ : operand;
  }

  DType same(Scalar op, int16_t a, int16_t b) {
    auto &left = known_[static_cast<size_t>(a)], &right = known_[static_cast<size_t>(b)];
    if (!left && !right) fail("{} of literals alone has no dtype", to_string(op));
    if (!left) left = literal(a, *right);
    if (!right) right = literal(b, *left);
    // ONNX's Pow alone takes an exponent of another dtype.
    if (left != right && op != Scalar::pow) {
      fail("{} of {} and {}", to_string(op), tenon::to_string(*left), tenon::to_string(*right));
    }
    for (const DType dtype : {*left, *right}) {
      const bool computes = op != Scalar::where && base::is_moved_only(dtype);
      if (computes || !accepts(info(op).operands, dtype))
        fail("{} does not take {}", to_string(op), tenon::to_string(dtype));
    }
    return *left;
  }

  DType literal(int16_t index, DType dtype) {
    const double value = instructions_[static_cast<size_t>(index)].value;
    if (!literal_fits(value, dtype))
      fail("the literal {} is not a value of {}", value, tenon::to_string(dtype));
    return dtype;
  }

  const std::vector<Instruction>& instructions_;
  std::span<const DType> inputs_;
  std::vector<std::optional<DType>> known_;
};

int16_t renumber(std::span<const int> map, int16_t input) {
  if (static_cast<size_t>(input) >= map.size()) {
    base::fail(ErrorCode::build, "internal: expression: input {} has no new number", input);
  }
  return static_cast<int16_t>(map[static_cast<size_t>(input)]);
}

}  // namespace

bool Instruction::operator==(const Instruction& other) const {
  return op == other.op && args == other.args && bits(value) == bits(other.value);
}

Expression::Expression(std::vector<Instruction> instructions) {
  if (instructions.empty()) return;
  check(instructions);
  instructions_ = Sorter(merge_equal(instructions)).take();
}

Expression Expression::of(Scalar op) {
  std::vector<Instruction> instructions;
  Instruction last{.op = op};
  for (int16_t i = 0; i < arity(op); ++i) {
    instructions.push_back({.op = Scalar::input, .args = {i}});
    last.args[static_cast<size_t>(i)] = i;
  }
  instructions.push_back(last);
  return Expression(std::move(instructions));
}

int Expression::inputs() const {
  int count = 0;
  for (const Instruction& instruction : instructions_) {
    if (instruction.op == Scalar::input) count = std::max(count, instruction.args[0] + 1);
  }
  return count;
}

std::vector<DType> Expression::infer(std::span<const DType> inputs) const {
  return Typing(instructions_, inputs).run();
}

Expression Expression::inline_input(int which, const Expression& inner,
                                    std::span<const int> outer_map,
                                    std::span<const int> inner_map) const {
  std::vector<Instruction> joined;
  for (Instruction instruction : inner.instructions_) {
    if (instruction.op == Scalar::input)
      instruction.args[0] = renumber(inner_map, instruction.args[0]);
    joined.push_back(instruction);
  }
  const auto result = static_cast<int16_t>(joined.size() - 1);
  std::vector<int16_t> places;
  for (Instruction instruction : instructions_) {
    if (instruction.op == Scalar::input && instruction.args[0] == which) {
      places.push_back(result);
      continue;
    }
    if (instruction.op == Scalar::input)
      instruction.args[0] = renumber(outer_map, instruction.args[0]);
    for (size_t arg = 0; arg < static_cast<size_t>(arity(instruction.op)); ++arg) {
      instruction.args[arg] = places[static_cast<size_t>(instruction.args[arg])];
    }
    places.push_back(static_cast<int16_t>(joined.size()));
    joined.push_back(instruction);
  }
  if (!places.empty()) joined.resize(static_cast<size_t>(places.back()) + 1);
  return Expression(std::move(joined));
}

Expression Expression::with_literal(int which, double value) const {
  std::vector<Instruction> replaced = instructions_;
  for (Instruction& instruction : replaced) {
    if (instruction.op == Scalar::input && instruction.args[0] == which) {
      instruction = {.op = Scalar::literal, .value = value};
    }
  }
  return Expression(std::move(replaced));
}

Expression Expression::with_inputs(std::span<const int> map) const {
  std::vector<Instruction> replaced = instructions_;
  for (Instruction& instruction : replaced) {
    if (instruction.op == Scalar::input) instruction.args[0] = renumber(map, instruction.args[0]);
  }
  return Expression(std::move(replaced));
}

}  // namespace tenon::ir
