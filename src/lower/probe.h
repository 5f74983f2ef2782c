// The extents at which kernels are asked about symbolic graphs.
#pragma once

#include <map>
#include <vector>

#include "lower/executable.h"
#include "plan/plan.h"

namespace tenon::lower {

/// Values of all symbols. Each point satisfies the graph's constraints; the first is the typical
/// one.
struct Probes {
  std::vector<Bindings> points;
};

/// Typical, least and greatest values, and twos; greatest ones are asked about up to 4096. Points
/// that break a constraint are left out; if no typical one is left, the first of a few uniform ones
/// that fits stands in; throws build when none does.
Probes probe_points(const ir::Graph& main, const std::map<std::string, plan::SymbolRange>& ranges);

}  // namespace tenon::lower
