// Protobuf's wire format over a byte source: fields one after another, none of them larger in
// memory than a window.
#pragma once

#include <memory>
#include <protozero/exception.hpp>
#include <protozero/types.hpp>
#include <protozero/varint.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"

namespace tenon::weights::wire {

/// Bytes of the file.
struct Range {
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// A file seen through a small window that moves with the reader (over memory: all of it, in
/// place).
class WireFile {
 public:
  explicit WireFile(std::shared_ptr<const base::ByteSource> bytes);

  const std::shared_ptr<const base::ByteSource>& source() const noexcept { return bytes_; }
  /// Bytes from `offset` to at most `end`: to `end` itself, or at least kLookAhead of them. Valid
  /// until the next call.
  std::string_view peek(uint64_t offset, uint64_t end);
  std::string text(Range range);
  /// Counts memory that the model will take, before it is taken: a small file must not become large
  /// without end. Of a model that takes too much, throws unsupported.
  void charge(uint64_t bytes);
  [[noreturn]] void malformed(uint64_t offset, std::string_view fact) const;

  static constexpr uint64_t kLookAhead = 64;

 private:
  std::shared_ptr<const base::ByteSource> bytes_;
  std::vector<char> window_;
  uint64_t start_ = 0;  // of the window in the file
  uint64_t charged_ = 0;
};

/// One field of a message. `bytes` is where its value stands, encoded, without the length of a
/// length-delimited one.
struct Field {
  uint32_t number = 0;
  protozero::pbf_wire_type type = protozero::pbf_wire_type::unknown;
  uint64_t value = 0;  ///< of a varint or a fixed one
  Range bytes;
};

/// The fields of one message; `for (Fields fields(file, range); fields.next();) … fields.field()
/// …`.
class Fields {
 public:
  Fields(WireFile& file, Range message)
      : file_(file), position_(message.offset), end_(message.offset + message.length) {}

  bool next();
  uint32_t number() const noexcept { return field_.number; }

  /// The field's value as a type; another wire type than that type's is malformed.
  Range bytes() const;  ///< strings, messages, packed fields
  std::string binary() const { return file_.text(bytes()); }
  std::string text() const;  ///< UTF-8
  int64_t integer() const;
  float real() const;
  /// The values of a repeated number, packed or not: encoded in the same way.
  Range encoded() const { return field_.bytes; }
  bool is_packed() const { return field_.type == protozero::pbf_wire_type::length_delimited; }

 private:
  void read_value(std::string_view ahead, const char* at);
  void require(protozero::pbf_wire_type type) const;

  WireFile& file_;
  uint64_t position_;
  uint64_t end_;
  Field field_;
};

/// Calls `f(uint64_t)` for each varint in a range.
template <class F>
void for_each_varint(WireFile& file, Range range, F&& f) {
  const uint64_t end = range.offset + range.length;
  for (uint64_t position = range.offset; position < end;) {
    const std::string_view ahead = file.peek(position, end);
    const char* at = ahead.data();
    // A varint has at most ten bytes; one that the window cuts is read again with the next window.
    const bool last = position + ahead.size() == end;
    const char* stop = at + ahead.size() - (last ? 0 : protozero::max_varint_length);
    while (at < stop) f(protozero::decode_varint(&at, ahead.data() + ahead.size()));
    position += static_cast<uint64_t>(at - ahead.data());
  }
}

}  // namespace tenon::weights::wire
