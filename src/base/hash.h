// Content digests (XXH3, 64 bits): they find damage and differences, not malice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tenon::base {

/// XXH3-64 of one run of bytes.
uint64_t hash(Bytes bytes) noexcept;
inline uint64_t hash(std::string_view text) noexcept {
  return hash(std::as_bytes(std::span(text)));
}

/// Mixes a value into a running hash (order matters).
uint64_t combine(uint64_t seed, uint64_t value) noexcept;

/// The digest of a tensor's bytes: XXH3-64 of each 1 MiB chunk, then of those hashes; text
/// "xxh3:0123456789abcdef".
class Digester {
 public:
  static constexpr size_t chunk = size_t{1} << 20;

  void update(Bytes bytes);
  std::string finish();

 private:
  std::vector<std::byte> pending_;  // under one chunk
  std::vector<uint64_t> hashes_;
};

/// Digester over bytes that are all there.
std::string digest(Bytes bytes);

}  // namespace tenon::base
