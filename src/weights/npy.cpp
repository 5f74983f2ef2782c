// numpy.lib.format, versions 1 to 3: magic, version, length, and a Python dict with three known
// keys.
#include "weights/npy.h"

#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace tenon::weights {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

/// NumPy's letter and size of an element type.
struct Descr {
  std::string_view name;
  DType dtype;
};
constexpr std::array<Descr, 12> kDescrs = {{
    {"f8", DType::f64},
    {"f4", DType::f32},
    {"f2", DType::f16},
    {"i8", DType::i64},
    {"i4", DType::i32},
    {"i2", DType::i16},
    {"i1", DType::i8},
    {"u8", DType::u64},
    {"u4", DType::u32},
    {"u2", DType::u16},
    {"u1", DType::u8},
    {"b1", DType::bool_},
}};

/// Reads the dict's text; anything that NumPy does not write there is refused.
class DictReader {
 public:
  DictReader(std::string_view text, const std::string& who) : text_(text), who_(who) {}

  NpyHeader read() {
    NpyHeader header;
    std::set<std::string> keys;
    expect('{');
    while (!accept('}')) {
      const std::string key = read_string();
      if (!keys.insert(key).second) refuse("has a key twice");
      expect(':');
      if (key == "descr")
        header.dtype = read_descr();
      else if (key == "fortran_order")
        header.fortran_order = read_bool();
      else if (key == "shape")
        header.shape = read_shape();
      else
        refuse("has a key that is not known");
      if (!accept(',') && !next_is('}')) refuse("has no comma between its keys");
    }
    if (keys.size() != 3) refuse("lacks descr, fortran_order or shape");
    skip_space();
    if (!text_.empty()) refuse("has text after its dict");
    return header;
  }

 private:
  [[noreturn]] void refuse(std::string_view fact) const {
    base::fail(ErrorCode::bad_file, "{}: its .npy header {}", who_, fact);
  }

  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool next_is(char c) {
    skip_space();
    return !text_.empty() && text_[0] == c;
  }
  bool accept(char c) {
    if (!next_is(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse(fmt::format("has no '{}' where one belongs", c));
  }
  bool accept_word(std::string_view word) {
    skip_space();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  std::string read_string() {
    const char quote = next_is('"') ? '"' : '\'';
    expect(quote);
    const size_t end = text_.find(quote);
    if (end == std::string_view::npos) refuse("has a string without an end");
    std::string value(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return value;
  }

  bool read_bool() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    refuse("has a fortran_order that is neither True nor False");
  }

  Shape read_shape() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      shape.push_back(read_extent());
      if (!accept(',') && !next_is(')')) refuse("has a broken shape");
    }
    return shape;
  }

  int64_t read_extent() {
    skip_space();
    int64_t extent = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
    if (error != std::errc() || extent < 0) refuse("has a broken shape");
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return extent;
  }

  DType read_descr() {
    if (next_is('[')) unreadable("a structured array");
    const std::string descr = read_string();
    const std::string_view kind =
        descr.empty() ? std::string_view() : std::string_view(descr).substr(1);
    if (kind == "O") unreadable("an array of pickled objects");
    if (descr[0] == '>') unreadable("a big-endian array");
    for (const Descr& known : kDescrs) {
      if (known.name == kind && (descr[0] == '<' || descr[0] == '|' || descr[0] == '='))
        return known.dtype;
    }
    unreadable(fmt::format("an array of dtype {}", base::quoted(descr)));
  }

  [[noreturn]] void unreadable(std::string kind) const {
    throw UnreadableArray(who_, std::move(kind));
  }

  std::string_view text_;
  const std::string& who_;
};

}  // namespace

NpyHeader parse_npy_header(base::Bytes bytes, const std::string& who) {
  base::ByteReader reader(bytes, who);
  const base::Bytes magic = reader.take(kMagic.size());
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0) {
    base::fail(ErrorCode::bad_file, "{}: is not a .npy array", who);
  }
  const auto major = reader.read<uint8_t>();
  reader.skip(1);
  if (major < 1 || major > 3)
    base::fail(ErrorCode::unsupported, "{}: has .npy version {}; 1 to 3 are read", who, major);
  const uint64_t length = major == 1 ? reader.read<uint16_t>() : reader.read<uint32_t>();
  const base::Bytes text = reader.take(length);
  NpyHeader header =
      DictReader({reinterpret_cast<const char*>(text.data()), text.size()}, who).read();
  header.size = reader.position();
  return header;
}

std::string npy_header(DType dtype, const Shape& shape, const std::string& who) {
  std::string descr;
  for (const Descr& known : kDescrs) {
    if (known.dtype == dtype)
      descr = fmt::format("{}{}", byte_count(dtype, 1) == 1 ? '|' : '<', known.name);
  }
  if (descr.empty()) {
    base::fail(ErrorCode::unsupported,
               "{}: NumPy has no {}; convert it to f32, or save safetensors", who,
               to_string(dtype));
  }
  std::string extents;
  for (const int64_t extent : shape) extents += std::to_string(extent) + ", ";
  std::string text =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, extents);
  constexpr size_t kPrefix = 10, kAlignment = 64;
  text.resize((text.size() + 1 + kPrefix + kAlignment - 1) / kAlignment * kAlignment - kPrefix,
              ' ');
  text.back() = '\n';
  if (text.size() > 0xffff)
    base::fail(ErrorCode::unsupported, "{}: has too many axes for .npz", who);
  std::string header(kMagic);
  header += {'\x01', '\x00'};
  header += {static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace tenon::weights
