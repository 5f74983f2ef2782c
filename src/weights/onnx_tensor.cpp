// TensorProto: raw_data and packed floats stay in the file, external data stays beside it, varints
// are decoded.
#include "weights/onnx_tensor.h"

#include <algorithm>
#include <charconv>

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"
#include "weights/packed.h"

namespace tenon::weights::wire {

namespace {

// Field numbers of TensorProto.
enum : uint32_t {
  kDims = 1,
  kDataType = 2,
  kSegment = 3,
  kFloatData = 4,
  kInt32Data = 5,
  kStringData = 6,
  kInt64Data = 7,
  kName = 8,
  kRawData = 9,
  kDoubleData = 10,
  kUint64Data = 11,
  kExternalData = 13,
  kDataLocation = 14,
};

constexpr int64_t kExternal = 1;  // TensorProto.DataLocation

// The typed field in which onnx.proto keeps a dtype.
uint32_t field_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return kFloatData;
    case DType::f64: return kDoubleData;
    case DType::i64: return kInt64Data;
    case DType::u64:
    case DType::u32: return kUint64Data;
    default: return kInt32Data;
  }
}

// The element's bits of a varint; nothing when the value does not fit. 16-bit floats are kept as
// their bits.
template <class T>
std::optional<T> element_of(uint64_t value) {
  if constexpr (std::is_same_v<T, base::Half> || std::is_same_v<T, base::BFloat16>) {
    T element;
    element.bits = static_cast<uint16_t>(value);
    return value <= 0xffff ? std::optional(element) : std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else if constexpr (std::is_integral_v<T>) {
    const auto element = static_cast<T>(value);
    // Signs extend to 64 bits in either form.
    const bool fits = static_cast<uint64_t>(element) == value;
    return fits ? std::optional(element) : std::nullopt;
  } else {
    return std::nullopt;  // f32 and f64 are never varints
  }
}

// Types of 4 and 2 bits stand packed in the numbers, those of 6 do not.
uint64_t varints_of(DType dtype, uint64_t count) {
  if (!is_narrow(dtype) || base::narrow_bits(dtype) == 6) return count;
  return base::packed_size(dtype, static_cast<int64_t>(count));
}

// Protobuf reads an int32 from the low half, whatever the writer put above it.
uint64_t sign_extended(uint64_t value) {
  return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value)));
}

std::optional<uint64_t> parse_number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

/// What a TensorProto says, its data as ranges of the file.
struct TensorReader::Proto {
  std::string name;
  int data_type = 0;
  Shape dims;
  bool is_external = false, has_segment = false;
  std::map<std::string, std::string> external;
  std::optional<Range> raw;
  uint32_t typed_field = 0;   // 0: none
  std::vector<Range> pieces;  // of the typed field
  std::vector<std::string> strings;
};

void TensorReader::refuse(const Proto& proto, const std::string& fact) const {
  base::fail(ErrorCode::bad_file, "{}: tensor {} {}", file_.source()->name(),
             base::quoted(proto.name), fact);
}

void TensorReader::parse_external(Range message, Proto& proto) {
  std::string key, value;
  for (Fields entry(file_, message); entry.next();) {
    if (entry.number() == 1) key = entry.text();
    if (entry.number() == 2) value = entry.text();
  }
  proto.external[key] = value;
}

TensorReader::Proto TensorReader::parse(Range message) {
  Proto proto;
  for (Fields fields(file_, message); fields.next();) {
    const uint32_t number = fields.number();
    switch (number) {
      case kName: proto.name = fields.text(); break;
      case kDataType: proto.data_type = static_cast<int>(fields.integer()); break;
      case kDims:
        for_each_varint(file_, fields.encoded(), [&](uint64_t extent) {
          file_.charge(sizeof extent);
          proto.dims.push_back(static_cast<int64_t>(extent));
        });
        break;
      case kRawData: proto.raw = fields.bytes(); break;
      case kStringData:
        file_.charge(sizeof(std::string));
        proto.strings.push_back(fields.binary());
        break;
      case kExternalData: parse_external(fields.bytes(), proto); break;
      case kDataLocation: proto.is_external = fields.integer() == kExternal; break;
      case kSegment: proto.has_segment = true; break;
      case kFloatData:
      case kInt32Data:
      case kInt64Data:
      case kDoubleData:
      case kUint64Data:
        if (fields.encoded().length == 0) break;
        if (proto.typed_field != 0 && proto.typed_field != number)
          refuse(proto, "has data of two types");
        proto.typed_field = number;
        file_.charge(sizeof(Range));
        proto.pieces.push_back(fields.encoded());
        break;
      default: break;
    }
  }
  return proto;
}

Tensor TensorReader::read(Range message, bool is_initializer) {
  const Proto proto = parse(message);
  Tensor tensor{.name = proto.name, .data_type = proto.data_type, .dims = proto.dims};
  const std::optional<DType> dtype = dtype_of(proto.data_type);
  if (!dtype) return tensor;
  try {
    if (*dtype == DType::string)
      tensor.strings = strings_of(proto);
    else
      tensor.source = to_source(proto, *dtype);
  } catch (const Error& error) {
    if (!is_initializer) throw;
    tensor.refusal = error;
  }
  return tensor;
}

