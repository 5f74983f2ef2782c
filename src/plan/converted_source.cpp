// Reads of converted bytes: the elements that a range touches are converted, and the range is cut
// out.
#include "plan/converted_source.h"

#include "base/change.h"
#include "base/error.h"

namespace tenon::plan {
namespace {

class ConvertedSource final : public base::ByteSource, public base::Observed {
 public:
  ConvertedSource(weights::TensorSource source, DType dtype)
      : source_(std::move(source)), dtype_(dtype) {}

  uint64_t size() const override { return byte_count(dtype_, element_count(source_.shape)); }

  void read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size() || out.size() > size() - offset) {
      base::fail(ErrorCode::bad_file, "{}: a read past the end", name());
    }
    if (out.empty()) return;
    const uint64_t width = byte_count(dtype_, 1);
    const uint64_t first = offset / width;
    const uint64_t end = (offset + out.size() + width - 1) / width;
    const auto count = static_cast<int64_t>(end - first);
    if (offset % width == 0 && out.size() % width == 0) {
      return weights::read_elements(source_, static_cast<int64_t>(first), count, dtype_,
                                    out.data());
    }
    std::vector<std::byte> whole((end - first) * width);
    weights::read_elements(source_, static_cast<int64_t>(first), count, dtype_, whole.data());
    std::memcpy(out.data(), whole.data() + offset % width, out.size());
  }

  void check_unchanged() const override { source_.bytes->check_unchanged(); }
  base::Change change() const override { return base::change_of(*source_.bytes); }
  uint64_t stamp() const override { return base::stamp_of(*source_.bytes); }
  std::string name() const override { return source_.bytes->name(); }

 private:
  weights::TensorSource source_;
  DType dtype_;
};

}  // namespace

weights::TensorSource converted(const weights::TensorSource& source, DType dtype) {
  if (source.dtype == dtype && dtype != DType::bool_) return source;  // bools become 0 and 1
  return {dtype, source.shape, std::make_shared<ConvertedSource>(source, dtype), 0};
}

}  // namespace tenon::plan
