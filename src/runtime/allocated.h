// Allocations whose failure is a sentence.
#pragma once

#include <cstddef>
#include <new>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "tenon/tensor.h"

namespace tenon::runtime {

inline constexpr std::string_view smaller_inputs = "give smaller inputs";
inline constexpr std::string_view more_memory = "use a machine with more memory";

/// A process has no more addresses. Asked for more, sanitizers abort where `new` throws.
inline constexpr size_t most_addresses = size_t{1} << 47;

/// What such an error calls it.
inline std::string copy_of_weight(std::string_view name, DType dtype, const Shape& shape) {
  return fmt::format("a copy of weight {} {}{}", base::quoted(name), to_string(dtype),
                     to_string(shape));
}

/// What `allocate()` gives. Its std::bad_alloc becomes an unavailable error: what() (a tensor with
/// its type, asked for only then) needs `bytes`, and the way out.
template <class What, class Allocate>
auto allocated(What&& what, size_t bytes, std::string_view way_out, Allocate&& allocate) {
  try {
    if (bytes > most_addresses) throw std::bad_alloc();
    return allocate();
  } catch (const std::bad_alloc&) {
    base::fail(ErrorCode::unavailable,
               "{} needs {} bytes, and this machine has not so many free; {}", what(), bytes,
               way_out);
  }
}

}  // namespace tenon::runtime
