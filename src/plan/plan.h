// What a plan holds: a portable program, and for each target a record of the choices that lowering
// made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/program.h"
#include "kernel/precision.h"

namespace tenon::plan {

/// The kernel of one node of the main graph. It holds while a kernel of that name and version
/// exists and accepts.
struct Choice {
  std::string kernel;
  int version = 1;
  std::string tactic;  ///< as the kernel calls it
  bool operator==(const Choice&) const = default;
};

/// All choices for one target: one for each node of Program::main at its precision, in order.
struct Record {
  std::string target;  ///< kernel::Target::key()
  int threads = 1;     ///< a note: what the timings were made with
  kernel::Precision precision = kernel::Precision::model;
  std::vector<Choice> choices;
  bool operator==(const Record&) const = default;
};

/// Typical, least and greatest value of a symbol: what tactics are timed at.
struct SymbolRange {
  int64_t least = 0, typical = 1, greatest = INT32_MAX;
  bool operator==(const SymbolRange&) const = default;
};

struct Plan {
  ir::Program program;
  std::map<std::string, SymbolRange> ranges;  ///< of every symbol in the program
  std::vector<Record> records;

  const Record* record_for(const std::string& target) const;
};

/// Of all symbols of a graph: typically 1 where one is in axis 0 of an input, else 128.
std::map<std::string, SymbolRange> default_ranges(const ir::Graph& graph);

}  // namespace tenon::plan
