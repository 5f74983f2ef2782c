// The backends that this build has.
#include "runtime/backends.h"

#include "base/error.h"
#include "base/thread_pool.h"
#include "cpu/cpu.h"

namespace tenon::runtime {

std::shared_ptr<kernel::Backend> make_backend(const std::string& device, int threads) {
  if (threads < 0) {
    base::fail(ErrorCode::invalid_input, "threads: {} is negative; give 0 for all cores", threads);
  }
  const int wide = threads > 0 ? threads : base::default_threads();
  if (device == "cpu") return cpu::cpu_backend(wide);
#ifdef TENON_FAR
  if (device == "far" || device == "far:banks") {
    return cpu::far_backend(wide, device == "far:banks");
  }
#endif
  base::fail(ErrorCode::unavailable, "device \"{}\" is not available in this build; it has: cpu",
             device);
}

std::vector<std::string> device_names() {
  std::vector<std::string> names = {"cpu"};
#ifdef TENON_FAR
  names.insert(names.end(), {"far", "far:banks"});
#endif
  return names;
}

}  // namespace tenon::runtime
