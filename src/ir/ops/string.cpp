// Types of strings, and of what is found in them.
#include "ir/ops/string.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"

namespace tenon::ir {
namespace {

/// The extents of operand `i`, which must be strings.
const Dims& string_dims(Infer& in, size_t i = 0) {
  in.require_dtype(i, DType::string);
  return in.dims(i);
}

}  // namespace

std::vector<Value> Strings::infer(Infer& in) const {
  for (const int64_t extent : shape)
    if (extent < 0) in.fail(fmt::format("an extent is {}", extent));
  const auto count = static_cast<size_t>(element_count(shape));
  if (count != values.size())
    in.fail(fmt::format("{} texts for shape {}", values.size(), tenon::to_string(shape)));
  return {{ValueType(DType::string, Dims(shape.begin(), shape.end())), {}}};
}

std::vector<Value> StringIndex::infer(Infer& in) const {
  const auto unordered = std::ranges::adjacent_find(keys, std::greater_equal<>());
  if (unordered != keys.end())
    in.fail(fmt::format("key {} comes twice, or out of order", base::quoted(*unordered)));
  return {{ValueType(DType::i64, string_dims(in)), {}}};
}

std::vector<Value> StringRank::infer(Infer& in) const {
  return {{ValueType(DType::i64, string_dims(in)), {}}};
}

std::vector<Value> StringEqual::infer(Infer& in) const {
  return {{ValueType(DType::bool_, in.broadcast(string_dims(in, 0), string_dims(in, 1))), {}}};
}

std::vector<Value> StringConcat::infer(Infer& in) const {
  return {{ValueType(DType::string, in.broadcast(string_dims(in, 0), string_dims(in, 1))), {}}};
}

std::vector<Value> StringCase::infer(Infer& in) const {
  return {{ValueType(DType::string, string_dims(in)), {}}};
}

std::vector<Value> StringSplit::infer(Infer& in) const {
  if (symbols.size() != 1 || symbols[0].empty()) in.fail("the new extent has no symbol");
  const Dims& dims = string_dims(in);
  Dims parts = dims;
  parts.push_back(Dim::symbol(symbols[0]));
  return {{ValueType(DType::string, std::move(parts)), {}}, {ValueType(DType::i64, dims), {}}};
}

std::vector<Value> RegexFullMatch::infer(Infer& in) const {
  return {{ValueType(DType::bool_, string_dims(in)), {}}};
}

std::vector<Value> NumberText::infer(Infer& in) const {
  const DType dtype = in.dtype(0);
  if (dtype == DType::string || is_narrow(dtype))
    in.fail(fmt::format("it is not defined for {}", to_string(dtype)));
  return {{ValueType(DType::string, in.dims(0)), {}}};
}

std::vector<Value> TextNumber::infer(Infer& in) const {
  if (to == DType::string || is_narrow(to))
    in.fail(fmt::format("a text cannot be read as {}", to_string(to)));
  return {{ValueType(to, string_dims(in)), {}}};
}

}  // namespace tenon::ir
