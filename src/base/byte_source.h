// A random-access sequence of bytes that may be gone or changed by the time it is read: memory or a
// file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace tenon::base {

/// Where bytes are. Immutable and shared between threads; reads may be concurrent.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  /// Fills `out` from `offset`; throws io when the bytes cannot be read, bad_file past the end.
  virtual void read(uint64_t offset, std::span<std::byte> out) const = 0;
  /// Throws bad_file, naming the source, when its bytes may differ from those seen when it was
  /// opened. Called before and after a series of reads.
  virtual void check_unchanged() const = 0;
  /// False where the bytes are a caller's, there to the end of its call only: who keeps them takes
  /// a copy.
  virtual bool lasting() const noexcept { return true; }
  /// The bytes in place, when the source is memory; nullptr for a file.
  virtual const std::byte* memory() const noexcept { return nullptr; }
  /// What an error calls it: a quoted path, or "memory".
  virtual std::string name() const = 0;
};

/// A file behind a descriptor: one that is renamed, replaced or unlinked reads on; one rewritten in
/// place is found out by inode, size and mtime, and by ctime where the path still leads to it.
/// Never maps the file. Throws io when it cannot be opened or is not a regular file.
std::shared_ptr<const ByteSource> open_file(const std::filesystem::path& path);

/// The folder that a file's path names, "." where it names none.
std::filesystem::path folder_of(const std::filesystem::path& path);

/// Takes the bytes over.
std::shared_ptr<const ByteSource> memory_source(std::vector<std::byte> bytes);
/// Bytes that `owner` keeps alive and that nobody writes any more.
std::shared_ptr<const ByteSource> memory_source(Bytes bytes, std::shared_ptr<const void> owner);
/// A caller's bytes; see ByteSource::lasting().
std::shared_ptr<const ByteSource> callers_source(Bytes bytes);
/// A caller's bytes; see ByteSource::lasting().
std::shared_ptr<const ByteSource> callers_source(Bytes bytes);

/// Reads a range into memory; bounded by the source's size before anything is allocated.
std::vector<std::byte> read_range(const ByteSource& source, uint64_t offset, uint64_t count);

}  // namespace tenon::base
