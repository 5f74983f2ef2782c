// Which kind of weight file a path leads to, by its first bytes.
#include "weights/open.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "weights/npz.h"
#include "weights/onnx_wire.h"
#include "weights/safetensors.h"

namespace tenon::weights {

namespace fs = std::filesystem;

namespace {

enum class Kind { safetensors, index, npz, npy, pickle, onnx, unknown };

using Start = std::array<char, 16>;

std::string_view read_start(const base::ByteSource& source, Start& buffer) {
  const size_t count = std::min<uint64_t>(buffer.size(), source.size());
  source.read(0, std::as_writable_bytes(std::span(buffer).first(count)));
  return {buffer.data(), count};
}

bool looks_like_zip(std::string_view start) {
  return start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06");
}

// Protocols 2 to 5. An ONNX file begins with a lesser byte.
bool looks_like_pickle(std::string_view start) {
  return start.size() > 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
}

// A safetensors file begins with the length of its header, then the header's brace. An ONNX file's
// first eight bytes would be a length beyond any file.
bool looks_like_safetensors(std::string_view start, uint64_t size) {
  return start.size() > 8 && base::load<uint64_t>(start.data()) <= size - 8 && start[8] == '{';
}

// A model begins with a field of ModelProto: its number (1 to 25) and wire type, 0 or 2.
bool looks_like_onnx(char first) {
  const auto tag = static_cast<unsigned char>(first);
  return tag >= 8 && tag < 0x80 && (tag % 8 == 0 || tag % 8 == 2);
}

Kind kind_of(const base::ByteSource& source, const fs::path& path) {
  Start buffer{};
  const std::string_view start = read_start(source, buffer);
  if (looks_like_safetensors(start, source.size())) return Kind::safetensors;
  if (looks_like_zip(start)) return Kind::npz;
  if (looks_like_pickle(start)) return Kind::pickle;
  if (start.starts_with("\x93NUMPY")) return Kind::npy;
  if (start.starts_with("{")) return Kind::index;
  // No known start: a damaged file is then best judged by the reader that its name asks for.
  const std::string& name = path.native();
  if (name.ends_with(".safetensors") || name.ends_with(".plan")) return Kind::safetensors;
  if (name.ends_with(".npz")) return Kind::npz;
  const bool model = start.empty() || looks_like_onnx(start[0]) || name.ends_with(".onnx");
  return model ? Kind::onnx : Kind::unknown;
}

WeightFile read_one(std::shared_ptr<const base::ByteSource> bytes, const fs::path& path) {
  switch (kind_of(*bytes, path)) {
    case Kind::safetensors: {
      Safetensors file = read_safetensors(std::move(bytes));
      return {.tensors = std::move(file.tensors), .unreadable = std::move(file.unreadable)};
    }
    case Kind::index: return read_shards(path);
    case Kind::npz: return read_npz(std::move(bytes));
    case Kind::npy:
      base::fail(ErrorCode::unsupported,
                 "{}: is a single .npy array without a name; save it with numpy.savez",
                 bytes->name());
    case Kind::pickle:
      base::fail(ErrorCode::unsupported,
                 "{}: is a pickle, as torch writes .pt and .bin, and is never run; refit through "
                 "tenon.torch, or save it as safetensors",
                 bytes->name());
    case Kind::unknown:
      base::fail(ErrorCode::bad_file,
                 "{}: is neither safetensors, npz nor ONNX; convert it to one of them",
                 bytes->name());
    case Kind::onnx: break;
  }
  return wire::read_onnx_weights(std::move(bytes), base::folder_of(path));
}

}  // namespace

FileStart start_of(const base::ByteSource& source) {
  Start buffer{};
  const std::string_view start = read_start(source, buffer);
  if (looks_like_safetensors(start, source.size())) return FileStart::safetensors;
  if (looks_like_zip(start)) return FileStart::zip;
  return looks_like_pickle(start) ? FileStart::pickle : FileStart::other;
}

WeightFile open_weights(const fs::path& path) {
  std::error_code ignored;
  const fs::path meant = fs::is_directory(path, ignored) ? checkpoint_in(path) : path;
  WeightFile file = read_one(base::open_file(meant), meant);
  file.path = path.native();
  return file;
}

}  // namespace tenon::weights
