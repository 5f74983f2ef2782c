// What can be done with any op through its table.
#include "ir/op.h"

#include <fmt/core.h>

#include "base/dtype.h"

namespace tenon::ir {
namespace {

// A bound symbol stays where a number or an expression takes its place elsewhere.
bool rename(std::string& symbol, const std::map<std::string, Dim>& bindings) {
  const auto found = bindings.find(symbol);
  if (found == bindings.end() || !Dim::is_symbol_name(found->second.text())) return false;
  symbol = found->second.text();
  return true;
}

}  // namespace

std::vector<Value> Op::infer(Infer& in) const {
  for (size_t i = 0; i < in.size() && !info().moves; ++i) {
    if (!in.has(i) || !base::is_moved_only(in.dtype(i))) continue;
    in.fail(fmt::format("it is not defined for {}{}", to_string(in.dtype(i)),
                        is_narrow(in.dtype(i)) ? "; cast the operand" : ""));
  }
  return table_->infer(data_.get(), in);
}

std::vector<std::string> Op::bound_symbols() const {
  std::vector<std::string> symbols;
  if (!info().binds) return symbols;
  for (const auto& [name, value] : table_->fields(data_.get())) {
    const auto* names = std::get_if<std::vector<std::string>>(&value);
    if (names) symbols.insert(symbols.end(), names->begin(), names->end());
  }
  std::erase(symbols, "");  // an extent that needs none
  return symbols;
}

std::vector<Body> Op::bodies() const {
  std::vector<Body> bodies;
  if (!table_->has_bodies) return bodies;
  for (const auto& [name, value] : table_->fields(data_.get())) {
    const Body* body = std::get_if<Body>(&value);
    if (body && *body) bodies.push_back(*body);
  }
  return bodies;
}

Op Op::with_bodies(const std::function<Body(const Graph& body)>& replace) const {
  if (!table_->has_bodies) return *this;
  std::vector<std::pair<std::string, FieldValue>> fields;
  for (auto& [name, value] : table_->fields(data_.get())) {
    if (Body* body = std::get_if<Body>(&value); body && *body) *body = replace(**body);
    fields.emplace_back(name, std::move(value));
  }
  return table_->make(fields);
}

Op Op::substitute(const std::map<std::string, Dim>& bindings) const {
  std::vector<std::pair<std::string, FieldValue>> fields;
  bool changed = false;
  for (auto& [name, value] : table_->fields(data_.get())) {
    if (auto* dims = std::get_if<Dims>(&value)) {
      for (Dim& dim : *dims) dim = dim.substitute(bindings);
      changed = true;
    }
    if (auto* names = std::get_if<std::vector<std::string>>(&value); names && info().binds) {
      for (std::string& symbol : *names) changed |= rename(symbol, bindings);
    }
    fields.emplace_back(name, std::move(value));
  }
  return changed ? table_->make(fields) : *this;
}

}  // namespace tenon::ir
