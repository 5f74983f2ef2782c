// Regular expressions, by RE2.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tenon::base {

/// A pattern that is compiled. Matching takes time linear in the text. Immutable, thread-safe.
class Regex {
 public:
  /// Throws unavailable where RE2 is not there.
  explicit Regex(const std::string& pattern);
  /// What is wrong with the pattern; "" where nothing is.
  const std::string& problem() const noexcept { return problem_; }
  /// Only without a problem.
  bool matches_whole(std::string_view text) const noexcept;

 private:
  std::shared_ptr<void> made_;
  std::string problem_;
};

}  // namespace tenon::base
