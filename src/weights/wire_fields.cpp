// The moving window and the walk over tags.
#include "weights/wire_fields.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

namespace tenon::weights::wire {

using protozero::pbf_wire_type;

namespace {

constexpr uint64_t kWindow = uint64_t{64} << 10;
constexpr uint64_t kMostMemory = uint64_t{1} << 30;  // of a model without what stays in files

}  // namespace

WireFile::WireFile(std::shared_ptr<const base::ByteSource> bytes) : bytes_(std::move(bytes)) {}

std::string_view WireFile::peek(uint64_t offset, uint64_t end) {
  if (const std::byte* memory = bytes_->memory()) {
    return {reinterpret_cast<const char*>(memory) + offset, static_cast<size_t>(end - offset)};
  }
  const uint64_t wanted = std::min(kLookAhead, end - offset);
  if (offset < start_ || offset + wanted > start_ + window_.size()) {
    window_.resize(std::min(kWindow, bytes_->size() - offset));
    start_ = offset;
    bytes_->read(offset, std::as_writable_bytes(std::span(window_)));
  }
  const uint64_t count = std::min(end, start_ + window_.size()) - offset;
  return {window_.data() + (offset - start_), static_cast<size_t>(count)};
}

std::string WireFile::text(Range range) {
  charge(sizeof(std::string) + range.length);
  std::string text(range.length, '\0');
  bytes_->read(range.offset, std::as_writable_bytes(std::span(text)));
  return text;
}

void WireFile::charge(uint64_t bytes) {
  charged_ += bytes;
  if (charged_ <= kMostMemory) return;
  base::fail(
      ErrorCode::unsupported,
      "{}: its nodes, names and lists of numbers need more than 1 GiB; keep weights as raw or "
      "external data",
      bytes_->name());
}

void WireFile::malformed(uint64_t offset, std::string_view fact) const {
  base::fail(ErrorCode::bad_file, "{}: is not a well-formed ONNX file, or truncated: {} at byte {}",
             bytes_->name(), fact, offset);
}

bool Fields::next() {
  if (position_ >= end_) return false;
  const std::string_view ahead = file_.peek(position_, end_);
  try {
    const char* at = ahead.data();
    const uint64_t tag = protozero::decode_varint(&at, ahead.data() + ahead.size());
    if (tag >> 3 == 0 || tag > UINT32_MAX) file_.malformed(position_, "an impossible field number");
    field_ = {.number = static_cast<uint32_t>(tag >> 3),
              .type = static_cast<pbf_wire_type>(tag & 7)};
    read_value(ahead, at);
  } catch (const protozero::exception&) {
    file_.malformed(position_, "a broken number");
  }
  if (field_.bytes.length > end_ - field_.bytes.offset)
    file_.malformed(position_, "a field past its end");
  position_ = field_.bytes.offset + field_.bytes.length;
  return true;
}

void Fields::read_value(std::string_view ahead, const char* at) {
  const auto offset = [&] { return position_ + static_cast<uint64_t>(at - ahead.data()); };
  const char* end = ahead.data() + ahead.size();
  field_.bytes.offset = offset();
  switch (field_.type) {
    case pbf_wire_type::varint:
      field_.value = protozero::decode_varint(&at, end);
      field_.bytes.length = offset() - field_.bytes.offset;
      return;
    case pbf_wire_type::fixed64:
      field_.bytes.length = 8;
      if (end - at >= 8) field_.value = base::load<uint64_t>(at);
      return;
    case pbf_wire_type::fixed32:
      field_.bytes.length = 4;
      if (end - at >= 4) field_.value = base::load<uint32_t>(at);
      return;
    case pbf_wire_type::length_delimited:
      field_.bytes.length = protozero::decode_varint(&at, end);
      field_.bytes.offset = offset();
      return;
    default: file_.malformed(position_, "an unknown wire type");
  }
}

void Fields::require(pbf_wire_type type) const {
  if (field_.type != type) file_.malformed(field_.bytes.offset, "a field of the wrong kind");
}

Range Fields::bytes() const {
  require(pbf_wire_type::length_delimited);
  return field_.bytes;
}

std::string Fields::text() const {
  std::string text = binary();
  if (!base::is_utf8(text)) file_.malformed(field_.bytes.offset, "a name that is not UTF-8");
  return text;
}

int64_t Fields::integer() const {
  require(pbf_wire_type::varint);
  return static_cast<int64_t>(field_.value);
}

float Fields::real() const {
  require(pbf_wire_type::fixed32);
  return std::bit_cast<float>(static_cast<uint32_t>(field_.value));
}

}  // namespace tenon::weights::wire
