// Writing a file so that readers see the old bytes or the new ones, never a mixture.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/bytes.h"

namespace tenon::base {

/// A file being written. Without commit() nothing of it stays.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  /// Appends; throws io (no space, …).
  virtual void write(Bytes bytes) = 0;
  /// Makes the bytes durable under the final name.
  virtual void commit() = 0;
};

/// Makes a writer for a path; tests pass one that fails.
using FileWriterFactory = std::function<std::unique_ptr<FileWriter>(const std::filesystem::path&)>;

/// Writes a file without a name, fsyncs, renames it over the target, fsyncs the folder. A crash or
/// error leaves the old file, and nothing beside it; where a file system knows no files without
/// names, what a killed writer left is removed by the target's next one.
std::unique_ptr<FileWriter> atomic_file_writer(const std::filesystem::path& path);
/// As on such a file system.
std::unique_ptr<FileWriter> named_file_writer(const std::filesystem::path& path);

}  // namespace tenon::base
