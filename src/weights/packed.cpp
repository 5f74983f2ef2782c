// Reads of packed elements: the bytes around a range are read, and its elements taken out of them.
#include "weights/packed.h"

#include <algorithm>

#include "base/change.h"
#include "base/error.h"
#include "base/text.h"

namespace tenon::weights {
namespace {

constexpr uint64_t kPiece = uint64_t{64} << 10;  // elements; whole bytes of any type

class UnpackedSource final : public base::ByteSource, public base::Observed {
 public:
  UnpackedSource(std::shared_ptr<const base::ByteSource> bytes, uint64_t offset, DType dtype,
                 uint64_t count)
      : bytes_(std::move(bytes)), offset_(offset), dtype_(dtype), count_(count) {}

  uint64_t size() const override { return count_; }

  void read(uint64_t first, std::span<std::byte> out) const override {
    if (first > count_ || out.size() > count_ - first)
      base::fail(ErrorCode::bad_file, "{}: a read past the end", name());
    const auto bits = static_cast<uint64_t>(base::narrow_bits(dtype_));
    for (uint64_t done = 0; done < out.size(); done += kPiece) {
      const uint64_t at = first + done, some = std::min(kPiece, out.size() - done);
      const uint64_t begin = at * bits / 8, end = ((at + some) * bits + 7) / 8;
      const auto packed = base::read_range(*bytes_, offset_ + begin, end - begin);
      base::unpack_narrow(dtype_, packed, static_cast<int64_t>(at),
                          {reinterpret_cast<uint8_t*>(out.data() + done), some});
    }
  }

  void check_unchanged() const override { bytes_->check_unchanged(); }
  base::Change change() const override { return base::change_of(*bytes_); }
  uint64_t stamp() const override { return base::stamp_of(*bytes_); }
  bool lasting() const noexcept override { return bytes_->lasting(); }
  std::string name() const override { return bytes_->name(); }

 private:
  std::shared_ptr<const base::ByteSource> bytes_;
  uint64_t offset_;
  DType dtype_;
  uint64_t count_;
};

bool is_packed(DType dtype) { return is_narrow(dtype) && base::narrow_bits(dtype) < 8; }

}  // namespace

uint64_t packed_bytes(DType dtype, const Shape& shape) {
  const int64_t count = element_count(shape);
  return is_packed(dtype) ? base::packed_size(dtype, count) : byte_count(dtype, count);
}

TensorSource make_packed_source(const std::string& name, DType dtype, Shape shape,
                                std::shared_ptr<const base::ByteSource> bytes, uint64_t offset) {
  if (!is_packed(dtype))
    return make_source(name, dtype, std::move(shape), std::move(bytes), offset);
  const uint64_t count = size_in_file(*bytes, name, dtype, shape);
  const uint64_t size = packed_bytes(dtype, shape);
  if (offset > bytes->size() || size > bytes->size() - offset) {
    base::fail(ErrorCode::bad_file, "{}: tensor {}, {}{} at {}, lies past the end at {}",
               bytes->name(), base::quoted(name), to_string(dtype), tenon::to_string(shape), offset,
               bytes->size());
  }
  return {dtype, std::move(shape),
          std::make_shared<UnpackedSource>(std::move(bytes), offset, dtype, count), 0};
}

}  // namespace tenon::weights
