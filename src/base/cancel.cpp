// The one way in which stopped work ends.
#include "base/cancel.h"

#include "base/error.h"

namespace tenon::base {

void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw_error(ErrorCode::cancelled, "stopped by the caller");
}

}  // namespace tenon::base
