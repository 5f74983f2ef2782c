// Small helpers for messages and names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::base {

/// `"name"` with quotes, control characters and bytes that are not UTF-8 escaped; a name of more
/// than `limit` bytes is cut in the middle (for messages; texts that are read again pass
/// whole_name).
std::string quoted(std::string_view name, size_t limit = 200);
inline constexpr size_t whole_name = SIZE_MAX;
/// The message with control characters and bytes that are not UTF-8 escaped.
std::string one_line(std::string_view message);
/// Takes a quoted() name off the front of `text` and undoes the escapes; nothing (and no change)
/// when it is malformed.
std::optional<std::string> parse_quoted(std::string_view& text);
std::string join(std::span<const std::string> parts, std::string_view between);
/// The candidate with the least edit distance, if it is near (at most a third of the name's
/// length); else "".
std::string nearest(std::string_view name, std::span<const std::string> candidates);
/// True for well-formed UTF-8 without NUL.
bool is_utf8(std::string_view text) noexcept;

}  // namespace tenon::base
