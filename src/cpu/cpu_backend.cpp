// The CPU itself: host memory, and kernels that run at submit().
#include <sys/mman.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

#include "cpu/cpu.h"
#include "cpu/host_backend.h"

namespace tenon::cpu {

namespace {

using kernel::huge_page;
constexpr size_t kLine = 64;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Fresh 4 KiB pages cost more than the work of a refit: whole huge pages, aligned, for all that
// fills one.
kernel::Buffer allocate_huge(size_t bytes) {
  if (bytes > SIZE_MAX / 2) throw std::bad_alloc();
  const size_t size = round_up(bytes, huge_page);
  const size_t reserved = size + huge_page;
  void* start =
      ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc();
  auto* first = static_cast<std::byte*>(start);
  const size_t before =
      round_up(reinterpret_cast<size_t>(first), huge_page) - reinterpret_cast<size_t>(first);
  std::byte* aligned = first + before;
  if (before > 0) ::munmap(first, before);
  if (before < huge_page) ::munmap(aligned + size, huge_page - before);
  ::madvise(aligned, size, MADV_HUGEPAGE);  // advice only: without huge pages small ones do
  return {aligned, [size](void* memory) { ::munmap(memory, size); }};
}

class CpuQueue final : public kernel::Queue {};

class DoneEvent final : public kernel::Event {
 public:
  bool done() const override { return true; }
  void wait() const override {}
};

// One line after the other waits for memory with clflush, forty times as long as with clflushopt:
// machines without it keep their caches.
#ifdef __x86_64__
bool has_clflushopt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_CLFLUSHOPT);
}

__attribute__((target("clflushopt"))) void flush_lines(const std::byte* first, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kLine)
    __builtin_ia32_clflushopt(const_cast<std::byte*>(first) + at);
  __builtin_ia32_mfence();
}

void flush(const void* memory, size_t bytes) {
  static const bool can = has_clflushopt();
  if (can) flush_lines(static_cast<const std::byte*>(memory), bytes);
}
#else
void flush(const void*, size_t) {}
#endif

class CpuBackend final : public kernel::Backend {
 public:
  explicit CpuBackend(int threads) : target_(host_target("cpu", threads)) {}

  std::string_view name() const override { return "cpu"; }
  const kernel::Target& target() const override { return target_; }
  bool host_memory() const override { return true; }

  kernel::Buffer allocate(size_t bytes) override {
    if (bytes >= huge_page) return allocate_huge(bytes);
    void* memory = std::aligned_alloc(kLine, round_up(bytes + (bytes == 0), kLine));
    if (!memory) throw std::bad_alloc();
    return {memory, std::free};
  }

  std::unique_ptr<kernel::Queue> queue() override { return std::make_unique<CpuQueue>(); }

  void copy(kernel::Queue&, void* to, const void* from, size_t bytes, kernel::CopyKind) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }

  // The executor holds one base::FloatMode around a whole run: setting it here would cost more than
  // a small kernel.
  void submit(kernel::Queue&, const Kernel& kernel, std::span<const Launch> launches) override {
    for (const Launch& launch : launches) kernel.run(launch);
  }

  kernel::EventPtr record(kernel::Queue&) override { return done_; }
  void wait(kernel::Queue&, const kernel::EventPtr& event) override { event->wait(); }
  void keep(kernel::Queue&, std::shared_ptr<const void>) override {}
  void synchronize(kernel::Queue&) override {}

  double time(kernel::Queue&) override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  }

  void cool(const void* memory, size_t bytes) override { flush(memory, bytes); }

  Kernels kernels(const ir::Op& op) const override { return kernels_of(op); }

 private:
  kernel::Target target_;
  kernel::EventPtr done_ = std::make_shared<DoneEvent>();
};

}  // namespace

std::shared_ptr<kernel::Backend> cpu_backend(int threads) {
  return std::make_shared<CpuBackend>(threads);
}

}  // namespace tenon::cpu
