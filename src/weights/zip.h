// The directory of a zip archive (APPNOTE 6.3.10), zip64 too, and the bytes of its entries.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/byte_source.h"

namespace tenon::weights {

/// One file of an archive. Checked: its bytes lie before the directory and overlap no other
/// entry's.
struct ZipEntry {
  std::string name;
  uint64_t offset = 0;      ///< of the stored bytes in the archive
  uint64_t compressed = 0;  ///< bytes as stored
  uint64_t size = 0;        ///< bytes as they were
  uint32_t crc = 0;
  bool deflated = false;
};

/// Throws bad_file or unsupported (encryption, other methods, several disks), naming the archive.
std::vector<ZipEntry> read_zip_directory(const base::ByteSource& archive);

/// Reads a deflated entry front to back; refers to the archive and the entry. Throws bad_file.
class EntryReader {
 public:
  EntryReader(const base::ByteSource& archive, const ZipEntry& entry);
  ~EntryReader();

  /// Fills `out` with the entry's next bytes.
  void read(std::span<std::byte> out);
  /// Throws unless the entry ends here and all of it had the CRC that the directory says.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenon::weights
