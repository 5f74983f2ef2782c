// The door to weights' values.
#include "base/error.h"
#include "base/text.h"
#include "passes/pass.h"

namespace tenon::passes {

const std::vector<std::byte>* Door::peek(const std::string& weight) {
  const auto [entry, fresh] = seen_.try_emplace(weight);
  std::optional<std::vector<std::byte>>& bytes = entry->second;
  if (fresh) {
    if (reader_) bytes = reader_(weight);
    if (!bytes) shut_.insert(weight);
    if (bytes && bytes->size() > ir::inline_constant_bytes) bytes.reset();
  }
  return bytes ? &*bytes : nullptr;
}

void Door::guard(const std::string& weight, std::string_view pass) {
  const std::vector<std::byte>* bytes = peek(weight);
  if (!bytes) {
    base::fail(ErrorCode::build, "internal: pass {} guards {}, whose value it cannot know", pass,
               base::quoted(weight));
  }
  guards_.try_emplace({weight, std::string(pass)}, ir::Guard{weight, std::string(pass), *bytes});
}

std::vector<ir::Guard> Door::take_guards() {
  std::vector<ir::Guard> guards;
  for (auto& [key, guard] : guards_) guards.push_back(std::move(guard));
  guards_.clear();
  return guards;
}

}  // namespace tenon::passes
