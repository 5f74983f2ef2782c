// The directory of a zip archive (APPNOTE 6.3.10), zip64 too, and the bytes of its entries.
#pragma once

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

/// The bytes of a deflated entry, at most as many as the entry says; checked by length and CRC.
std::vector<std::byte> inflate_entry(const base::ByteSource& archive, const ZipEntry& entry);

}  // namespace tenon::weights
