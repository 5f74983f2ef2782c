// Where the bytes of named tensors are: in memory or in a file, in the form in which their owner
// wrote them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/cancel.h"
#include "base/consumer.h"
#include "tenon/tensor.h"

namespace tenon::weights {

/// One tensor's bytes: dense, row-major, little-endian, from `offset` of `bytes`. Checked to lie
/// within the source when it was made. Copies are cheap and share the source.
struct TensorSource {
  DType dtype = DType::f32;
  Shape shape;
  std::shared_ptr<const base::ByteSource> bytes;
  uint64_t offset = 0;

  uint64_t size() const { return byte_count(dtype, element_count(shape)); }
};

/// Makes a checked source; throws bad_file, naming `name`, when the shape is impossible or the
/// bytes end too early.
TensorSource make_source(const std::string& name, DType dtype, Shape shape,
                         std::shared_ptr<const base::ByteSource> bytes, uint64_t offset);

/// Bytes of a tensor that a file tells of; throws bad_file when the shape is impossible.
uint64_t size_in_file(const base::ByteSource& file, const std::string& name, DType dtype,
                      const Shape& shape);

/// Takes a copy of a (possibly strided) view.
TensorSource copy_of(const TensorView& view);
/// A caller's view where it lies, if that is dense in host memory; else a copy. Throws
/// invalid_input, naming `name`, for one without data or in a device's memory.
TensorSource callers_tensor(const std::string& name, const TensorView& view);

/// What one conversion did to the values.
struct ReadStats {
  int64_t overflowed = 0;  ///< finite values that became infinite
};

/// Reads elements [first, first + count) of the tensor as `dtype` into `out` (byte_count(dtype,
/// count) bytes), converting as they are read, in chunks of at most 512 KiB; bools to 0 and 1.
/// Throws io / bad_file. Does not call check_unchanged().
void read_elements(const TensorSource& source, int64_t first, int64_t count, DType dtype, void* out,
                   ReadStats* stats = nullptr);

/// The digest of the tensor's bytes as `dtype` (see base::Digester). Throws cancelled.
std::string digest(const TensorSource& source, DType dtype, const std::stop_token& stop = {});

/// What a weight file holds.
struct WeightFile {
  std::string path;  ///< as given, for messages
  std::map<std::string, TensorSource> tensors;
  std::map<std::string, std::string> unreadable;  ///< tensors that Tenon cannot read: their type
  std::set<std::string> constants;  ///< of `tensors`: outputs of Constant nodes of an ONNX file
  std::map<std::string, std::vector<base::Consumer>> consumers;  ///< empty but for ONNX files
  /// Tensors whose storage overlaps, each to the first of its group in name order, which itself is
  /// no key (npz and safetensors have none).
  std::map<std::string, std::string> shares_storage_with;
};

/// Opens a weight file: .safetensors (plans too), .onnx, .npz, a folder (or its *.index.json) of
/// safetensors shards. The kind is found from the content, the name only helps. Throws bad_file, io
/// or unsupported, naming the file.
WeightFile open_weights(const std::filesystem::path& path);

}  // namespace tenon::weights
