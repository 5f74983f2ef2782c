// Fuzzes the reader of plans: as whole files, and as the JSON that the digest guards against blind
// changes.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "plan/plan_file.h"
#include "plan/plan_json.h"
#include "tenon/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    const auto source = tenon::base::memory_source(std::vector<std::byte>(bytes, bytes + size));
    tenon::plan::verify_digests(tenon::plan::read_plan(source), {});
  } catch (const tenon::PlanError&) {  // the only class that a caller has to expect
  }
  try {
    tenon::plan::TensorNames names;
    tenon::plan::from_json({reinterpret_cast<const char*>(data), size}, names);
  } catch (const tenon::Error&) {  // read_plan() makes PlanErrors of them
  }
  return 0;
}
