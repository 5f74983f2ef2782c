// Named arrays in files, for callers.
#include "tenon/arrays.h"

#include <algorithm>
#include <array>

#include "base/convert.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "base/hash.h"
#include "base/text.h"
#include "plan/plan_file.h"
#include "weights/npz.h"
#include "weights/safetensors.h"
#include "weights/source.h"

namespace tenon {

namespace fs = std::filesystem;

namespace {

bool begins_as_arrays(std::string_view start) {
  const bool safetensors = start.size() > 8 && start[8] == '{';
  return safetensors || start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06") ||
         start.starts_with("\x93NUMPY") || start.starts_with("{");
}

Tensor read(const weights::TensorSource& source) {
  Tensor tensor(source.dtype, source.shape);
  source.bytes->check_unchanged();
  weights::read_elements(source, 0, element_count(source.shape), source.dtype, tensor.data());
  source.bytes->check_unchanged();
  return tensor;
}

// Their bytes are addresses.
void refuse_texts(std::string_view what, DType dtype) {
  if (dtype == DType::string)
    base::fail(ErrorCode::unsupported, "{} holds texts, which have no bytes of their own", what);
}

// All of a file's arrays, or none.
std::map<std::string, weights::TensorSource> open_all(const fs::path& path) {
  weights::WeightFile file = weights::open_weights(path);
  if (file.unreadable.empty()) return std::move(file.tensors);
  const auto& [name, type] = *file.unreadable.begin();
  base::fail(ErrorCode::unsupported, "{}: tensor {} is {}, which Tenon does not read; convert it",
             base::quoted(file.path), base::quoted(name), type);
}

}  // namespace

FileKind file_kind(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return FileKind::arrays;
  const auto source = base::open_file(path);
  const std::string& name = path.native();
  // A damaged plan is still one: loading it says what is wrong.
  if (name.ends_with(".plan") || plan::is_plan(*source)) return FileKind::plan;
  if (name.ends_with(".onnx")) return FileKind::onnx;
  if (name.ends_with(".safetensors") || name.ends_with(".npz")) return FileKind::arrays;
  std::array<char, 16> buffer{};
  const size_t count = std::min<uint64_t>(buffer.size(), source->size());
  source->read(0, std::as_writable_bytes(std::span(buffer).first(count)));
  return begins_as_arrays({buffer.data(), count}) ? FileKind::arrays : FileKind::onnx;
}

std::map<std::string, Tensor> read_arrays(const fs::path& path) {
  std::map<std::string, Tensor> arrays;
  for (const auto& [name, source] : open_all(path)) {
    arrays.emplace(name, read(source));
  }
  return arrays;
}

std::vector<ArrayInfo> list_arrays(const fs::path& path) {
  std::vector<ArrayInfo> infos;
  for (const auto& [name, source] : open_all(path)) {
    infos.push_back({name, source.dtype, source.shape});
  }
  return infos;
}

Tensor read_npy(const fs::path& path) { return read(weights::read_npy(base::open_file(path))); }

std::string digest(const TensorView& array) {
  refuse_texts("the array", array.dtype);
  if (array.on_host() && base::is_dense(array)) {
    return base::digest({static_cast<const std::byte*>(array.data), array.bytes()});
  }
  return weights::digest(weights::copy_of(array), array.dtype);
}

void write_npz(const fs::path& path, const std::map<std::string, Tensor>& arrays) {
  for (const auto& [name, tensor] : arrays) refuse_texts(base::quoted(name), tensor.dtype());
  weights::write_npz(path, {arrays.begin(), arrays.end()});
}

void write_safetensors(const fs::path& path, const std::map<std::string, Tensor>& arrays) {
  std::vector<weights::OutTensor> tensors;
  for (const auto& [name, tensor] : arrays) {
    refuse_texts(base::quoted(name), tensor.dtype());
    tensors.push_back({name, weights::copy_of(tensor)});
  }
  weights::write_safetensors(*base::atomic_file_writer(path), tensors, {});
}

}  // namespace tenon
