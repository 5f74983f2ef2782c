// What an engine runs, step by step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

/// One step of a run: a node of the lowered network, and the kernel that was chosen for it, "" of
/// an If or a Loop.
struct LayerInfo {
  std::string op;      ///< "conv", "reorder", …
  std::string name;    ///< the model's name of the node or of its output; "" where it has none
  std::string kernel;  ///< "cpu.conv.reference"
  std::string tactic;  ///< "" where the kernel has one way only
  std::string device;  ///< where it runs: "cpu" is the host, also beside a device
  std::string output;  ///< type of the first output: "f32[n, 64, 112, 112]{NCHW16c}"
  bool moves = false;  ///< it computes nothing, and moves elements to where others want them
  /// Of an If or a Loop, which have no kernel: the steps of its branches, or of a turn.
  std::vector<LayerInfo> body;
};

/// What one step of a run took, its body with it.
struct LayerTime {
  double seconds = 0;
  uint64_t bytes = 0;     ///< of its operands and results, each once
  double operations = 0;  ///< by its definition; a multiplication with its addition is two
};

}  // namespace tenon
