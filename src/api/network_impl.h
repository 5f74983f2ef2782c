// What a public Network holds.
#pragma once

#include <map>

#include "ir/program.h"
#include "tenon/network.h"
#include "weights/source.h"

namespace tenon {

/// A finished import, or a builder with what was added to it so far.
struct Network::Impl {
  /// Tells networks apart, also from those that are gone.
  uint64_t serial = next_serial();
  static uint64_t next_serial();

  ir::GraphBuilder builder;
  std::vector<ir::Leaf> leaves;
  std::map<std::string, weights::TensorSource> sources;
  std::optional<ir::Graph> imported;  ///< an importer's graph; such a network takes no more nodes

  ir::Graph graph() const;
  /// The network as it stands; throws BuildError when it has no output.
  ir::Network finish() const;
};

}  // namespace tenon
