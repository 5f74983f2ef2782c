// The bounded step of ByteReader.
#include "base/bytes.h"

#include <bit>

#include "base/error.h"

namespace tenon::base {

static_assert(std::endian::native == std::endian::little, "file formats are read as they lie");

Bytes ByteReader::take(uint64_t count) {
  if (count > remaining()) {
    fail(ErrorCode::bad_file, "{}: ends too early: {} bytes wanted at {}, {} left", what_, count,
         position_, remaining());
  }
  const Bytes taken = bytes_.subspan(position_, count);
  position_ += count;
  return taken;
}

}  // namespace tenon::base
