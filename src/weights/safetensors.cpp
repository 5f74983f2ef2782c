// Reading a safetensors file: its header as JSON events, then the checks over all tensors.
#include "weights/safetensors.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "weights/json_events.h"
#include "weights/safetensors_dtype.h"

namespace tenon::weights {

namespace {

constexpr uint64_t kPrefix = 8;
constexpr uint64_t kLongestHeader = uint64_t{512} << 20;

/// A tensor as the header writes it.
struct Entry {
  std::string name, dtype;
  Shape shape;
  std::vector<uint64_t> offsets;
};

/// The header: {"__metadata__": {string: string}, name: {"dtype", "shape", "data_offsets"}}.
class HeaderReader final : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;

  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(size_t) override {
    if (depth_ > 1) return unexpected("an object");
    if (depth_ == 1 && !in_metadata_) entries.push_back({.name = name_});
    keys_.clear();
    ++depth_;
    return true;
  }

  bool key(string_t& key) override {
    if (!base::is_utf8(key)) refuse(fmt::format("has the name {} with a NUL", base::quoted(key)));
    auto& known = depth_ == 1 ? names_ : keys_;
    if (!known.insert(key).second)
      refuse(fmt::format("has {} twice{}", base::quoted(key), place()));
    if (depth_ == 1) in_metadata_ = key == "__metadata__";
    (depth_ == 1 ? name_ : key_) = key;
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata_) {
      metadata.emplace(key_, std::move(value));
    } else if (depth_ == 2 && key_ == "dtype") {
      entries.back().dtype = value;
    } else {
      return unexpected("a string");
    }
    return true;
  }

  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || (key_ != "shape" && key_ != "data_offsets")) {
      return unexpected("an array");
    }
    ++depth_;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ != 3) return unexpected("a number");
    if (key_ == "data_offsets") {
      entries.back().offsets.push_back(value);
    } else if (value > INT64_MAX) {
      refuse(fmt::format("has the extent {}{}", value, place()));
    } else {
      entries.back().shape.push_back(static_cast<int64_t>(value));
    }
    return true;
  }

  bool end_array() override { return --depth_ != 0; }

  bool end_object() override {
    if (--depth_ == 1 && !in_metadata_) check_complete();
    return true;
  }

 private:
  std::string place() const override {
    return name_.empty() ? std::string() : fmt::format(" (at {})", base::quoted(name_));
  }

  void check_complete() const {
    for (const char* wanted : {"dtype", "shape", "data_offsets"}) {
      if (!keys_.contains(wanted)) {
        refuse(fmt::format("has no {} for tensor {}", wanted, base::quoted(name_)));
      }
    }
    if (keys_.size() != 3) refuse(fmt::format("has a field that is not known{}", place()));
    const auto& offsets = entries.back().offsets;
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      refuse(fmt::format("has data_offsets that are no range{}", place()));
    }
  }

  int depth_ = 0;
  bool in_metadata_ = false;
  std::string name_, key_;
  std::set<std::string> names_, keys_;
};

base::Bytes header_range(const base::ByteSource& source, std::vector<std::byte>& storage) {
  if (source.size() < kPrefix) {
    base::fail(ErrorCode::bad_file, "{}: is not a safetensors file: it has {} bytes", source.name(),
               source.size());
  }
  const auto length = base::load<uint64_t>(base::read_range(source, 0, kPrefix).data());
  if (length > source.size() - kPrefix || length > kLongestHeader) {
    base::fail(
        ErrorCode::bad_file,
        "{}: is not a safetensors file, or truncated: its header of {} bytes does not fit {} bytes",
        source.name(), length, source.size());
  }
  storage = base::read_range(source, kPrefix, length);
  return storage;
}

// Dtypes of the format that Tenon lacks, and their bits.
constexpr std::pair<std::string_view, int> kLacking[] = {
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}, {"C64", 64}};

void check_lacking(const Entry& entry, const base::ByteSource& bytes) {
  const auto* const found = std::ranges::find(
      kLacking, entry.dtype, [](const auto& each) -> std::string_view { return each.first; });
  if (found == std::end(kLacking)) {
    base::fail(ErrorCode::unsupported,
               "{}: tensor {} has dtype {}, which Tenon lacks; convert it to F16 or F32",
               bytes.name(), base::quoted(entry.name), base::quoted(entry.dtype));
  }
  // As many elements of a byte have a size that is checked against the file's.
  const uint64_t count = size_in_file(bytes, entry.name, DType::u8, entry.shape);
  const uint64_t stored = entry.offsets[1] - entry.offsets[0];
  if ((count * static_cast<uint64_t>(found->second) + 7) / 8 != stored) {
    base::fail(ErrorCode::bad_file, "{}: tensor {} has {} bytes, which {}{} does not have",
               bytes.name(), base::quoted(entry.name), stored, entry.dtype, to_string(entry.shape));
  }
}

TensorSource to_source(const Entry& entry, DType dtype,
                       std::shared_ptr<const base::ByteSource> bytes, uint64_t data) {
  const uint64_t needed = size_in_file(*bytes, entry.name, dtype, entry.shape);
  if (needed != entry.offsets[1] - entry.offsets[0]) {
    base::fail(ErrorCode::bad_file, "{}: tensor {} has {} bytes, but {}{} needs {}", bytes->name(),
               base::quoted(entry.name), entry.offsets[1] - entry.offsets[0], to_string(dtype),
               to_string(entry.shape), needed);
  }
  return make_source(entry.name, dtype, entry.shape, std::move(bytes), data + entry.offsets[0]);
}

// The format allows neither gaps nor overlaps: in the order of their offsets, each tensor begins
// where the last ended.
void check_layout(const base::ByteSource& source, std::vector<Entry>& entries, uint64_t size) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  uint64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.offsets[1] > size) {
      base::fail(ErrorCode::bad_file,
                 "{}: tensor {} ends at {}, past the end of the data at {}; the file is truncated",
                 source.name(), base::quoted(entry.name), entry.offsets[1], size);
    }
    if (entry.offsets[0] != end) {
      base::fail(ErrorCode::bad_file,
                 "{}: tensor {} begins at {}, but the one before it ends at {}", source.name(),
                 base::quoted(entry.name), entry.offsets[0], end);
    }
    end = entry.offsets[1];
  }
  if (end != size) {
    base::fail(ErrorCode::bad_file, "{}: has {} bytes after its last tensor", source.name(),
               size - end);
  }
}

}  // namespace

Safetensors read_safetensors(std::shared_ptr<const base::ByteSource> bytes) {
  std::vector<std::byte> storage;
  const base::Bytes header = header_range(*bytes, storage);
  HeaderReader reader(bytes->name() + ": its safetensors header");
  reader.parse(header);
  const uint64_t data = kPrefix + header.size();
  check_layout(*bytes, reader.entries, bytes->size() - data);
  Safetensors file{.tensors = {}, .metadata = std::move(reader.metadata), .unreadable = {}};
  for (const Entry& entry : reader.entries) {
    if (const std::optional<DType> dtype = dtype_of_safetensors(entry.dtype)) {
      file.tensors.emplace(entry.name, to_source(entry, *dtype, bytes, data));
      continue;
    }
    check_lacking(entry, *bytes);
    file.unreadable.emplace(entry.name, entry.dtype);
  }
  bytes->check_unchanged();
  return file;
}

}  // namespace tenon::weights
