// Finding what belongs to a target or a symbol.
#include "plan/plan.h"

namespace tenon::plan {

const Record* Plan::record_for(const std::string& target) const {
  for (const Record& record : records) {
    if (record.target == target) return &record;
  }
  return nullptr;
}

std::map<std::string, SymbolRange> default_ranges(const ir::Graph& graph) {
  constexpr int64_t kTypicalBatch = 1, kTypicalExtent = 128;
  std::map<std::string, SymbolRange> ranges;
  for (const std::string& symbol : graph.symbols()) ranges[symbol].typical = kTypicalExtent;
  for (const ir::ValueId id : graph.inputs()) {
    std::vector<std::string> batch;
    if (graph.type(id).rank() > 0) (*graph.type(id).dims)[0].symbols(batch);
    for (const std::string& symbol : batch) ranges[symbol].typical = kTypicalBatch;
  }
  return ranges;
}

}  // namespace tenon::plan
