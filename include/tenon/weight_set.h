// A handle of one version of an engine's weights.
#pragma once

#include <cstdint>
#include <memory>

#include "tenon/export.h"

namespace tenon {

/// One complete, immutable set of weights of one engine. Copies share it; it keeps its memory while
/// it is held.
class TENON_API WeightSet {
 public:
  WeightSet() = default;
  /// Rises with every set an engine makes; 0 for an empty handle.
  uint64_t version() const noexcept;
  explicit operator bool() const noexcept { return data_ != nullptr; }

  struct Data;
  explicit WeightSet(std::shared_ptr<Data> data);
  const std::shared_ptr<Data>& data() const noexcept { return data_; }

 private:
  std::shared_ptr<Data> data_;
  std::shared_ptr<void> hold_;  // counts the handles outside of runs
};

}  // namespace tenon
