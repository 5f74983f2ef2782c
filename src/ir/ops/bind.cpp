// Types and known values of bindings.
#include "ir/ops/bind.h"

#include "base/error.h"
#include "base/text.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Bind::infer(Infer& in) const {
  if (in.dtype(0) != DType::i64 && in.dtype(0) != DType::i32)
    in.fail(fmt::format("operand 0 is {}, and must be i64 or i32", to_string(in.dtype(0))));
  const auto count = known_count(in.dims(0));
  if (!count)
    in.fail(fmt::format("{} cannot become extents; at most {} numbers can", in.type(0).text(),
                        Known::limit));
  if (*count != symbols.size())
    in.fail(fmt::format("{} numbers are given {} symbols", *count, symbols.size()));
  Known known;
  for (const std::string& symbol : symbols) {
    if (!Dim::is_symbol_name(symbol)) in.fail(base::quoted(symbol) + " is no name of a symbol");
    known.integers.push_back(Dim::symbol(symbol));
  }
  return {{in.type(0), in[0].known ? in[0].known : known}};
}

}  // namespace tenon::ir
