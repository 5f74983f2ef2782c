// Who lies in whose memory: views, and the places that they come to at concrete extents.
#pragma once

#include <functional>

#include "lower/executable.h"

namespace tenon::lower {

/// Decides which nodes are views, by program and kernels alone, and takes their steps away: fills
/// in Executable::storage and ::views. Of `steps` there is one for each node, without a kernel for
/// what renames.
void decide_places(Executable& executable, std::vector<Step> steps);

/// An offset in elements from the root's first, and strides; none where the value is dense.
struct Place {
  int64_t offset = 0;
  std::vector<int64_t> strides;
};

/// Works out places under extents that are known.
class Places {
 public:
  using Extents = std::function<std::vector<int64_t>(ir::ValueId)>;
  using OpAt = std::function<ir::Op(const ir::Node&)>;

  /// Refers to the executable. `op_at` gives a node's op with numbers for symbols.
  Places(const Executable& executable, Extents extents, OpAt op_at)
      : it_(executable), extents_(std::move(extents)), op_at_(std::move(op_at)) {}

  Place of(ir::ValueId id) const;

 private:
  std::vector<int64_t> strides_of(ir::ValueId id, const Place& place) const;
  Place within(const ir::Node& view, ir::ValueId id) const;
  Place before(const ir::Node& transpose) const;
  Place part_of_concat(const ir::Node& concat, int operand) const;

  const Executable& it_;
  Extents extents_;
  OpAt op_at_;
};

}  // namespace tenon::lower
