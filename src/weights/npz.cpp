// Reading .npz: stored C-ordered arrays stay in the file, the others are unpacked.
#include "weights/npz.h"

#include <algorithm>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "weights/npy.h"
#include "weights/zip.h"

namespace tenon::weights {

namespace {

constexpr std::string_view kSuffix = ".npy";

std::string array_name(const base::ByteSource& archive, const ZipEntry& entry) {
  if (!entry.name.ends_with(kSuffix)) {
    base::fail(
        ErrorCode::unsupported,
        "{}: holds {}, which is no .npy array; save a PyTorch checkpoint as safetensors instead",
        archive.name(), base::quoted(entry.name));
  }
  return entry.name.substr(0, entry.name.size() - kSuffix.size());
}

// The header of an array of `size` bytes whose first ones are `start`: it and the array fill them.
NpyHeader checked_header(base::Bytes start, const base::ByteSource& file, uint64_t size,
                         const std::string& name, const std::string& who) {
  NpyHeader header = parse_npy_header(start, who);
  const uint64_t needed = size_in_file(file, name, header.dtype, header.shape);
  if (needed != size - header.size) {
    base::fail(ErrorCode::bad_file, "{}: has {} bytes, but {}{} needs {}", who, size - header.size,
               to_string(header.dtype), to_string(header.shape), needed);
  }
  return header;
}

NpyHeader checked_header(base::Bytes start, const base::ByteSource& archive, const ZipEntry& entry,
                         const std::string& name) {
  return checked_header(start, archive, entry.size, name,
                        fmt::format("{}: array {}", archive.name(), base::quoted(name)));
}

// Fortran order is the row-major order of the reversed axes.
TensorSource to_row_major(const TensorSource& source) {
  const Shape& shape = source.shape;
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    strides[axis] = stride;
    stride *= std::max<int64_t>(shape[axis], 1);
  }
  const std::vector<std::byte> bytes =
      base::read_range(*source.bytes, source.offset, source.size());
  return copy_of(TensorView(bytes.data(), source.dtype, shape, strides));
}

/// An array as it stands in the archive.
struct Array {
  NpyHeader header;
  TensorSource source;
};

Array read_stored(const std::shared_ptr<const base::ByteSource>& archive, const ZipEntry& entry,
                  const std::string& name) {
  const uint64_t front = std::min(entry.size, kLongestNpyHeader);
  NpyHeader header =
      checked_header(base::read_range(*archive, entry.offset, front), *archive, entry, name);
  TensorSource source{header.dtype, header.shape, archive, entry.offset + header.size};
  return {std::move(header), std::move(source)};
}

// The header is checked before memory is taken for the array: a few bytes may say gigabytes.
Array read_deflated(const std::shared_ptr<const base::ByteSource>& archive, const ZipEntry& entry,
                    const std::string& name) {
  EntryReader reader(*archive, entry);
  std::vector<std::byte> bytes(std::min(entry.size, kLongestNpyHeader));
  reader.read(bytes);
  if (bytes.size() == entry.size) reader.finish();  // damage is told as such, not as the header's
  NpyHeader header = checked_header(bytes, *archive, entry, name);
  const size_t front = bytes.size();
  bytes.resize(entry.size);
  reader.read(std::span(bytes).subspan(front));
  reader.finish();
  TensorSource source{header.dtype, header.shape, base::memory_source(std::move(bytes)),
                      header.size};
  return {std::move(header), std::move(source)};
}

TensorSource read_array(const std::shared_ptr<const base::ByteSource>& archive,
                        const ZipEntry& entry, const std::string& name) {
  const Array array =
      entry.deflated ? read_deflated(archive, entry, name) : read_stored(archive, entry, name);
  return array.header.fortran_order ? to_row_major(array.source) : array.source;
}

}  // namespace

TensorSource read_npy(std::shared_ptr<const base::ByteSource> bytes) {
  const uint64_t front = std::min(bytes->size(), kLongestNpyHeader);
  const NpyHeader header = checked_header(base::read_range(*bytes, 0, front), *bytes, bytes->size(),
                                          bytes->name(), bytes->name());
  const TensorSource source{header.dtype, header.shape, bytes, header.size};
  return header.fortran_order ? to_row_major(source) : source;
}

WeightFile read_npz(std::shared_ptr<const base::ByteSource> bytes) {
  WeightFile file{.path = bytes->name()};
  for (const ZipEntry& entry : read_zip_directory(*bytes)) {
    const std::string name = array_name(*bytes, entry);
    try {
      file.tensors.emplace(name, read_array(bytes, entry, name));
    } catch (const UnreadableArray& array) {  // perhaps nobody needs it
      file.unreadable.emplace(name, array.kind);
    }
  }
  bytes->check_unchanged();
  return file;
}

}  // namespace tenon::weights
