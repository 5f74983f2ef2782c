// Every error that Tenon throws: one class, a code that programs test, a sentence that people read.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/export.h"

namespace tenon {

enum class ErrorCode {
  invalid_input,  ///< an argument of a run or call: name, dtype, rank, size, value
  unsupported,    ///< a feature of a model or file that Tenon does not have
  bad_file,       ///< bytes that are not what their format says
  build,          ///< a network that cannot be compiled
  plan,           ///< a plan that cannot be loaded here
  refit,          ///< new weights that do not fit the engine; see RefitError::problems()
  not_ready,      ///< an engine without its weights
  io,             ///< the operating system's answer to a read or write
  cancelled,      ///< stopped by the caller
  unavailable,    ///< a device, a feature or as much memory as this machine lacks
};

/// The code's name in snake_case, as in the enumeration.
TENON_API std::string_view to_string(ErrorCode code) noexcept;

/// Base of all errors. `what()` is one line: the thing, the fact and the way out; control
/// characters out of a file's names are escaped.
class TENON_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);
  ~Error() override;

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// One thing that keeps a network from being compiled.
struct Problem {
  std::string kind;      ///< "op", "feature", or the error's code
  int64_t index = -1;    ///< of the node in the model's outermost graph; -1 for what is not there
  std::string node, op;  ///< its name (or its first output's) and op type; "" for what is no node's
  std::string message;   ///< a line
};

/// A network could not be read or compiled (invalid_input, unsupported, bad_file or build).
/// `problems()` holds all that were found: one, `what()`, unless they are listed.
class TENON_API BuildError : public Error {
 public:
  BuildError(ErrorCode code, const std::string& message, std::vector<Problem> problems = {});
  ~BuildError() override;

  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// A plan could not be read or does not fit this library or machine.
class TENON_API PlanError : public Error {
 public:
  explicit PlanError(const std::string& message) : Error(ErrorCode::plan, message) {}
  ~PlanError() override;
};

/// An input or output of a run has the wrong name, dtype, rank, size or value.
class TENON_API InputError : public Error {
 public:
  explicit InputError(const std::string& message) : Error(ErrorCode::invalid_input, message) {}
  ~InputError() override;
};

/// New weights were refused. Nothing has changed; `problems()` holds one line for each, all of
/// them. The code is refit, or what a file of weights cannot be read for: io, bad_file,
/// unsupported, plan.
class TENON_API RefitError : public Error {
 public:
  explicit RefitError(std::vector<std::string> problems, ErrorCode code = ErrorCode::refit);
  ~RefitError() override;

  const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  std::vector<std::string> problems_;
};

/// The engine has no weights yet (a stripped plan) or lost them; refit it first.
class TENON_API NotReadyError : public Error {
 public:
  explicit NotReadyError(const std::string& message) : Error(ErrorCode::not_ready, message) {}
  ~NotReadyError() override;
};

/// The candidate with the fewest edits from `name`, where they are at most a third of its length;
/// else "". For messages about names that are not there.
TENON_API std::string nearest(std::string_view name, std::span<const std::string> candidates);

}  // namespace tenon
