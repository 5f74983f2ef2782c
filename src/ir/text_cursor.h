// A position in a text that is being parsed: spaces, words, quoted names, and errors with line and
// column.
#pragma once

#include <string>
#include <string_view>

namespace tenon::ir {

/// True for letters, digits, '_' and '.': the characters of words.
bool is_word_character(char c) noexcept;
/// True for a word that starts with a letter or '_': such names are printed without quotes.
bool is_plain_name(std::string_view name) noexcept;
/// The name itself if it is plain, else quoted in full.
std::string name_text(std::string_view name);

/// Reads forward; every failure throws bad_file with line and column.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  size_t position() const { return at_; }
  /// The next character after spaces and line ends; '\0' at the end.
  char peek();
  bool at_end() { return peek() == '\0' && at_ == text_.size(); }
  /// Takes `expected` if it comes next. Symbols end anywhere, words only at a word's end.
  bool accept(std::string_view expected);
  void expect(std::string_view expected);
  /// A run of word characters, not empty.
  std::string_view word(std::string_view what);
  /// A "quoted" name.
  std::string quoted_name(std::string_view what);
  /// A word or a quoted name.
  std::string name(std::string_view what);
  /// Characters up to the first of `stops` outside parentheses (not taken), spaces around them
  /// dropped.
  std::string_view until(std::string_view stops, std::string_view what);

  [[noreturn]] void fail(std::string_view sentence) const { fail_at(at_, sentence); }
  [[noreturn]] void fail_at(size_t position, std::string_view sentence) const;

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace tenon::ir
