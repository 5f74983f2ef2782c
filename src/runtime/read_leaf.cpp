// Parts of sources and of views.
#include "runtime/read_leaf.h"

#include <algorithm>

#include "base/convert.h"
#include "runtime/allocated.h"

namespace tenon::runtime {
namespace {

// Reading and converting go in pieces that stay in the second-level cache.
constexpr int64_t piece_bytes = int64_t{512} << 10;

// The rows of a strided view that hold these elements, and the first of them among the rows'.
struct Cut {
  TensorView view;
  int64_t first = 0;
};
Cut rows_around(const TensorView& view, Elements elements) {
  const int64_t row = element_count(std::span(view.shape).subspan(1));
  const int64_t first = elements.first / row;
  Cut cut{view, elements.first - first * row};
  cut.view.shape[0] = (elements.first + elements.count + row - 1) / row - first;
  cut.view.data = static_cast<const std::byte*>(view.data) +
                  first * view.strides[0] * static_cast<int64_t>(byte_count(view.dtype, 1));
  return cut;
}

int64_t read_view(const LeafBytes& leaf, Elements elements, void* out) {
  const TensorView& view = *leaf.view;
  const auto element = static_cast<int64_t>(byte_count(view.dtype, 1));
  if (base::is_dense(view)) {
    const std::byte* from = static_cast<const std::byte*>(view.data) + elements.first * element;
    return base::convert(view.dtype, from, leaf.dtype, out, elements.count);
  }
  const Cut cut = rows_around(view, elements);
  if (view.dtype == leaf.dtype && element_count(cut.view.shape) == elements.count) {
    base::make_dense(cut.view, out);
    return 0;
  }
  std::vector<std::byte> dense;
  allocated([&] { return leaf.text(); }, cut.view.bytes(), more_memory,
            [&] { dense.resize(cut.view.bytes()); });
  base::make_dense(cut.view, dense.data());
  return base::convert(view.dtype, dense.data() + cut.first * element, leaf.dtype, out,
                       elements.count);
}

}  // namespace

const void* LeafBytes::in_place() const {
  if (dtype == DType::bool_) return nullptr;  // they become 0 and 1 as they are read
  const void* bytes = nullptr;
  if (view != nullptr) {
    if (view->dtype == dtype && base::is_dense(*view)) bytes = view->data;
  } else if (const std::byte* memory = source->bytes->memory(); memory && source->dtype == dtype) {
    bytes = memory + source->offset;
  }
  const bool aligned = reinterpret_cast<uintptr_t>(bytes) % byte_count(dtype, 1) == 0;
  return aligned ? bytes : nullptr;
}

std::string LeafBytes::text() const { return copy_of_weight(name, dtype, shape()); }

Elements elements_of(const LeafBytes& leaf, const std::optional<Rows>& rows) {
  const Shape& shape = leaf.shape();
  if (!rows) return {0, element_count(shape)};
  const int64_t row = element_count(std::span(shape).subspan(1));
  return {rows->first * row, rows->count * row};
}

int64_t read_leaf(const LeafBytes& leaf, Elements elements, void* out,
                  const std::stop_token& stop) {
  base::throw_if_stopped(stop);
  if (elements.count == 0) return 0;
  if (leaf.view != nullptr) return read_view(leaf, elements, out);
  weights::ReadStats read;
  const auto element = static_cast<int64_t>(byte_count(leaf.dtype, 1));
  for (int64_t done = 0; done < elements.count; done += piece_bytes / element) {
    base::throw_if_stopped(stop);
    const int64_t some = std::min(piece_bytes / element, elements.count - done);
    weights::read_elements(*leaf.source, elements.first + done, some, leaf.dtype,
                           static_cast<std::byte*>(out) + done * element, &read);
  }
  return read.overflowed;
}

}  // namespace tenon::runtime
