// What Tenon finds on this machine.
#include "tenon/system.h"

#include "base/thread_pool.h"
#include "lower/tactic_cache.h"
#include "runtime/backends.h"

namespace tenon {

std::string_view version() noexcept { return TENON_VERSION; }

SystemInfo system_info() {
  SystemInfo info{base::default_threads(), lower::cache_folder(), {}};
  for (const std::string& name : runtime::device_names()) {
    const kernel::Target target = runtime::make_backend(name, 0)->target();
    info.devices.push_back({name, target.architecture, target.features});
  }
  return info;
}

}  // namespace tenon
