// The text form of scalar expressions, both ways.
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "ir/scalar.h"

namespace tenon::ir {
namespace {

using Instruction = Expression::Instruction;

constexpr size_t most_characters = 32768;
constexpr int most_depth = Expression::max_instructions;

bool is_leaf(Scalar op) { return op == Scalar::input || op == Scalar::literal; }

// Shortest digits that read back as the same bits.
std::string literal_text(double value) {
  return std::isnan(value) ? "nan" : fmt::format("{}", value);
}

class Printer {
 public:
  explicit Printer(const std::vector<Instruction>& instructions)
      : instructions_(instructions), uses_(instructions.size()), names_(instructions.size()) {
    for (const Instruction& instruction : instructions) {
      for (size_t arg = 0; arg < static_cast<size_t>(arity(instruction.op)); ++arg) {
        ++uses_[static_cast<size_t>(instruction.args[arg])];
      }
    }
  }

  std::string run() {
    std::string out;
    int bound = 0;
    for (size_t i = 0; i + 1 < instructions_.size(); ++i) {
      if (uses_[i] < 2 || is_leaf(instructions_[i].op)) continue;
      const std::string name = fmt::format("t{}", bound++);
      out += name + " = " + print(i) + "; ";
      names_[i] = name;
    }
    return out + print(instructions_.size() - 1);
  }

 private:
  // Recursion is bounded by Expression::max_instructions.
  std::string print(size_t index) const {
    if (!names_[index].empty()) return names_[index];
    const Instruction& instruction = instructions_[index];
    if (instruction.op == Scalar::input)
      return std::string(1, static_cast<char>('a' + instruction.args[0]));
    if (instruction.op == Scalar::literal) return literal_text(instruction.value);
    std::string out(to_string(instruction.op));
    for (size_t arg = 0; arg < static_cast<size_t>(arity(instruction.op)); ++arg) {
      out += arg == 0 ? "(" : ", ";
      out += print(static_cast<size_t>(instruction.args[arg]));
    }
    return out + ")";
  }

  const std::vector<Instruction>& instructions_;
  std::vector<int> uses_;
  std::vector<std::string> names_;
};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Scalar> function_named(std::string_view name) {
  for (size_t i = 0; i < std::size(scalar_infos); ++i) {
    const auto scalar = static_cast<Scalar>(i);
    if (!is_leaf(scalar) && to_string(scalar) == name) return scalar;
  }
  return std::nullopt;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text.size() > most_characters) fail("the text is too long");
  }

  Expression run() {
    while (binding()) {
    }
    const int16_t result = value(0);
    skip_spaces();
    if (at_ != text_.size()) fail("text after the expression");
    if (static_cast<size_t>(result) + 1 != instructions_.size()) {
      instructions_.resize(static_cast<size_t>(result) + 1);
    }
    return Expression(std::move(instructions_));
  }

  [[noreturn]] void fail(std::string_view sentence) const {
    base::fail(ErrorCode::bad_file, "expression {}: {} at character {}", base::quoted(text_),
               sentence, at_ + 1);
  }

 private:
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool accept(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view word() {
    skip_spaces();
    const size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  int16_t add(const Instruction& instruction) {
    // Each use of a leaf is one here, up to three for each function.
    if (instructions_.size() == 4 * Expression::max_instructions) fail("too many instructions");
    instructions_.push_back(instruction);
    return static_cast<int16_t>(instructions_.size() - 1);
  }

  // `t0 = value;`, or nothing and no step forward.
  bool binding() {
    const size_t start = at_;
    const std::string_view name = word();
    if (name.size() < 2 || name[0] != 't' || !is_digit(name[1]) || !accept('=')) {
      at_ = start;
      return false;
    }
    const int16_t index = value(0);
    if (!accept(';')) fail("expected ';'");
    if (!names_.emplace(name, index).second) fail("a name is bound twice");
    return true;
  }

  int16_t value(int depth) {
    if (depth > most_depth) fail("nested too deeply");
    skip_spaces();
    if (at_ < text_.size() && (text_[at_] == '-' || is_digit(text_[at_]))) return literal();
    const size_t start = at_;
    const std::string_view name = word();
    if (accept('(')) return call(name, depth);
    if (name == "inf" || name == "nan") {
      at_ = start;
      return literal();
    }
    if (name.size() == 1 && name[0] >= 'a' && name[0] < 'a' + Expression::max_inputs) {
      return add({.op = Scalar::input, .args = {static_cast<int16_t>(name[0] - 'a')}});
    }
    const auto bound = names_.find(std::string(name));
    if (bound != names_.end()) return bound->second;
    at_ = start;
    fail("expected a function, an input a to p, a bound name or a number");
  }

  int16_t call(std::string_view name, int depth) {
    const auto op = function_named(name);
    if (!op) fail("unknown function " + base::quoted(name));
    Instruction instruction{.op = *op};
    for (int arg = 0; arg < arity(*op); ++arg) {
      if (arg > 0 && !accept(',')) fail("expected ','");
      instruction.args[static_cast<size_t>(arg)] = value(depth + 1);
    }
    if (!accept(')')) fail("expected ')'");
    return add(instruction);
  }

  int16_t literal() {
    const bool negative = accept('-');
    double value = 0;
    if (text_.substr(at_, 3) == "inf" || text_.substr(at_, 3) == "nan") {
      const std::string_view name = word();
      if (name.size() != 3) fail("expected inf or nan");
      value = name == "inf" ? std::numeric_limits<double>::infinity()
                            : std::numeric_limits<double>::quiet_NaN();
    } else {
      if (at_ == text_.size() || !is_digit(text_[at_])) fail("expected a number");
      const auto [stop, error] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc()) fail("the number is not a double");
      at_ = static_cast<size_t>(stop - text_.data());
    }
    return add({.op = Scalar::literal, .value = negative ? -value : value});
  }

  std::string_view text_;
  size_t at_ = 0;
  std::map<std::string, int16_t, std::less<>> names_;
  std::vector<Instruction> instructions_;
};

}  // namespace

std::string Expression::text() const {
  return instructions_.empty() ? std::string() : Printer(instructions_).run();
}

Expression Expression::parse(std::string_view text) {
  Parser parser(text);
  try {
    return parser.run();
  } catch (const BuildError& error) {  // more instructions than an expression may have
    parser.fail(error.what());
  }
}

}  // namespace tenon::ir
