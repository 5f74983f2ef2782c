// Digests: XXH3's published value, chunking, order.
#include "base/hash.h"

#include <gtest/gtest.h>

namespace tenon::base {
namespace {

TEST(hash, is_xxh3_64) {
  // The XXH3 specification's digest of no bytes with seed 0.
  EXPECT_EQ(hash(std::string_view()), 0x2d06800538d394c2u);
  EXPECT_NE(hash("a"), hash("b"));
}

TEST(hash, combine_minds_the_order) {
  EXPECT_NE(combine(combine(0, 1), 2), combine(combine(0, 2), 1));
  EXPECT_NE(combine(0, 0), 0u);
}

TEST(digest, is_the_hash_of_the_hashes_of_chunks) {
  std::vector<std::byte> bytes(2 * Digester::chunk + 5);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 >> 3);
  std::vector<uint64_t> hashes;
  for (size_t start = 0; start < bytes.size(); start += Digester::chunk) {
    hashes.push_back(
        hash(Bytes(bytes).subspan(start, std::min(Digester::chunk, bytes.size() - start))));
  }
  char want[32];
  std::snprintf(want, sizeof want, "xxh3:%016lx",
                static_cast<unsigned long>(hash(std::as_bytes(std::span(hashes)))));
  EXPECT_EQ(digest(bytes), want);
}

TEST(digest, does_not_depend_on_how_the_bytes_come) {
  std::vector<std::byte> bytes(3 * Digester::chunk);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 251);
  Digester digester;
  size_t step = 1;
  for (Bytes rest = bytes; !rest.empty(); step = step * 7 % 1000003) {
    const size_t count = std::min(step, rest.size());
    digester.update(rest.first(count));
    rest = rest.subspan(count);
  }
  EXPECT_EQ(digester.finish(), digest(bytes));
  EXPECT_EQ(digester.finish(), digest({}));  // finish begins anew
}

}  // namespace
}  // namespace tenon::base
