// A bounded cache, the least recently used gone first.
#include "runtime/signature_cache.h"

#include <algorithm>

#include "base/hash.h"

namespace tenon::runtime {
namespace {

uint64_t hash_of(const lower::Region& region, std::span<const int64_t> symbols) {
  auto key = reinterpret_cast<uintptr_t>(&region);
  for (const int symbol : region.symbols) {
    key = base::combine(key, static_cast<uint64_t>(symbols[static_cast<size_t>(symbol)]));
  }
  return key;
}

}  // namespace

SignatureCache::Entries::iterator SignatureCache::find(const lower::Region& region, uint64_t key,
                                                       std::span<const int64_t> symbols) {
  for (auto [at, end] = by_key_.equal_range(key); at != end; ++at) {
    const Entry& entry = *at->second;
    if (entry.region == &region && lower::fits(region, *entry.signature, symbols)) {
      return at->second;
    }
  }
  return entries_.end();
}

std::shared_ptr<const lower::Signature> SignatureCache::find_or_make(
    const lower::Executable& executable, const lower::Region& region,
    std::span<const int64_t> symbols, kernel::Backend& backend) {
  const uint64_t key = hash_of(region, symbols);
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = find(region, key, symbols); known != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, known);
      return known->signature;
    }
  }
  // Made without the lock: others run on meanwhile. Two that make the same one keep the first.
  auto signature = lower::make_signature(executable, region, symbols, backend);
  const std::lock_guard lock(mutex_);
  if (const auto known = find(region, key, symbols); known != entries_.end()) {
    return known->signature;
  }
  const size_t bytes = signature->bytes();
  entries_.push_front({&region, signature, key, bytes});
  by_key_.emplace(key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > limit_ && entries_.size() > 1) drop_oldest();
  return signature;
}

void SignatureCache::drop_oldest() {
  const auto oldest = std::prev(entries_.end());
  const auto [first, last] = by_key_.equal_range(oldest->key);
  by_key_.erase(
      std::find_if(first, last, [&](const auto& entry) { return entry.second == oldest; }));
  bytes_ -= oldest->bytes;
  entries_.pop_back();
}

size_t SignatureCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace tenon::runtime
