// Throwing errors whose message is formatted where the fact is known.
#pragma once

#include <fmt/core.h>

#include "tenon/error.h"

namespace tenon::base {

/// Throws the class that belongs to `code` (PlanError for plan, InputError for invalid_input, …).
[[noreturn]] void throw_error(ErrorCode code, const std::string& message);

/// throw_error with a formatted message.
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw_error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// io error with errno's sentence: `"a.plan": cannot open: No such file or directory`.
[[noreturn]] void fail_errno(std::string_view what, std::string_view thing);

}  // namespace tenon::base
