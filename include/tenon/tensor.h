// Dtypes, views of tensors in the caller's memory, and tensors that own their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/export.h"

namespace tenon {

/// Element types. Sizes are fixed; `bool_` is one byte, 0 or 1. Values are stable (plans hold
/// names, not numbers).
enum class DType : uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  bool_,
  // Types of at most 8 bits that are stored, moved and cast, and that nothing computes in. Each
  // element has a byte of its own, its value in the low bits; files may pack them.
  f8_e4m3,
  f8_e4m3fnuz,
  f8_e5m2,
  f8_e5m2fnuz,
  f8_e8m0,
  f6_e2m3,
  f6_e3m2,
  f4_e2m1,
  i4,
  u4,
  i2,
  u2,
  string,  ///< pointers to `const std::string`s that the owner keeps (null: empty), on the host
};

inline constexpr int kDTypes = 26;

/// Bytes of `count` elements that lie one behind the other; `count` is not negative.
TENON_API size_t byte_count(DType dtype, int64_t count) noexcept;
/// "f32", "bool", …; the names of Tenon's text form.
TENON_API std::string_view to_string(DType dtype) noexcept;
/// Floats that are computed in: f64 to bf16.
TENON_API bool is_floating(DType dtype) noexcept;
/// Signed or unsigned integers that are computed in; bool is not one.
TENON_API bool is_integer(DType dtype) noexcept;
/// f8_e4m3 to u2: stored, moved and cast only.
TENON_API bool is_narrow(DType dtype) noexcept;

/// Extents of a tensor, outermost first; a scalar's is empty.
using Shape = std::vector<int64_t>;

/// "[2, 3]".
TENON_API std::string to_string(std::span<const int64_t> shape);
/// Product of the extents; throws InputError when one is negative or the product overflows.
TENON_API int64_t element_count(std::span<const int64_t> shape);

/// How views and tensors name the host's memory; other memory has the name of its device
/// ("cuda:0").
inline constexpr std::string_view host_device = "cpu";

/// A tensor in somebody else's memory: the caller keeps the bytes alive for as long as the callee
/// says.
struct TensorView {
  const void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  Shape strides;  ///< in elements; empty means dense, row-major. May be zero or negative.
  std::string device{host_device};  ///< whose memory it lies in

  TensorView() = default;
  TensorView(const void* data, DType dtype, Shape shape, Shape strides = {},
             std::string device = std::string(host_device))
      : data(data),
        dtype(dtype),
        shape(std::move(shape)),
        strides(std::move(strides)),
        device(std::move(device)) {}
  /// A dense view of f32 values. Throws InputError unless the shape has as many elements.
  TENON_API TensorView(std::span<const float> values, Shape shape);

  size_t bytes() const { return byte_count(dtype, element_count(shape)); }
  bool on_host() const noexcept { return device == host_device; }
};

/// A dense, row-major tensor, 64-byte aligned, in host memory unless a device is named. Copies
/// share the bytes.
class TENON_API Tensor {
 public:
  Tensor() = default;
  /// Fresh, uninitialised memory. Throws InputError for an impossible shape, std::bad_alloc for too
  /// large a one.
  Tensor(DType dtype, Shape shape);
  /// Wraps memory that `owner` keeps alive.
  Tensor(DType dtype, Shape shape, std::shared_ptr<void> owner, void* data,
         std::string device = std::string(host_device))
      : dtype_(dtype),
        shape_(std::move(shape)),
        owner_(std::move(owner)),
        data_(data),
        device_(std::move(device)) {}

  /// A copy of the texts, row-major. Throws InputError unless the shape has as many elements.
  Tensor(std::span<const std::string> texts, Shape shape);

  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  /// Whose memory data() lies in.
  const std::string& device() const noexcept { return device_; }
  void* data() noexcept { return data_; }
  const void* data() const noexcept { return data_; }
  size_t bytes() const { return byte_count(dtype_, element_count(shape_)); }
  /// The elements as T; the caller answers for T being the dtype's type, and the host's the memory.
  template <class T>
  std::span<T> as() {
    return {static_cast<T*>(data_), static_cast<size_t>(element_count(shape_))};
  }
  template <class T>
  std::span<const T> as() const {
    return {static_cast<const T*>(data_), static_cast<size_t>(element_count(shape_))};
  }
  /// The texts, which live as long as the tensor or a copy of it; InputError for another dtype.
  std::vector<std::string_view> strings() const;
  operator TensorView() const {  // NOLINT: a tensor is viewable
    return {data_, dtype_, shape_, {}, device_};
  }
  /// Shared ownership of the bytes, for wrappers such as DLPack.
  const std::shared_ptr<void>& owner() const noexcept { return owner_; }

 private:
  DType dtype_ = DType::f32;
  Shape shape_;
  std::shared_ptr<void> owner_;
  void* data_ = nullptr;
  std::string device_{host_device};
};

}  // namespace tenon
