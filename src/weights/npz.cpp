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

NpyHeader read_header(const base::ByteSource& bytes, uint64_t offset, uint64_t size,
                      const std::string& who) {
  const NpyHeader header =
      parse_npy_header(base::read_range(bytes, offset, std::min(size, kLongestNpyHeader)), who);
  return header;
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

TensorSource read_array(const std::shared_ptr<const base::ByteSource>& archive,
                        const ZipEntry& entry, const std::string& name) {
  const std::string who = fmt::format("{}: array {}", archive->name(), base::quoted(name));
  const auto bytes = entry.deflated ? base::memory_source(inflate_entry(*archive, entry)) : archive;
  const uint64_t offset = entry.deflated ? 0 : entry.offset;
  const NpyHeader header = read_header(*bytes, offset, entry.size, who);
  TensorSource source = make_source(name, header.dtype, header.shape, bytes, offset + header.size);
  if (source.size() != entry.size - header.size) {
    base::fail(ErrorCode::bad_file, "{}: has {} bytes, but {}{} needs {}", who,
               entry.size - header.size, to_string(header.dtype), to_string(header.shape),
               source.size());
  }
  return header.fortran_order ? to_row_major(source) : source;
}

}  // namespace

WeightFile read_npz(std::shared_ptr<const base::ByteSource> bytes) {
  WeightFile file{.path = bytes->name()};
  for (const ZipEntry& entry : read_zip_directory(*bytes)) {
    const std::string name = array_name(*bytes, entry);
    file.tensors.emplace(name, read_array(bytes, entry, name));
  }
  bytes->check_unchanged();
  return file;
}

}  // namespace tenon::weights
