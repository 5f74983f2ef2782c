// Reads dim expressions from text.
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "ir/dim.h"

namespace tenon::ir {
namespace {

constexpr size_t most_characters = 16384;
constexpr int most_depth = 96;

// Recursive descent over sums of products; depth counts nested parentheses.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text.size() > most_characters) fail("the text is too long");
  }

  Dim all() {
    const Dim result = sum(0);
    skip_spaces();
    if (at_ != text_.size()) fail("expected an operator");
    return result;
  }

  [[noreturn]] void fail(std::string_view sentence) const {
    base::fail(ErrorCode::bad_file, "dim {}: {} at character {}", base::quoted(text_), sentence,
               at_ + 1);
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

  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}'", c));
  }

  Dim sum(int depth) {
    if (depth > most_depth) fail("nested too deeply");
    Dim result = term(depth, accept('-'));
    for (;;) {
      if (accept('+')) {
        result = result + term(depth, false);
      } else if (accept('-')) {
        result = result + term(depth, true);
      } else {
        return result;
      }
    }
  }

  Dim term(int depth, bool negative) {
    Dim result = factor(depth, negative);
    while (accept('*')) result = result * factor(depth, false);
    return result;
  }

  Dim factor(int depth, bool negative) {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') return number(negative);
    const Dim sign = negative ? -1 : 1;
    if (accept('(')) {
      const Dim inner = sum(depth + 1);
      expect(')');
      return sign * inner;
    }
    return sign * name(depth);
  }

  // The sign is read with the digits, for the least number has no positive.
  Dim number(bool negative) {
    const std::string digits = (negative ? "-" : "") + std::string(text_.substr(at_, 20));
    int64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc()) fail("the number exceeds 64 bits");
    at_ += static_cast<size_t>(stop - digits.data()) - (negative ? 1 : 0);
    return value;
  }

  Dim name(int depth) {
    size_t length = 0;
    while (Dim::is_symbol_name(text_.substr(at_, length + 1)) && at_ + length < text_.size())
      ++length;
    if (length == 0) fail("expected a number, a name or '('");
    const std::string_view word = text_.substr(at_, length);
    const size_t start = at_;
    at_ += length;
    if (!accept('(')) return Dim::symbol(word);
    const Dim a = sum(depth + 1);
    expect(',');
    const Dim b = sum(depth + 1);
    expect(')');
    if (word == "floor_div") return floor_div(a, b);
    if (word == "mod") return mod(a, b);
    if (word == "min") return min(a, b);
    if (word == "max") return max(a, b);
    if (word == "broadcast") return broadcast(a, b);
    at_ = start;
    fail("unknown function");
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Dim Dim::parse(std::string_view text) {
  Parser parser(text);
  try {
    return parser.all();
  } catch (const BuildError&
               error) {  // overflow, division by zero, or an expression that grows too large
    parser.fail(error.what());
  }
}

}  // namespace tenon::ir
