// Bounded reading and writing of little-endian bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tenon::base {

using Bytes = std::span<const std::byte>;

/// An unaligned little-endian scalar; the host is little-endian (checked at compile time in
/// bytes.cpp).
template <class T>
T load(const void* at) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Reads forward through bytes; every step is checked, a step past the end throws bad_file naming
/// `what`.
class ByteReader {
 public:
  ByteReader(Bytes bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  size_t position() const noexcept { return position_; }
  size_t remaining() const noexcept { return bytes_.size() - position_; }
  Bytes take(uint64_t count);
  void skip(uint64_t count) { take(count); }
  template <class T>
  T read() {
    return load<T>(take(sizeof(T)).data());
  }

 private:
  Bytes bytes_;
  std::string_view what_;
  size_t position_ = 0;
};

/// Appends scalars and bytes to a vector.
class ByteWriter {
 public:
  void write(Bytes bytes) { data_.insert(data_.end(), bytes.begin(), bytes.end()); }
  template <class T>
  void write_scalar(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    write(std::as_bytes(std::span(&value, 1)));
  }
  Bytes bytes() const noexcept { return data_; }

 private:
  std::vector<std::byte> data_;
};

}  // namespace tenon::base
