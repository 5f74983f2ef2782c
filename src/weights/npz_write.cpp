// Writing .npz: stored entries, always with zip64 fields, so that there is one form for every size.
#include <zlib.h>

#include <set>

#include "base/error.h"
#include "base/file_writer.h"
#include "base/text.h"
#include "weights/npy.h"
#include "weights/npz.h"

namespace tenon::weights {

namespace {

constexpr uint16_t kZip64Version = 45;
constexpr uint16_t kUtf8Names = 1 << 11;
constexpr uint16_t kNewYear1980 = 1 << 5 | 1;  // zip's first day: equal arrays make equal files
constexpr uint32_t kIn64 = 0xffffffff;

/// What the directory says of an entry.
struct Written {
  std::string name;
  uint64_t offset = 0, size = 0;
  uint32_t crc = 0;
};

base::Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// The fields that local and central headers share, from the version needed to the name's length.
void write_common(base::ByteWriter& out, const Written& entry, uint16_t extra) {
  out.write_scalar(kZip64Version);
  out.write_scalar(kUtf8Names);
  out.write_scalar<uint16_t>(0);  // stored
  out.write_scalar<uint16_t>(0);  // midnight
  out.write_scalar(kNewYear1980);
  out.write_scalar(entry.crc);
  out.write_scalar(kIn64);
  out.write_scalar(kIn64);
  out.write_scalar(static_cast<uint16_t>(entry.name.size()));
  out.write_scalar(extra);
}

void write_local(base::ByteWriter& out, const Written& entry) {
  out.write_scalar<uint32_t>(0x04034b50);
  write_common(out, entry, 20);
  out.write(bytes_of(entry.name));
  out.write_scalar<uint16_t>(1);
  out.write_scalar<uint16_t>(16);
  out.write_scalar(entry.size);
  out.write_scalar(entry.size);
}

void write_central(base::ByteWriter& out, const Written& entry) {
  out.write_scalar<uint32_t>(0x02014b50);
  out.write_scalar(kZip64Version);
  write_common(out, entry, 28);
  for (int i = 0; i < 3; ++i) out.write_scalar<uint16_t>(0);  // comment, disk, internal attributes
  out.write_scalar<uint32_t>(0);                              // external attributes
  out.write_scalar(kIn64);
  out.write(bytes_of(entry.name));
  out.write_scalar<uint16_t>(1);
  out.write_scalar<uint16_t>(24);
  out.write_scalar(entry.size);
  out.write_scalar(entry.size);
  out.write_scalar(entry.offset);
}

void write_end(base::ByteWriter& out, uint64_t entries, uint64_t offset) {
  const uint64_t size = out.bytes().size();  // of the directory, which `out` holds so far
  out.write_scalar<uint32_t>(0x06064b50);
  out.write_scalar<uint64_t>(44);  // bytes of this record after this field
  out.write_scalar(kZip64Version);
  out.write_scalar(kZip64Version);
  out.write_scalar<uint64_t>(0);  // disks
  out.write_scalar(entries);
  out.write_scalar(entries);
  out.write_scalar(size);
  out.write_scalar(offset);
  out.write_scalar<uint32_t>(0x07064b50);
  out.write_scalar<uint32_t>(0);
  out.write_scalar(offset + size);
  out.write_scalar<uint32_t>(1);
  out.write_scalar<uint32_t>(0x06054b50);
  out.write_scalar<uint32_t>(0);
  out.write_scalar<uint16_t>(0xffff);
  out.write_scalar<uint16_t>(0xffff);
  out.write_scalar(kIn64);
  out.write_scalar(kIn64);
  out.write_scalar<uint16_t>(0);
}

uint32_t crc_of(uint32_t crc, base::Bytes bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void check_name(const std::string& name, std::set<std::string>& names) {
  if (!base::is_utf8(name) || name.size() > 0xfff0) {
    base::fail(ErrorCode::invalid_input, "array name {} is not UTF-8 of under 65,520 bytes",
               base::quoted(name));
  }
  if (names.insert(name).second) return;
  base::fail(ErrorCode::invalid_input, "two arrays have the name {}", base::quoted(name));
}

Written write_array(base::FileWriter& writer, const std::string& name, const TensorView& view,
                    uint64_t offset) {
  const TensorSource copy = copy_of(view);
  const std::string header = npy_header(view.dtype, view.shape, "array " + base::quoted(name));
  const base::Bytes data(copy.bytes->memory(), copy.size());
  const Written entry{.name = name + ".npy",
                      .offset = offset,
                      .size = header.size() + data.size(),
                      .crc = crc_of(crc_of(0, bytes_of(header)), data)};
  base::ByteWriter local;
  write_local(local, entry);
  writer.write(local.bytes());
  writer.write(bytes_of(header));
  writer.write(data);
  return entry;
}

}  // namespace

void write_npz(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, TensorView>>& arrays) {
  const auto writer = base::atomic_file_writer(path);
  std::set<std::string> names;
  base::ByteWriter directory;
  uint64_t offset = 0;
  for (const auto& [name, view] : arrays) {
    check_name(name, names);
    const Written entry = write_array(*writer, name, view, offset);
    write_central(directory, entry);
    offset += 30 + entry.name.size() + 20 + entry.size;
  }
  write_end(directory, arrays.size(), offset);
  writer->write(directory.bytes());
  writer->commit();
}

}  // namespace tenon::weights
