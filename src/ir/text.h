// The text form of graphs: printed, parsed, compared in tests, stored in plans.
#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"

namespace tenon::ir {

/// Deterministic; parse(print(g)) prints the same. Inputs and node outputs are `%name`, weights
/// `"name"`, constants `const "name"`, slots `@"name"`, absent operands `_`; a leaf's type follows
/// its first use, and a small constant's elements after `=`. A node's name follows its types as `#
/// "name"`. After the nodes stand requirements: `require n == 3 # "reason"`; `~` is broadcasts
/// with. A body is a graph where its field stands, with names of values of its own.
///
///   graph (x: f32[n, 3, 224, 224]) {
///     %1 = conv(%x, "c.weight": f32[64, 3, 7, 7], _) {strides = [2, 2]} : f32[n, 64, 109, 109] #
///     "c" %2 = pointwise(%1) {max(a, 0)} : f32[n, 64, 109, 109]
///   } -> (y = %2)
std::string print(const Graph& graph);

/// Throws bad_file with line and column for text that is not a graph, BuildError for one that
/// infer() refuses. Bounded: at most 16 Mi characters; depth limited. Printed types may be left
/// out; where given they must agree.
Graph parse(std::string_view text);

/// `f32[n, 3]{NCHW16c}`.
ValueType parse_type(std::string_view text);

}  // namespace tenon::ir
