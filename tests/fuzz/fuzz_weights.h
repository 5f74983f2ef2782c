// What the fuzz targets of weight files share.
#pragma once

#include <cstdint>
#include <vector>

#include "base/byte_source.h"
#include "tenon/error.h"
#include "weights/source.h"

namespace tenon::fuzz {

/// Reads `data` by `read`, which gives a map of sources, then all bytes of each of them.
template <class Read>
void run(const uint8_t* data, size_t size, Read read) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    const auto source = base::memory_source(std::vector<std::byte>(bytes, bytes + size));
    for (const auto& [name, tensor] : read(source)) weights::digest(tensor, tensor.dtype);
  } catch (const Error&) {  // the only class that a caller has to expect
  }
}

}  // namespace tenon::fuzz
