// What Tenon finds on this machine.
#include "tenon/system.h"

#include "base/cache_folder.h"
#include "base/thread_pool.h"
#include "runtime/backends.h"

namespace tenon {

std::string_view version() noexcept { return TENON_VERSION; }

SystemInfo system_info() {
  SystemInfo info{base::default_threads(), base::cache_folder(), {}, {}};
  std::vector<std::string> names = runtime::device_names();
  for (const std::string& name : runtime::gpu_names(info.no_cuda)) names.push_back(name);
  for (const std::string& name : names) {
    const kernel::Target target = runtime::make_backend(name, 0)->target();
    info.devices.push_back({name, target.architecture, target.features});
  }
  return info;
}

}  // namespace tenon
