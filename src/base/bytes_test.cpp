// ByteReader's bounds.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include "tenon/error.h"

namespace tenon::base {
namespace {

TEST(bytes, reader_reads_what_the_writer_wrote) {
  ByteWriter writer;
  writer.write_scalar<uint16_t>(0x1234);
  writer.write_scalar(1.5);
  ByteReader reader(writer.bytes(), "thing");
  EXPECT_EQ(writer.bytes()[0], std::byte{0x34});
  EXPECT_EQ(reader.read<uint16_t>(), 0x1234);
  EXPECT_EQ(reader.read<double>(), 1.5);
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(bytes, step_past_the_end_is_refused_by_name) {
  const std::vector<std::byte> four(4);
  ByteReader reader(four, "thing");
  reader.skip(1);
  try {
    reader.take(UINT64_MAX);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
    EXPECT_EQ(std::string(error.what()).find("thing: ends too early"), 0u) << error.what();
  }
  EXPECT_EQ(reader.position(), 1u);
  EXPECT_THROW(reader.read<uint32_t>(), Error);
}

}  // namespace
}  // namespace tenon::base
