// A TensorProto as a source: where each way of keeping a tensor's bytes leads to.
#pragma once

#include <filesystem>

#include "weights/inside.h"
#include "weights/onnx_wire.h"
#include "weights/wire_fields.h"

namespace tenon::weights::wire {

/// The model's file and the files beside it that hold its external data.
class TensorReader {
 public:
  TensorReader(WireFile& file, std::filesystem::path folder)
      : file_(file), external_(std::move(folder)) {}

  /// Throws where the bytes cannot be had (bad_file, io, unsupported); of an initializer that is a
  /// refusal.
  Tensor read(Range message, bool is_initializer);

 private:
  struct Proto;

  Proto parse(Range message);
  void parse_external(Range message, Proto& proto);
  std::vector<std::string> strings_of(const Proto& proto) const;
  TensorSource to_source(const Proto& proto, DType dtype);
  TensorSource external(const Proto& proto, DType dtype);
  TensorSource raw(const Proto& proto, DType dtype);
  TensorSource typed(const Proto& proto, DType dtype);
  uint64_t count_of(const Proto& proto) const;
  std::vector<std::byte> decode(const Proto& proto, DType dtype, uint64_t count);
  [[noreturn]] void refuse(const Proto& proto, const std::string& fact) const;

  WireFile& file_;
  FilesInside external_;
};

}  // namespace tenon::weights::wire
