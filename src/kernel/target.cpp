// Questions about a target, and its key among the records of choices.
#include "kernel/target.h"

#include <algorithm>

#include "base/text.h"

namespace tenon::kernel {

bool Target::has(std::string_view feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

std::string Target::key() const {
  const std::string units = features.empty() ? "reference" : base::join(features, "+");
  return backend + "/" + architecture + "/" + units;
}

bool Target::is_key(std::string_view text) {
  constexpr std::string_view in_words =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const auto take_word = [&] {
    const size_t end = std::min(text.find_first_not_of(in_words), text.size());
    text.remove_prefix(end);
    return end > 0;
  };
  const auto take = [&](char between) {
    const bool there = text.starts_with(between);
    if (there) text.remove_prefix(1);
    return there;
  };
  if (!take_word() || !take('/') || !take_word() || !take('/') || !take_word()) return false;
  while (take('+')) {
    if (!take_word()) return false;
  }
  return text.empty();
}

}  // namespace tenon::kernel
