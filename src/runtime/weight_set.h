// One complete set of weights: a table of slots with versions, and where the sources are.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fork.h"
#include "runtime/slot_banks.h"
#include "tenon/engine.h"
#include "weights/source.h"

namespace tenon::runtime {

struct SetLedger;
struct Extension;

using Source = std::shared_ptr<const weights::TensorSource>;

/// A packed table in backend memory, and the version that wrote it.
struct Slot {
  kernel::Buffer memory;
  uint64_t version = 0;
};

}  // namespace tenon::runtime

namespace tenon {

/// Immutable once published; shared by handles and runs.
struct WeightSet::Data {
  uint64_t version = 0;
  std::vector<runtime::Slot> slots;         ///< as in lower::Lowered::slots
  std::shared_ptr<runtime::SlotBank> bank;  ///< that of all slots, on backends that capture
  std::vector<runtime::Source> sources;     ///< by leaf; null where unknown
  /// What made slots that the engine's own programs did not; null: none.
  std::shared_ptr<const runtime::Extension> extension;
  std::shared_ptr<runtime::SetLedger> ledger;  ///< its engine's, and so what tells whose set it is
  int handles = 0;  ///< WeightSet objects outside of the runtime; guarded by the ledger

  Data() = default;
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  ~Data();
};

}  // namespace tenon

namespace tenon::runtime {

/// The sets that were replaced and are not gone yet; a writer who wants their buffers waits here.
/// Outlives its sets.
struct SetLedger {
  base::Mutex mutex;
  std::condition_variable_any changed;
  std::vector<WeightSet::Data*> retired;

  /// Retired sets that only runs keep: those that no handle holds. The mutex is held.
  int in_runs() const;
};

}  // namespace tenon::runtime
