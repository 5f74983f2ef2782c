// The one way in which stopped work ends.
#include "base/cancel.h"

#include "base/error.h"

namespace tenon::base {

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw_error(ErrorCode::cancelled, "stopped by the caller");
}

void Watch::step(std::string_view stage, uint64_t done, uint64_t total) const {
  throw_if_stopped(stop);
  if (progress && total > 0)
    progress(stage, static_cast<double>(done) / static_cast<double>(total));
}

}  // namespace tenon::base
