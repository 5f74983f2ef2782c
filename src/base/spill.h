// Bytes moved out of memory into a file that nobody else sees.
#pragma once

#include <memory>

#include "base/byte_source.h"

namespace tenon::base {

/// A file without a name in the cache's folder, else in the system's for temporary files: written
/// once, read back from there, gone with the last who holds its source. One thread writes.
class Spill {
 public:
  /// Throws io.
  Spill();
  /// Appends; returns the offset of the bytes in source(). Throws io.
  uint64_t write(Bytes bytes);
  /// All that was written and will be.
  std::shared_ptr<const ByteSource> source() const;

 private:
  class File;
  std::shared_ptr<File> file_;
};

}  // namespace tenon::base
