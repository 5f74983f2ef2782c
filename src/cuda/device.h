// One GPU as this process sees it: its context, memory that is used again, loaded code.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fork.h"
#include "cuda/driver.h"
#include "kernel/backend.h"

namespace tenon::cuda {

/// Machine code of one device function, by the text it was made of.
struct Binary {
  std::string code;
};

/// Shared by all backends of that GPU. It stays open to the end of the process, for opening a GPU
/// takes a tenth of a second. Thread-safe.
class Device : public std::enable_shared_from_this<Device> {
 public:
  /// The GPU of that number. Throws unavailable where there is none, or one that is too old.
  static std::shared_ptr<Device> open(int number);
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Driver& driver() const { return driver_; }
  const std::string& name() const { return name_; }                  ///< "NVIDIA H200"
  const std::string& architecture() const { return architecture_; }  ///< "sm_90"

  /// Whether kernels can wait for those in front of them by themselves.
  bool overlaps() const { return capability_ >= 90; }

  /// A backend begins and ends. Without one, what is freed goes back to the driver.
  void enter();
  void leave();
  /// Throws std::bad_alloc. What was freed is handed out again, to whoever asks first.
  kernel::Buffer allocate(size_t bytes);
  /// Host memory that the device reaches too.
  kernel::Buffer allocate_pinned(size_t bytes);
  EventHandle take_event();
  void give_event(EventHandle event);
  /// The function `run` of the code, loaded when it is first asked for; launches may give it so
  /// many bytes of shared memory.
  FunctionHandle function(const Binary& binary, size_t shared);

 private:
  /// Blocks that nobody uses, by size.
  struct Pool {
    std::multimap<size_t, void*> free;
  };

  Device(const Driver& driver, int number);
  kernel::Buffer take(Pool& pool, size_t size, bool pinned);
  void give(Pool& pool, size_t size, void* memory, bool pinned);
  void* fresh(size_t size, bool pinned);
  void trim(Pool& pool, bool pinned);

  const Driver& driver_;
  DeviceNumber number_ = 0;
  ContextHandle context_ = nullptr;
  std::string name_, architecture_;
  int capability_ = 0;  ///< 90 for 9.0
  base::Mutex mutex_;
  Pool memory_, pinned_;
  int backends_ = 0;
  std::vector<EventHandle> events_;
  std::unordered_map<const Binary*, FunctionHandle> functions_;

  friend class Current;
};

/// Makes the device's context the calling thread's while it lives, and no longer.
class Current {
 public:
  explicit Current(const Device& device) : driver_(device.driver_) {
    driver_.check(driver_.push_context(device.context_), "cuCtxPushCurrent");
  }
  ~Current() {
    ContextHandle popped = nullptr;
    driver_.pop_context(&popped);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Driver& driver_;
};

}  // namespace tenon::cuda
