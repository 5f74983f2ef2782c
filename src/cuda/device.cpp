// Contexts, pools, modules.
#include "cuda/device.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "base/error.h"

namespace tenon::cuda {

namespace {

constexpr unsigned kPortableMapped = 1 | 2;  // CU_MEMHOSTALLOC_PORTABLE, _DEVICEMAP
constexpr unsigned kNoTiming = 2;            // CU_EVENT_DISABLE_TIMING
constexpr size_t kMostBytes = size_t{1} << 46;
constexpr int kLeastCapability = 80;
constexpr size_t kSharedUnasked = size_t{48} << 10;  // more must be asked for

// An eighth of a power of two: sizes that differ a little share blocks.
size_t rounded(size_t bytes) {
  if (bytes > kMostBytes) throw std::bad_alloc();
  bytes = std::max<size_t>(bytes, 512);
  const size_t step = std::max<size_t>(std::bit_floor(bytes) / 8, 512);
  return (bytes + step - 1) / step * step;
}

}  // namespace

std::shared_ptr<Device> Device::open(int number) {
  static base::Mutex mutex;
  static auto& devices = *new std::map<int, std::shared_ptr<Device>>;  // memory ends after statics
  const Driver& driver = Driver::get();
  const std::lock_guard lock(mutex);
  std::shared_ptr<Device>& device = devices[number];
  if (!device) device.reset(new Device(driver, number));
  return device;
}

Device::Device(const Driver& driver, int number) : driver_(driver) {
  int count = 0;
  driver_.check(driver_.device_count(&count), "cuDeviceGetCount");
  if (number >= count) {
    base::fail(ErrorCode::unavailable, "GPU {} is not on this machine, which has {}", number,
               count == 0 ? "no NVIDIA GPU" : fmt::format("cuda:0 to cuda:{}", count - 1));
  }
  driver_.check(driver_.device_get(&number_, number), "cuDeviceGet");
  char name[256] = {};
  driver_.check(driver_.device_name(name, sizeof name - 1, number_), "cuDeviceGetName");
  name_ = name;
  const auto attribute = [&](Attribute which) {
    int value = 0;
    driver_.check(driver_.device_attribute(&value, which, number_), "cuDeviceGetAttribute");
    return value;
  };
  capability_ = attribute(capability_major) * 10 + attribute(capability_minor);
  if (capability_ < kLeastCapability) {
    base::fail(ErrorCode::unavailable, "a {} has compute capability {}.{}, and 8.0 is needed",
               name_, capability_ / 10, capability_ % 10);
  }
  architecture_ = fmt::format("sm_{}", capability_);
  driver_.check(driver_.retain_context(&context_, number_), "cuDevicePrimaryCtxRetain");
}

void Device::enter() {
  const std::lock_guard lock(mutex_);
  ++backends_;
}

void Device::leave() {
  const std::lock_guard lock(mutex_);
  if (--backends_ > 0) return;
  trim(memory_, false);
  trim(pinned_, true);
}

kernel::Buffer Device::allocate(size_t bytes) { return take(memory_, rounded(bytes), false); }
kernel::Buffer Device::allocate_pinned(size_t bytes) { return take(pinned_, rounded(bytes), true); }

kernel::Buffer Device::take(Pool& pool, size_t size, bool pinned) {
  void* memory = nullptr;
  {
    const std::lock_guard lock(mutex_);
    // A block a quarter larger serves as well; a larger one waits for a larger wish.
    const auto found = pool.free.lower_bound(size);
    if (found != pool.free.end() && found->first - size <= size / 4) {
      size = found->first;
      memory = found->second;
      pool.free.erase(found);
    }
  }
  if (!memory) memory = fresh(size, pinned);
  return {memory, [self = shared_from_this(), &pool, size, pinned](void* freed) {
            self->give(pool, size, freed, pinned);
          }};
}

void Device::give(Pool& pool, size_t size, void* memory, bool pinned) {
  const std::lock_guard lock(mutex_);
  pool.free.emplace(size, memory);
  if (backends_ == 0) trim(pool, pinned);
}

void* Device::fresh(size_t size, bool pinned) {
  const Current current(*this);
  const auto ask = [&](void*& memory) {
    if (pinned) return driver_.allocate_pinned(&memory, size, kPortableMapped);
    DeviceMemory address = 0;
    const Result result = driver_.allocate(&address, size);
    memory = reinterpret_cast<void*>(address);
    return result;
  };
  void* memory = nullptr;
  if (ask(memory) == success) return memory;
  {
    const std::lock_guard lock(mutex_);
    trim(pinned ? pinned_ : memory_, pinned);
  }
  driver_.check(ask(memory), pinned ? "cuMemHostAlloc" : "cuMemAlloc");
  return memory;
}

// The driver's answers do not matter: where it is shutting down, the memory is gone already.
void Device::trim(Pool& pool, bool pinned) {
  if (pool.free.empty() || driver_.push_context(context_) != success) return;
  for (const auto& [size, memory] : std::exchange(pool.free, {})) {
    if (pinned)
      driver_.free_pinned(memory);
    else
      driver_.free(reinterpret_cast<DeviceMemory>(memory));
  }
  ContextHandle popped = nullptr;
  driver_.pop_context(&popped);
}

EventHandle Device::take_event() {
  {
    const std::lock_guard lock(mutex_);
    if (!events_.empty()) {
      const EventHandle event = events_.back();
      events_.pop_back();
      return event;
    }
  }
  EventHandle event = nullptr;
  driver_.check(driver_.create_event(&event, kNoTiming), "cuEventCreate");
  return event;
}

void Device::give_event(EventHandle event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

FunctionHandle Device::function(const Binary& binary, size_t shared) {
  const std::lock_guard lock(mutex_);
  FunctionHandle& function = functions_[&binary];
  if (function) return function;
  ModuleHandle module = nullptr;
  driver_.check(driver_.load_module(&module, binary.code.data()), "cuModuleLoadData");
  driver_.check(driver_.get_function(&function, module, "run"), "cuModuleGetFunction");
  if (shared > kSharedUnasked) {
    driver_.check(driver_.set_function(function, most_shared_bytes, static_cast<int>(shared)),
                  "cuFuncSetAttribute");
  }
  return function;
}

}  // namespace tenon::cuda
