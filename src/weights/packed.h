// Tensors of 6, 4 and 2 bits, which files keep packed: the first element in the lowest bits.
#pragma once

#include "base/narrow.h"
#include "weights/source.h"

namespace tenon::weights {

/// Bytes that a tensor takes in a file: fewer than its elements where they are packed.
uint64_t packed_bytes(DType dtype, const Shape& shape);

/// A tensor as files keep it, unpacked as it is read; like make_source() where a type is not
/// packed.
TensorSource make_packed_source(const std::string& name, DType dtype, Shape shape,
                                std::shared_ptr<const base::ByteSource> bytes, uint64_t offset);

}  // namespace tenon::weights
