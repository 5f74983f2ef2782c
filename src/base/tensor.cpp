// Shapes, and tensors that own their bytes.
#include "tenon/tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "base/error.h"

namespace tenon {

namespace {

constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector

std::shared_ptr<void> allocate(size_t bytes) {
  void* data = ::operator new(std::max<size_t>(bytes, 1), kAlignment);
  return {data, [](void* at) { ::operator delete(at, kAlignment); }};
}

}  // namespace

std::string to_string(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

TensorView::TensorView(std::span<const float> values, Shape of)
    : data(values.data()), dtype(DType::f32), shape(std::move(of)) {
  const int64_t count = element_count(shape);
  if (std::cmp_equal(count, values.size())) return;
  base::fail(ErrorCode::invalid_input, "a view of {} values cannot have a shape of {}",
             values.size(), count);
}

int64_t element_count(std::span<const int64_t> shape) {
  if (std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 0; })) {
    base::fail(ErrorCode::invalid_input, "shape {} has a negative extent", to_string(shape));
  }
  // An empty tensor is empty whatever its other extents are, in any order.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count)) {
      base::fail(ErrorCode::invalid_input, "shape {} has more than 2^63 elements",
                 to_string(shape));
    }
  }
  return count;
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  const auto count = static_cast<size_t>(element_count(shape_));
  if (count > std::numeric_limits<ptrdiff_t>::max() / byte_count(dtype, 1)) throw std::bad_alloc();
  owner_ = allocate(byte_count(dtype, count));
  data_ = owner_.get();
  if (dtype == DType::string) std::memset(data_, 0, byte_count(dtype, count));
}

Tensor::Tensor(std::span<const std::string> texts, Shape shape)
    : dtype_(DType::string), shape_(std::move(shape)) {
  struct Kept {
    std::vector<std::string> texts;
    std::vector<const std::string*> elements;
  };
  if (const int64_t count = element_count(shape_); !std::cmp_equal(count, texts.size()))
    base::fail(ErrorCode::invalid_input, "{} texts cannot have a shape of {}", texts.size(),
               to_string(shape_));
  const auto kept = std::make_shared<Kept>();
  kept->texts.assign(texts.begin(), texts.end());
  for (const std::string& text : kept->texts) kept->elements.push_back(&text);
  data_ = kept->elements.data();
  owner_ = kept;
}

std::vector<std::string_view> Tensor::strings() const {
  if (dtype_ != DType::string)
    base::fail(ErrorCode::invalid_input, "the tensor holds {}, not strings",
               tenon::to_string(dtype_));
  std::vector<std::string_view> texts;
  for (const std::string* text : as<const std::string*>())
    texts.push_back(text ? std::string_view(*text) : std::string_view());
  return texts;
}

}  // namespace tenon
