// Quoting, joining and comparing names.
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

namespace tenon::base {

namespace {

// Bytes of the well-formed UTF-8 sequence (Unicode 15, table 3-7) at the front of `text`; 0 when
// there is none.
size_t utf8_length(std::string_view text) noexcept {
  const auto at = [&](size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first < 0xc2   ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < least || at(1) > most) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string escaped(char c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\t': return "\\t";
    default: return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
}

bool is_control(char c) {
  const auto code = static_cast<unsigned char>(c);
  return code < 0x20 || code == 0x7f;
}

bool needs_escape_in_quotes(char c) { return is_control(c) || c == '"' || c == '\\'; }

void append_escaped(std::string& out, std::string_view text, bool (*needs_escape)(char)) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length > 0 && !needs_escape(text[0])) {
      out += text.substr(0, length);
    } else {
      out += escaped(text[0]);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
}

// The character that the escape after a backslash stands for; takes it off the front of `text`.
std::optional<char> parse_escape(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const char kind = text[0];
  text.remove_prefix(1);
  if (kind == '"' || kind == '\\') return kind;
  if (kind == 'n') return '\n';
  if (kind == 't') return '\t';
  if (kind != 'x' || text.size() < 2) return std::nullopt;
  unsigned char value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 2, value, 16);
  if (error != std::errc() || end != text.data() + 2) return std::nullopt;
  text.remove_prefix(2);
  return static_cast<char>(value);
}

// Edit distance (Levenshtein), or anything above `most` once it must be more.
size_t distance(std::string_view a, std::string_view b, size_t most) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
    if (*std::min_element(row.begin(), row.end()) > most) return most + 1;
  }
  return row.back();
}

}  // namespace

std::string quoted(std::string_view name, size_t limit) {
  std::string text = "\"";
  if (name.size() <= limit) {
    append_escaped(text, name, needs_escape_in_quotes);
  } else {
    append_escaped(text, name.substr(0, limit / 2), needs_escape_in_quotes);
    text += "…";
    append_escaped(text, name.substr(name.size() - limit / 2), needs_escape_in_quotes);
  }
  return text + "\"";
}

std::string one_line(std::string_view message) {
  std::string text;
  append_escaped(text, message, is_control);
  return text;
}

std::optional<std::string> parse_quoted(std::string_view& text) {
  std::string_view rest = text;
  if (rest.empty() || rest[0] != '"') return std::nullopt;
  rest.remove_prefix(1);
  std::string name;
  while (!rest.empty()) {
    const char c = rest[0];
    rest.remove_prefix(1);
    if (c == '"') {
      text = rest;
      return name;
    }
    const std::optional<char> meant = c == '\\' ? parse_escape(rest) : c;
    if (!meant) return std::nullopt;
    name += *meant;
  }
  return std::nullopt;
}

std::string join(std::span<const std::string> parts, std::string_view between) {
  return fmt::format("{}", fmt::join(parts, between));
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  constexpr size_t kLongest = 1000;  // the distance is quadratic; no model has such names
  if (name.size() > kLongest) return {};
  size_t most = name.size() / 3;
  const std::string* best = nullptr;
  for (const std::string& candidate : candidates) {
    const auto [shorter, longer] = std::minmax({name.size(), candidate.size()});
    if (longer - shorter > most) continue;
    const size_t edits = distance(name, candidate, most);
    if (edits > most || (best && edits == most)) continue;
    most = edits;
    best = &candidate;
  }
  return best ? *best : std::string();
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0 || text[0] == '\0') return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace tenon::base
