// Bodies of the error classes, and the choice of the class that belongs to a code.
#include "base/error.h"

#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace tenon {

namespace {

std::string describe(std::span<const std::string> problems) {
  if (problems.size() == 1) return problems[0];
  return fmt::format("{} problems: {}", problems.size(), base::join(problems, "; "));
}

}  // namespace

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_input: return "invalid_input";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::bad_file: return "bad_file";
    case ErrorCode::build: return "build";
    case ErrorCode::plan: return "plan";
    case ErrorCode::refit: return "refit";
    case ErrorCode::not_ready: return "not_ready";
    case ErrorCode::io: return "io";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::unavailable: return "unavailable";
  }
  return "unknown";
}

Error::Error(ErrorCode code, const std::string& message)
    : std::runtime_error(base::one_line(message)), code_(code) {}

BuildError::BuildError(ErrorCode code, const std::string& message, std::vector<Problem> problems)
    : Error(code, message), problems_(std::move(problems)) {
  if (problems_.empty()) problems_ = {{.kind = std::string(to_string(code)), .message = message}};
  for (Problem& problem : problems_) problem.message = base::one_line(problem.message);
}

RefitError::RefitError(std::vector<std::string> problems, ErrorCode code)
    : Error(code, describe(problems)), problems_(std::move(problems)) {
  for (std::string& problem : problems_) problem = base::one_line(problem);
}

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  return base::nearest(name, candidates);
}

// Out of line, so that each class has one home for its type information across shared libraries.
Error::~Error() = default;
BuildError::~BuildError() = default;
PlanError::~PlanError() = default;
InputError::~InputError() = default;
RefitError::~RefitError() = default;
NotReadyError::~NotReadyError() = default;

}  // namespace tenon

namespace tenon::base {

void throw_error(ErrorCode code, const std::string& message) {
  switch (code) {
    case ErrorCode::invalid_input: throw InputError(message);
    case ErrorCode::build: throw BuildError(code, message);
    case ErrorCode::plan: throw PlanError(message);
    case ErrorCode::refit: throw RefitError({message});
    case ErrorCode::not_ready: throw NotReadyError(message);
    default: throw Error(code, message);
  }
}

void fail_errno(std::string_view what, std::string_view thing) {
  const int number = errno;
  fail(ErrorCode::io, "{}: {}: {}{}", quoted(thing), what, std::generic_category().message(number),
       number == EMFILE ? "; keep the data in fewer files, or raise ulimit -n" : "");
}

}  // namespace tenon::base