std::vector<std::string> TensorReader::strings_of(const Proto& proto) const {
  if (proto.is_external || proto.raw || proto.typed_field != 0)
    refuse(proto, "holds strings, and has other data");
  if (proto.strings.size() != count_of(proto))
    refuse(proto, fmt::format("has {} strings, but its shape is {}", proto.strings.size(),
                              to_string(proto.dims)));
  return proto.strings;
}

TensorSource TensorReader::to_source(const Proto& proto, DType dtype) {
  if (proto.has_segment) {
    base::fail(ErrorCode::unsupported, "{}: tensor {} is stored in segments; save the model anew",
               file_.source()->name(), base::quoted(proto.name));
  }
  if (proto.raw && proto.typed_field != 0) refuse(proto, "has both raw and typed data");
  if (proto.is_external) return external(proto, dtype);
  if (proto.raw) return raw(proto, dtype);
  return typed(proto, dtype);
}

TensorSource TensorReader::external(const Proto& proto, DType dtype) {
  const auto text = [&](const char* key) {
    const auto found = proto.external.find(key);
    return found == proto.external.end() ? std::string() : found->second;
  };
  const auto number = [&](const char* key) -> std::optional<uint64_t> {
    if (text(key).empty()) return std::nullopt;
    if (const auto value = parse_number(text(key))) return value;
    refuse(proto,
           fmt::format("has the external {} {}, which is no number", key, base::quoted(text(key))));
  };
  if (external_.folder().empty()) {
    refuse(
        proto,
        "has external data, which a model given as bytes cannot have; give the model's path, the "
        "folder, or the weights");
  }
  const std::string who =
      fmt::format("{}: tensor {}", file_.source()->name(), base::quoted(proto.name));
  TensorSource source =
      make_packed_source(proto.name, dtype, proto.dims, external_.open(text("location"), who),
                         number("offset").value_or(0));
  const uint64_t size = packed_bytes(dtype, proto.dims);
  const uint64_t length = number("length").value_or(size);
  if (length != size) {
    refuse(proto, fmt::format("has {} bytes of external data, but {}{} needs {}", length,
                              to_string(dtype), to_string(proto.dims), size));
  }
  return source;
}

TensorSource TensorReader::raw(const Proto& proto, DType dtype) {
  TensorSource source =
      make_packed_source(proto.name, dtype, proto.dims, file_.source(), proto.raw->offset);
  if (const uint64_t size = packed_bytes(dtype, proto.dims); size != proto.raw->length) {
    refuse(proto, fmt::format("has {} bytes of raw data, but {}{} needs {}", proto.raw->length,
                              to_string(dtype), to_string(proto.dims), size));
  }
  return source;
}

uint64_t TensorReader::count_of(const Proto& proto) const {
  try {
    return static_cast<uint64_t>(element_count(proto.dims));
  } catch (const InputError& error) {
    refuse(proto, std::string("is impossible: ") + error.what());
  }
}

TensorSource TensorReader::typed(const Proto& proto, DType dtype) {
  if (proto.typed_field != 0 && proto.typed_field != field_of(dtype)) {
    refuse(proto, fmt::format("of type {} has its data in a field for another type",
                              data_type_name(proto.data_type)));
  }
  uint64_t length = 0;
  for (const Range& piece : proto.pieces) length += piece.length;
  // An element takes a byte at least (floats: their size): the count is bounded before anything is
  // allocated.
  const bool fixed = dtype == DType::f32 || dtype == DType::f64;
  const uint64_t most = fixed ? length / byte_count(dtype, 1) : length;
  const uint64_t count = varints_of(dtype, count_of(proto));
  if (count > most || (fixed && byte_count(dtype, count) != length)) {
    refuse(proto, fmt::format("has {} bytes of data, too few or too many for {}{}", length,
                              to_string(dtype), to_string(proto.dims)));
  }
  if (fixed && proto.pieces.size() == 1) {
    return make_source(proto.name, dtype, proto.dims, file_.source(), proto.pieces[0].offset);
  }
  auto bytes = base::memory_source(decode(proto, dtype, count));
  if (count != count_of(proto))
    return make_packed_source(proto.name, dtype, proto.dims, std::move(bytes), 0);
  return make_source(proto.name, dtype, proto.dims, std::move(bytes), 0);
}

std::vector<std::byte> TensorReader::decode(const Proto& proto, DType dtype, uint64_t count) {
  file_.charge(byte_count(dtype, count));
  std::vector<std::byte> out(byte_count(dtype, count));
  if (dtype == DType::f32 || dtype == DType::f64) {
    std::span<std::byte> rest = out;
    for (const Range& piece : proto.pieces) {
      file_.source()->read(piece.offset, rest.first(piece.length));
      rest = rest.subspan(piece.length);
    }
    return out;
  }
  uint64_t index = 0;
  base::dispatch(dtype, [&]<class T>(base::TypeTag<T>) {
    const auto store = [&](uint64_t value) {
      if (proto.typed_field == kInt32Data) value = sign_extended(value);
      const std::optional<T> element = element_of<T>(value);
      if (!element) {
        refuse(proto, fmt::format("has the value {}, which is no {}", static_cast<int64_t>(value),
                                  to_string(dtype)));
      }
      if (index < count) std::memcpy(out.data() + index * sizeof(T), &*element, sizeof(T));
      ++index;
    };
    for (const Range& piece : proto.pieces) for_each_varint(file_, piece, store);
  });
  if (index != count) {
    refuse(proto,
           fmt::format("has {} elements, but its shape is {}", index, to_string(proto.dims)));
  }
  return out;
}

}  // namespace tenon::weights::wire
