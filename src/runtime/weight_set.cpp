// Handles of weight sets, and the count of those that runs still use.
#include "runtime/weight_set.h"

#include <algorithm>

namespace tenon {

namespace {

// A writer may be waiting for this set, as a run's or as nobody's.
void count_handle(WeightSet::Data& data, int change) {
  const std::lock_guard lock(data.ledger->mutex);
  data.handles += change;
  data.ledger->changed.notify_all();
}

}  // namespace

WeightSet::WeightSet(std::shared_ptr<Data> data) : data_(std::move(data)) {
  if (!data_) return;
  count_handle(*data_, 1);
  hold_ = std::shared_ptr<void>(data_.get(), [data = data_](void*) { count_handle(*data, -1); });
}

uint64_t WeightSet::version() const noexcept { return data_ ? data_->version : 0; }

WeightSet::Data::~Data() {
  if (!ledger) return;
  slots.clear();  // who is told below finds the buffers in the pool
  bank.reset();
  const std::lock_guard lock(ledger->mutex);
  std::erase(ledger->retired, this);
  ledger->changed.notify_all();
}

namespace runtime {

int SetLedger::in_runs() const {
  return static_cast<int>(
      std::count_if(retired.begin(), retired.end(),
                    [](const WeightSet::Data* set) { return set->handles == 0; }));
}

}  // namespace runtime

}  // namespace tenon
