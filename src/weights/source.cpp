// Checked sources of tensors, and reading them as another element type.
#include "weights/source.h"

#include <algorithm>

#include "base/convert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace tenon::weights {

namespace {

constexpr uint64_t kChunk = uint64_t{512} << 10;  // half a second-level cache
constexpr size_t kMostAxes = 255;

int64_t checked_count(const base::ByteSource& file, const std::string& name, const Shape& shape) {
  if (shape.size() > kMostAxes) {
    base::fail(ErrorCode::bad_file, "{}: tensor {} has {} axes; at most {} are read", file.name(),
               base::quoted(name), shape.size(), kMostAxes);
  }
  try {
    return element_count(shape);
  } catch (const InputError& error) {
    base::fail(ErrorCode::bad_file, "{}: tensor {}: {}", file.name(), base::quoted(name),
               error.what());
  }
}

void check_elements(const TensorSource& source, int64_t first, int64_t count, DType dtype) {
  const int64_t total = element_count(source.shape);
  if (first < 0 || count < 0 || first > total || count > total - first) {
    base::fail(ErrorCode::invalid_input, "elements {} to {} lie outside a tensor of {}", first,
               first + static_cast<uint64_t>(count), total);
  }
  if (!base::converts(source.dtype, dtype)) {
    base::fail(ErrorCode::invalid_input, "{} cannot be read as {}; only floats convert",
               to_string(source.dtype), to_string(dtype));
  }
}

// One buffer per reading thread: a fresh one for each tensor would cost its page faults again and
// again.
std::span<std::byte> chunk_buffer() {
  static thread_local const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kChunk);
  return {buffer.get(), kChunk};
}

}  // namespace

uint64_t size_in_file(const base::ByteSource& file, const std::string& name, DType dtype,
                      const Shape& shape) {
  uint64_t size = 0;
  const auto count = static_cast<uint64_t>(checked_count(file, name, shape));
  if (!__builtin_mul_overflow(count, byte_count(dtype, 1), &size)) return size;
  base::fail(ErrorCode::bad_file, "{}: tensor {}: {}{} has more than 2^64 bytes", file.name(),
             base::quoted(name), to_string(dtype), to_string(shape));
}

TensorSource make_source(const std::string& name, DType dtype, Shape shape,
                         std::shared_ptr<const base::ByteSource> bytes, uint64_t offset) {
  const uint64_t size = size_in_file(*bytes, name, dtype, shape);
  if (offset > bytes->size() || size > bytes->size() - offset) {
    base::fail(ErrorCode::bad_file, "{}: tensor {}, {}{} at {}, lies past the end at {}",
               bytes->name(), base::quoted(name), to_string(dtype), to_string(shape), offset,
               bytes->size());
  }
  return {dtype, std::move(shape), std::move(bytes), offset};
}

TensorSource copy_of(const TensorView& view) {
  if (!view.on_host()) {
    base::fail(ErrorCode::invalid_input, "an array lies on {}; copy it to host memory first",
               base::quoted(view.device));
  }
  Tensor copy(view.dtype, view.shape);
  if (!view.data && copy.bytes() > 0) {
    base::fail(ErrorCode::invalid_input, "a view of shape {} has no data", to_string(view.shape));
  }
  base::make_dense(view, copy.data());
  const base::Bytes bytes(static_cast<const std::byte*>(copy.data()), copy.bytes());
  return {view.dtype, view.shape, base::memory_source(bytes, copy.owner()), 0};
}

TensorSource callers_tensor(const std::string& name, const TensorView& view) {
  if (!view.on_host()) {
    base::fail(ErrorCode::invalid_input, "{} lies on {}; copy it to host memory first",
               base::quoted(name), base::quoted(view.device));
  }
  const uint64_t size = byte_count(view.dtype, element_count(view.shape));
  if (!view.data && size > 0)
    base::fail(ErrorCode::invalid_input, "{} has no data", base::quoted(name));
  if (!base::is_dense(view)) return copy_of(view);
  const base::Bytes bytes(static_cast<const std::byte*>(view.data), size);
  return {view.dtype, view.shape, base::callers_source(bytes), 0};
}

void read_elements(const TensorSource& source, int64_t first, int64_t count, DType dtype, void* out,
                   ReadStats* stats) {
  check_elements(source, first, count, dtype);
  const uint64_t element = byte_count(source.dtype, 1);
  uint64_t offset = source.offset + static_cast<uint64_t>(first) * element;
  auto* target = static_cast<std::byte*>(out);
  if (source.dtype == dtype) {
    source.bytes->read(offset, {target, static_cast<size_t>(count) * element});
    if (dtype == DType::bool_) base::make_bools(target, static_cast<size_t>(count));
    return;
  }
  const std::byte* memory = source.bytes->memory();
  const auto step = static_cast<int64_t>(kChunk / element);
  for (int64_t done = 0; done < count; done += step) {
    const int64_t now = std::min(step, count - done);
    const auto bytes = static_cast<size_t>(now) * element;
    const std::byte* from = memory ? memory + offset : chunk_buffer().data();
    if (!memory) source.bytes->read(offset, chunk_buffer().first(bytes));
    const int64_t overflowed = base::convert(source.dtype, from, dtype, target, now);
    if (stats) stats->overflowed += overflowed;
    offset += bytes;
    target += byte_count(dtype, now);
  }
}

std::string digest(const TensorSource& source, DType dtype, const std::stop_token& stop) {
  const int64_t total = element_count(source.shape);
  const auto step = static_cast<int64_t>(base::Digester::chunk / byte_count(dtype, 1));
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(base::Digester::chunk);
  base::Digester digester;
  for (int64_t first = 0; first < total; first += step) {
    base::throw_if_stopped(stop);
    const int64_t count = std::min(step, total - first);
    read_elements(source, first, count, dtype, buffer.get());
    digester.update({buffer.get(), byte_count(dtype, count)});
  }
  return digester.finish();
}

}  // namespace tenon::weights
