// XXH3, compiled here and nowhere else.
#define XXH_INLINE_ALL
#include "base/hash.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>

namespace tenon::base {

uint64_t hash(Bytes bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t combine(uint64_t seed, uint64_t value) noexcept {
  return XXH3_64bits_withSeed(&value, sizeof value, seed);
}

void Digester::update(Bytes bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min(chunk - pending_.size(), bytes.size());
    if (count == chunk) {
      hashes_.push_back(hash(bytes.first(chunk)));  // whole: no need to copy it
    } else {
      pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    }
    bytes = bytes.subspan(count);
    if (pending_.size() < chunk) continue;
    hashes_.push_back(hash(Bytes(pending_)));
    pending_.clear();
  }
}

std::string Digester::finish() {
  if (!pending_.empty()) hashes_.push_back(hash(Bytes(pending_)));
  const uint64_t whole = hash(std::as_bytes(std::span(hashes_)));
  pending_.clear();
  hashes_.clear();
  return fmt::format("xxh3:{:016x}", whole);
}

std::string digest(Bytes bytes) {
  Digester digester;
  digester.update(bytes);
  return digester.finish();
}

}  // namespace tenon::base
