// The backend over one device: nothing here waits but what says so.
#include <chrono>
#include <exception>

#include "base/error.h"
#include "cuda/cuda.h"
#include "cuda/kernels.h"
#include "cuda/queue.h"

namespace tenon::cuda {

namespace {

class Event final : public kernel::Event {
 public:
  explicit Event(Queue& queue) : device_(queue.device().shared_from_this()) {
    event_ = device_->take_event();
    const Result result = device_->driver().record_event(event_, queue.stream());
    if (result != success) device_->give_event(event_);
    device_->driver().check(result, "cuEventRecord");
  }
  ~Event() override { device_->give_event(event_); }

  EventHandle handle() const { return event_; }

  bool done() const override {
    const Current current(*device_);
    const Result result = device_->driver().query_event(event_);
    if (result == not_ready) return false;
    device_->driver().check(result, "cuEventQuery");
    return true;
  }
  void wait() const override {
    const Current current(*device_);
    device_->driver().check(device_->driver().synchronize_event(event_), "cuEventSynchronize");
  }

 private:
  std::shared_ptr<Device> device_;
  EventHandle event_ = nullptr;
};

class CudaBackend final : public kernel::Backend {
 public:
  explicit CudaBackend(int number)
      : device_(Device::open(number)), memory_(fmt::format("cuda:{}", number)) {
    Compiler::get();
    target_.backend = "cuda";
    target_.architecture = device_->architecture();
    target_.features = {"nvrtc"};
    target_.model = device_->name();
    device_->enter();
  }
  ~CudaBackend() override { device_->leave(); }
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string_view name() const override { return "cuda"; }
  const kernel::Target& target() const override { return target_; }
  bool host_memory() const override { return false; }
  std::string_view memory() const override { return memory_; }
  kernel::Buffer allocate(size_t bytes) override { return device_->allocate(bytes); }
  std::unique_ptr<kernel::Queue> queue() override { return std::make_unique<Queue>(device_); }

  void copy(kernel::Queue& queue, void* to, const void* from, size_t bytes,
            kernel::CopyKind kind) override {
    const Current current(*device_);
    own(queue).copy(to, from, bytes, kind);
  }

  void submit(kernel::Queue& queue, const Kernel& kernel,
              std::span<const Launch> launches) override {
    const Current current(*device_);
    for (const Launch& launch : launches) kernel.run(launch);
    own(queue).check_launches();
  }

  kernel::EventPtr record(kernel::Queue& queue) override {
    const Current current(*device_);
    own(queue).hand_over();
    return std::make_shared<Event>(own(queue));
  }

  void wait(kernel::Queue& queue, const kernel::EventPtr& event) override {
    const Current current(*device_);
    const auto& other = static_cast<const Event&>(*event);
    device_->driver().check(device_->driver().wait_event(own(queue).stream(), other.handle(), 0),
                            "cuStreamWaitEvent");
  }

  void keep(kernel::Queue& queue, std::shared_ptr<const void> owner) override {
    own(queue).keep(std::move(owner));
  }

  bool captures() const override { return true; }
  bool computes_in(kernel::Precision) const override { return true; }
  void begin_capture(kernel::Queue& queue) override {
    const Current current(*device_);
    own(queue).begin_capture();
  }
  kernel::StepListPtr end_capture(kernel::Queue& queue) override {
    const Current current(*device_);
    return own(queue).end_capture();
  }
  void replay(kernel::Queue& queue, const kernel::StepListPtr& list,
              kernel::RunState& state) override {
    const Current current(*device_);
    own(queue).replay(static_cast<const Graph&>(*list), state);
  }

  void synchronize(kernel::Queue& queue) override {
    const Current current(*device_);
    own(queue).synchronize();
  }

  // An event's clock counts in float milliseconds from another event: too coarse after an hour.
  double time(kernel::Queue& queue) override {
    synchronize(queue);
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  }

  Kernels kernels(const ir::Op& op) const override { return kernels_of(op); }

 private:
  static Queue& own(kernel::Queue& queue) { return static_cast<Queue&>(queue); }

  std::shared_ptr<Device> device_;
  std::string memory_;
  kernel::Target target_;
};

}  // namespace

std::optional<int> device_number(std::string_view name) {
  if (name == "cuda") return 0;
  if (!name.starts_with("cuda:")) return std::nullopt;
  const std::string_view digits = name.substr(5);
  if (digits.empty() || digits.size() > 4 ||
      digits.find_first_not_of("0123456789") != std::string_view::npos) {
    base::fail(ErrorCode::invalid_input, "a GPU is named as cuda or cuda:1");
  }
  return std::stoi(std::string(digits));
}

std::shared_ptr<kernel::Backend> cuda_backend(int number) {
  return std::make_shared<CudaBackend>(number);
}

std::vector<std::string> device_names(std::string& missing) {
  std::vector<std::string> names;
  try {
    const Driver& driver = Driver::get();
    int count = 0;
    driver.check(driver.device_count(&count), "cuDeviceGetCount");
    if (count == 0) missing = "the NVIDIA driver finds no GPU";
    Compiler::get();
    for (int i = 0; i < count; ++i) names.push_back(fmt::format("cuda:{}", i));
  } catch (const std::exception& error) {
    missing = error.what();
  }
  return names;
}

}  // namespace tenon::cuda
