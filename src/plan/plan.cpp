// Finding a target's record in a plan.
#include "plan/plan.h"

namespace tenon::plan {

const Record* Plan::record_for(const std::string& target) const {
  for (const Record& record : records) {
    if (record.target == target) return &record;
  }
  return nullptr;
}

}  // namespace tenon::plan
