// Where a model uses a named tensor; names that have shifted between two files are told by it.
#pragma once

#include <string>

namespace tenon::base {

/// Operator type and the operand's index.
struct Consumer {
  std::string op_type;
  int operand = 0;
  bool operator==(const Consumer&) const = default;
};

}  // namespace tenon::base
