// The lowered main graph for one assignment of kernels.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "lower/executable_builder.h"
#include "lower/slots.h"

namespace tenon::lower {

/// Which candidate of its question each node takes, in preorder, bodies after their node; -1 for
/// what no kernel runs.
using Assignment = std::vector<int>;

/// The lowered main graph and the weights graph that feeds it.
struct Built {
  Executable main;
  ir::Graph weights;
};

/// Puts in reorders where layouts differ (one for each value and layout), packs and lays out slots
/// in the weights graph.
/// What `on_host` tells to run on the host stands right before what needs it.
Built build_main(const ir::Program& program, kernel::Backend& backend, const Probes& probes,
                 const std::vector<Question>& questions, const std::vector<bool>& on_host,
                 const Assignment& assignment);

}  // namespace tenon::lower
