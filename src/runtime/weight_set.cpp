// Handles of weight sets, and the count of those that runs still use.
#include "runtime/weight_set.h"

#include <algorithm>

namespace tenon {

WeightSet::WeightSet(std::shared_ptr<Data> data) : data_(std::move(data)) {
  if (!data_) return;
  data_->handles.fetch_add(1);
  hold_ = std::shared_ptr<void>(data_.get(), [data = data_](void*) {
    data->handles.fetch_sub(1);
    const std::lock_guard lock(data->ledger->mutex);
    data->ledger->changed.notify_all();
  });
}

uint64_t WeightSet::version() const noexcept { return data_ ? data_->version : 0; }

WeightSet::Data::~Data() {
  if (!ledger) return;
  const std::lock_guard lock(ledger->mutex);
  std::erase(ledger->retired, this);
  ledger->changed.notify_all();
}

namespace runtime {

int SetLedger::in_runs() const {
  return static_cast<int>(
      std::count_if(retired.begin(), retired.end(),
                    [](const WeightSet::Data* set) { return set->handles.load() == 0; }));
}

}  // namespace runtime

}  // namespace tenon
