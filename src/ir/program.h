// A network as it was imported, and the program that compiling makes of it: portable, without any
// target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/consumer.h"
#include "ir/graph.h"

namespace tenon::ir {

/// How the reason of a leaf begins whose elements decide shapes: no build can make it refittable.
inline constexpr std::string_view read_while_building_reason =
    "its elements are read while building";

/// One row of the leaf table: every named tensor of a model that is not an input.
struct Leaf {
  std::string name;
  ValueType type;  ///< static, plain
  bool refittable = true;
  std::string reason;                     ///< why not, a sentence; "" for a refittable one
  std::vector<base::Consumer> consumers;  ///< in the file it came from
  std::vector<std::string> aliases;       ///< further names, sorted
  /// The leaf whose value this is in the model, "" for its own: the two come apart where both are
  /// refittable. Gone after freezing.
  std::string copies = {};
};

/// A rewrite used this weight's value: a refit must bring the same bits. One for each pass that
/// did.
struct Guard {
  std::string weight;
  std::string pass;              ///< the pass to build without
  std::vector<std::byte> bytes;  ///< the value, in the weight's dtype
};

/// What an importer or a network builder makes: leaves are origin weight or constant.
struct Network {
  Graph graph;
  std::vector<Leaf> leaves;  ///< unique names, sorted
};

/// What compile() makes: after hoist. `main` has inputs and slots; `weights` has leaves and gives
/// the slots under their names.
struct Program {
  Graph main;
  Graph weights;
  std::vector<Leaf> leaves;  ///< sorted; names and aliases are unique
  std::vector<Guard> guards;
};

/// Throws BuildError("internal: …") when the two graphs and the tables do not fit together.
void verify(const Program& program);

}  // namespace tenon::ir
