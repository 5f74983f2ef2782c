// A position in a text that is being parsed.
#include "ir/text_cursor.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tenon::ir {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

bool is_word_character(char c) noexcept { return is_letter(c) || is_digit(c) || c == '.'; }

bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && is_letter(name[0]) && std::ranges::all_of(name, is_word_character);
}

std::string name_text(std::string_view name) {
  return is_plain_name(name) ? std::string(name) : base::quoted(name, base::whole_name);
}

char Cursor::peek() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool Cursor::accept(std::string_view expected) {
  peek();
  if (!text_.substr(at_).starts_with(expected)) return false;
  const size_t end = at_ + expected.size();
  const bool word = is_word_character(expected.back());
  if (word && end < text_.size() && is_word_character(text_[end])) return false;
  at_ = end;
  return true;
}

void Cursor::expect(std::string_view expected) {
  if (!accept(expected)) fail(fmt::format("expected `{}`", expected));
}

std::string_view Cursor::word(std::string_view what) {
  peek();
  size_t end = at_;
  while (end < text_.size() && is_word_character(text_[end])) ++end;
  if (end == at_) fail(fmt::format("expected {}", what));
  const std::string_view word = text_.substr(at_, end - at_);
  at_ = end;
  return word;
}

std::string Cursor::quoted_name(std::string_view what) {
  if (peek() != '"') fail(fmt::format("expected {}", what));
  std::string_view rest = text_.substr(at_);
  std::optional<std::string> name = base::parse_quoted(rest);
  if (!name) fail(fmt::format("{} has no closing quote or a wrong escape", what));
  at_ = text_.size() - rest.size();
  return *std::move(name);
}

std::string Cursor::name(std::string_view what) {
  return peek() == '"' ? quoted_name(what) : std::string(word(what));
}

std::string_view Cursor::until(std::string_view stops, std::string_view what) {
  peek();
  const size_t start = at_;
  size_t end = start;
  for (int depth = 0; end < text_.size(); ++end) {
    const char c = text_[end];
    if (depth == 0 && stops.find(c) != std::string_view::npos) break;
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
  }
  if (end == text_.size()) fail(fmt::format("{} has no end", what));
  at_ = end;
  while (end > start && is_space(text_[end - 1])) --end;
  return text_.substr(start, end - start);
}

void Cursor::fail_at(size_t position, std::string_view sentence) const {
  const std::string_view before = text_.substr(0, position);
  const auto line = std::ranges::count(before, '\n') + 1;
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  base::fail(ErrorCode::bad_file, "graph text, line {}, column {}: {}", line,
             position - line_start + 1, sentence);
}

}  // namespace tenon::ir
