// The signatures of an engine, shared by its contexts.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/fork.h"
#include "lower/executable.h"

namespace tenon::runtime {

/// Makes signatures and keeps those used last, up to `limit` bytes of them. Thread-safe; whoever
/// runs one keeps it alive.
class SignatureCache {
 public:
  static constexpr size_t default_limit = size_t{64} << 20;

  explicit SignatureCache(size_t limit = default_limit) : limit_(limit) {}

  /// Throws as lower::make_signature.
  std::shared_ptr<const lower::Signature> find_or_make(const lower::Executable& executable,
                                                       const lower::Region& region,
                                                       std::span<const int64_t> symbols,
                                                       kernel::Backend& backend);
  size_t size() const;

 private:
  struct Entry {
    const lower::Region* region = nullptr;
    std::shared_ptr<const lower::Signature> signature;
    uint64_t key = 0;
    size_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  Entries::iterator find(const lower::Region& region, uint64_t key,
                         std::span<const int64_t> symbols);
  void drop_oldest();

  size_t limit_;
  mutable base::Mutex mutex_;
  size_t bytes_ = 0;
  Entries entries_;  // most recently used first
  std::unordered_multimap<uint64_t, Entries::iterator> by_key_;
};

}  // namespace tenon::runtime
