// What can be done with any op through its table.
#include "ir/op.h"

namespace tenon::ir {

Op Op::substitute(const std::map<std::string, Dim>& bindings) const {
  std::vector<std::pair<std::string, FieldValue>> fields;
  bool changed = false;
  for (auto& [name, value] : table_->fields(data_.get())) {
    if (auto* dims = std::get_if<Dims>(&value)) {
      for (Dim& dim : *dims) dim = dim.substitute(bindings);
      changed = true;
    }
    fields.emplace_back(name, std::move(value));
  }
  return changed ? table_->make(fields) : *this;
}

}  // namespace tenon::ir
