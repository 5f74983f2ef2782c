// Streams, events, memory and kernels of the stand-in.
#include "stand_in.h"

#include <dlfcn.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>
#include <utility>

#include "cuda/driver.h"

namespace tenon::cuda {
namespace {

constexpr Result kInvalidValue = 1, kInvalidDevice = 101, kInvalidContext = 201;
constexpr int kVersion = 13000;

struct Index {
  unsigned x, y, z;
};

/// A module: what the host's compiler made of a device text.
struct Module {
  void* handle = nullptr;
  void (*run)(const void*, const void*) = nullptr;
  Index *thread = nullptr, *block = nullptr, *threads = nullptr, *blocks = nullptr;
  void (**barrier)() = nullptr;
  bool has_barriers = false;
  size_t numbers_bytes = 0;
};

// --- one block: its threads are fibers where they meet at barriers

constexpr size_t kStack = size_t{128} << 10;
constexpr unsigned kMostThreads = 1024;

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  bool done = false;
};
std::deque<Fiber> fibers;
ucontext_t scheduler;
Fiber* running = nullptr;
std::function<void()> fiber_body;

void fiber_main() {
  fiber_body();
  running->done = true;
}
void at_barrier() { swapcontext(&running->context, &scheduler); }

void run_fibers(const Module& module, unsigned threads) {
  while (fibers.size() < threads) fibers.emplace_back().stack.reset(new char[kStack]);
  for (unsigned t = 0; t < threads; ++t) {
    Fiber& fiber = fibers[t];
    fiber.done = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack = {fiber.stack.get(), 0, kStack};
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, fiber_main, 0);
  }
  for (unsigned left = threads; left > 0;) {
    for (unsigned t = 0; t < threads; ++t) {
      if (fibers[t].done) continue;
      running = &fibers[t];
      *module.thread = {t, 0, 0};
      swapcontext(&scheduler, &running->context);
      left -= running->done ? 1 : 0;
    }
  }
}

void run_grid(const Module& module, unsigned blocks, unsigned threads, const char* buffers,
              const char* numbers) {
  *module.blocks = {blocks, 1, 1};
  *module.threads = {threads, 1, 1};
  *module.barrier = at_barrier;
  fiber_body = [&] { module.run(buffers, numbers); };
  for (unsigned b = 0; b < blocks; ++b) {
    *module.block = {b, 0, 0};
    if (module.has_barriers) {
      run_fibers(module, threads);
      continue;
    }
    for (unsigned t = 0; t < threads; ++t) {
      *module.thread = {t, 0, 0};
      module.run(buffers, numbers);
    }
  }
}

// --- streams: one thread does what they hold

struct Operation {
  std::function<bool()> ready;  // none: at once
  std::function<void()> work;
};
struct Stream {
  std::deque<Operation> operations;
  bool working = false;
  std::unique_ptr<std::vector<std::function<void()>>> captured;  // while it is made
};
using Graph = std::vector<std::function<void()>>;
struct Event {
  uint64_t recorded = 0, done = 0;
};

class Gpu {
 public:
  static Gpu& get() {
    static Gpu& gpu = *new Gpu;
    return gpu;
  }

  Result call(const char* name, bool needs_context = true) {
    const std::lock_guard lock(mutex);
    calls.emplace_back(name);
    const auto found = failures.find(name);
    if (found != failures.end() && found->second.passing-- == 0) {
      const Result code = found->second.code;
      failures.erase(found);
      return code;
    }
    return needs_context && contexts() == 0 ? kInvalidContext : success;
  }

  static int& contexts() {
    thread_local int depth = 0;
    return depth;
  }

  void push(StreamHandle handle, std::function<void()> work, std::function<bool()> ready = {}) {
    const std::lock_guard lock(mutex);
    if (stream(handle).captured) return stream(handle).captured->push_back(std::move(work));
    stream(handle).operations.push_back({std::move(ready), std::move(work)});
    changed.notify_all();
  }
  void wait(StreamHandle handle) {
    std::unique_lock lock(mutex);
    Stream& of = stream(handle);
    changed.wait(lock, [&] { return of.operations.empty() && !of.working; });
  }
  static Stream& stream(StreamHandle handle) { return *reinterpret_cast<Stream*>(handle); }

  struct Failure {
    Result code;
    int passing;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Stream*> streams;
  std::vector<std::string> calls;
  std::map<std::string, Failure> failures;
  std::map<const char*, size_t> pinned;  // blocks, by address
  std::atomic<int> blocks{0}, devices{1};
  bool held = false;

 private:
  Gpu() {
    std::thread([this] { work(); }).detach();
  }

  // A stream whose next operation can begin, any of them; null: none.
  Stream* next() {
    if (held || streams.empty()) return nullptr;
    const size_t first = random_() % streams.size();
    for (size_t i = 0; i < streams.size(); ++i) {
      Stream* const each = streams[(first + i) % streams.size()];
      if (each->operations.empty()) continue;
      const Operation& operation = each->operations.front();
      if (!operation.ready || operation.ready()) return each;
    }
    return nullptr;
  }

  [[noreturn]] void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      Stream* const from = next();
      if (!from) {
        changed.wait(lock);
        continue;
      }
      const Operation operation = std::move(from->operations.front());
      from->operations.pop_front();
      from->working = true;
      lock.unlock();
      if (random_() % 16 == 0)
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 50));
      operation.work();
      lock.lock();
      from->working = false;
      changed.notify_all();
    }
  }

  std::minstd_rand random_{1};
};

Gpu& gpu() { return Gpu::get(); }

bool is_pinned(const void* memory) {
  const std::lock_guard lock(gpu().mutex);
  const auto after = gpu().pinned.upper_bound(static_cast<const char*>(memory));
  if (after == gpu().pinned.begin()) return false;
  const auto& [start, bytes] = *std::prev(after);
  return static_cast<const char*>(memory) < start + bytes;
}

void* reach(DeviceMemory address) { return reinterpret_cast<void*>(address); }

// --- the compiler

constexpr const char* kPrologue = R"(
#include "base/float16.h"
#define TENON_STAND_IN
#define __device__
#define __global__
#define __shared__ static
struct StandInIndex { unsigned x, y, z; };
extern "C" {
__attribute__((visibility("default"))) StandInIndex threadIdx, blockIdx, blockDim, gridDim;
__attribute__((visibility("default"))) void (*stand_in_barrier)();
#define BOTH(name) double name(double) noexcept; float name##f(float) noexcept;
BOTH(fabs) BOTH(ceil) BOTH(floor) BOTH(rint) BOTH(sqrt) BOTH(exp) BOTH(log) BOTH(erf) BOTH(sin)
BOTH(cos) BOTH(tan) BOTH(asin) BOTH(acos) BOTH(atan) BOTH(sinh) BOTH(cosh) BOTH(tanh) BOTH(asinh)
BOTH(acosh) BOTH(atanh) BOTH(log1p)
double fmod(double, double) noexcept; float fmodf(float, float) noexcept;
double pow(double, double) noexcept; float powf(float, float) noexcept;
float fmaf(float, float, float) noexcept;
}
#define __syncthreads() stand_in_barrier()
inline double __longlong_as_double(long long bits) { return __builtin_bit_cast(double, bits); }
inline float __int_as_float(int bits) { return __builtin_bit_cast(float, bits); }
inline int __float_as_int(float value) { return __builtin_bit_cast(int, value); }
inline float __double2float_rz(double value) {
  const float near = (float)value;
  const bool beyond = value < 0 ? near < value : near > value;
  return beyond ? __int_as_float(__float_as_int(near) - 1) : near;
}
inline float half_value(unsigned short bits) { return tenon::base::half_value(bits); }
inline unsigned short half_bits(float value) { return tenon::base::half_bits(value); }
inline unsigned short bfloat_bits(float value) { return tenon::base::BFloat16(value).bits; }
// Tensor cores: a warp's threads show each other their registers between two barriers.
struct float4 { float x, y, z, w; };
static unsigned char* stand_in_memory;
static unsigned shown[1024][6];
#define DYNAMIC_SHARED(name) alignas(128) static unsigned char name[160 << 10]; stand_in_memory = name
#define SHARED(place) 0u
#define COMMIT()
#define WAIT_BUT(count)
#define SHOW_COPIES()
#define __launch_bounds__(threads)
template <class T> void copy_chunk(unsigned to, const T* from, bool inside) {
  for (int i = 0; i < 16; ++i) stand_in_memory[to + i] = inside ? ((const unsigned char*)from)[i] : 0;
}
template <class T> void put_element(unsigned to, T element) {
  __builtin_memcpy(stand_in_memory + to, &element, sizeof element);
}
inline void load_fragments(unsigned (&to)[4], unsigned from) {
  shown[threadIdx.x][0] = from;
  __syncthreads();
  const int lane = threadIdx.x % 32, first = threadIdx.x - lane;
  for (int q = 0; q < 4; ++q)
    __builtin_memcpy(&to[q], stand_in_memory + shown[first + q * 8 + lane / 4][0] + lane % 4 * 4, 4);
  __syncthreads();
}
template <class T> float factor_at(unsigned word, int half) {
  if constexpr (sizeof(T) == 4) {
    return __int_as_float((int)((word + 0x1000) & ~0x1fffu));
  } else {
    return (float)get(T{(unsigned short)(word >> half * 16)});
  }
}
template <class T> void multiply(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  for (int i = 0; i < 4; ++i) shown[threadIdx.x][i] = a[i];
  shown[threadIdx.x][4] = b0;
  shown[threadIdx.x][5] = b1;
  __syncthreads();
  const int lane = threadIdx.x % 32, first = threadIdx.x - lane, each = 4 / sizeof(T);
  for (int r = 0; r < 4; ++r) {
    const int row = lane / 4 + r / 2 * 8, column = lane % 4 * 2 + r % 2;
    for (int k = 0; k < 8 * each; ++k) {
      const int high = k >= 4 * each, at = k % (4 * each) / each;
      sums[r] += factor_at<T>(shown[first + row % 8 * 4 + at][row / 8 + high * 2], k % each) *
                 factor_at<T>(shown[first + column * 4 + at][4 + high], k % each);
    }
  }
  __syncthreads();
}
)";

struct Program {
  std::string text, code, log;
};

std::string text_file(const std::string& folder, size_t number) {
  return folder + "/" + std::to_string(number) + ".cu";
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result compile(Program& program) {
  char folder[] = "/tmp/tenon_stand_in_XXXXXX";
  if (!::mkdtemp(folder)) return kInvalidValue;
  const std::string at = folder;
  std::ofstream(at + "/text.cpp") << kPrologue << program.text;
  const std::string command =
      "g++ -std=c++20 -O1 -w -ffp-contract=off -fvisibility=hidden -shared -fPIC "
      "-I" STAND_IN_SOURCES " " +
      at + "/text.cpp -o " + at + "/code.so 2> " + at + "/log";
  const int failed = std::system(command.c_str());
  program.code = read_file(at + "/code.so");
  program.log = read_file(at + "/log");
  std::filesystem::remove_all(at);
  return failed ? 6 : success;
}

template <class T>
T* symbol(void* handle, const char* name) {
  return static_cast<T*>(::dlsym(handle, name));
}

Module* load(const std::string& code) {
  char path[] = "/tmp/tenon_stand_in_XXXXXX";
  const int file = ::mkstemp(path);
  const bool written = ::write(file, code.data(), code.size()) == static_cast<ssize_t>(code.size());
  ::close(file);
  auto* const module = new Module;
  module->handle = written ? ::dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  ::unlink(path);
  if (!module->handle) return nullptr;
  module->run =
      reinterpret_cast<void (*)(const void*, const void*)>(::dlsym(module->handle, "stand_in_run"));
  module->thread = symbol<Index>(module->handle, "threadIdx");
  module->block = symbol<Index>(module->handle, "blockIdx");
  module->threads = symbol<Index>(module->handle, "blockDim");
  module->blocks = symbol<Index>(module->handle, "gridDim");
  module->barrier = symbol<void (*)()>(module->handle, "stand_in_barrier");
  module->has_barriers = *symbol<const int>(module->handle, "stand_in_barriers") != 0;
  module->numbers_bytes = *symbol<const unsigned long>(module->handle, "stand_in_numbers");
  return module;
}

// What load() looks up, behind the device text.
std::string epilogue(const std::string& text) {
  const size_t own = text.find("#define NUMBERS");  // behind the prelude
  const auto has = [&](const char* word) { return text.find(word, own) != std::string::npos; };
  const bool barriers = has("__syncthreads") || (has("together<") && !has("#define TEAM 1\n"));
  std::ostringstream end;
  end << "\n#define EXPORTED extern \"C\" __attribute__((visibility(\"default\")))\n"
      << "EXPORTED const int stand_in_barriers = " << barriers << ";\n"
      << "EXPORTED const unsigned long stand_in_numbers = sizeof(Numbers<NUMBERS>);\n"
      << "EXPORTED void stand_in_run(const void* buffers, const void* numbers) {\n"
      << "  run(*(const Buffers*)buffers, *(const Numbers<NUMBERS>*)numbers);\n}\n";
  return end.str();
}

constexpr size_t kBuffersBytes = 22 * sizeof(void*);

}  // namespace
}  // namespace tenon::cuda

namespace stand_in {

using tenon::cuda::gpu;

std::vector<std::string> take_calls() {
  const std::lock_guard lock(gpu().mutex);
  return std::exchange(gpu().calls, {});
}
void fail(const std::string& function, int code, int passing) {
  const std::lock_guard lock(gpu().mutex);
  gpu().failures[function] = {code, passing};
}
void hold() {
  const std::lock_guard lock(gpu().mutex);
  gpu().held = true;
}
void let_go() {
  const std::lock_guard lock(gpu().mutex);
  gpu().held = false;
  gpu().changed.notify_all();
}
int allocated() { return gpu().blocks; }
int current_contexts() { return tenon::cuda::Gpu::contexts(); }
void set_devices(int count) { gpu().devices = count; }

}  // namespace stand_in

// --- the driver's functions, with the types of our table

using namespace tenon::cuda;  // NOLINT: this file stands for a library of its own

#define EXPORT extern "C" STAND_IN_API
#define BEGIN(name) \
  if (const Result result = gpu().call(name)) return result
#define BEGIN_WITHOUT_CONTEXT(name) \
  if (const Result result = gpu().call(name, false)) return result

EXPORT Result cuInit(unsigned) {
  BEGIN_WITHOUT_CONTEXT("cuInit");
  return success;
}
EXPORT Result cuDriverGetVersion(int* version) {
  *version = kVersion;
  return success;
}
EXPORT Result cuGetErrorName(Result, const char** name) {
  *name = "CUDA_ERROR_OF_THE_STAND_IN";
  return success;
}
EXPORT Result cuGetErrorString(Result, const char** text) {
  *text = "as it was told";
  return success;
}
EXPORT Result cuDeviceGetCount(int* count) {
  BEGIN_WITHOUT_CONTEXT("cuDeviceGetCount");
  *count = gpu().devices;
  return success;
}
EXPORT Result cuDeviceGet(DeviceNumber* device, int number) {
  *device = number;
  return number < gpu().devices ? success : kInvalidDevice;
}
EXPORT Result cuDeviceGetName(char* name, int length, DeviceNumber) {
  std::strncpy(name, "stand-in", static_cast<size_t>(length));
  return success;
}
EXPORT Result cuDeviceGetAttribute(int* value, int which, DeviceNumber) {
  *value = which == capability_major ? 8 : which == capability_minor ? 0 : 4;
  return success;
}
EXPORT Result cuDevicePrimaryCtxRetain(ContextHandle* context, DeviceNumber) {
  BEGIN_WITHOUT_CONTEXT("cuDevicePrimaryCtxRetain");
  static int only;
  *context = reinterpret_cast<ContextHandle>(&only);
  return success;
}
EXPORT Result cuCtxPushCurrent_v2(ContextHandle) {
  ++Gpu::contexts();
  return success;
}
EXPORT Result cuCtxPopCurrent_v2(ContextHandle*) {
  --Gpu::contexts();
  return success;
}
EXPORT Result cuMemAlloc_v2(DeviceMemory* memory, size_t bytes) {
  BEGIN("cuMemAlloc");
  constexpr size_t most = size_t{1} << 36, poisoned = size_t{1} << 20;
  if (bytes > most) return out_of_memory;
  void* const block = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (!block) return out_of_memory;
  if (bytes <= poisoned) std::memset(block, 0xcd, bytes);
  *memory = reinterpret_cast<DeviceMemory>(block);
  ++gpu().blocks;
  return success;
}
EXPORT Result cuMemFree_v2(DeviceMemory memory) {
  BEGIN("cuMemFree");
  std::free(reach(memory));
  --gpu().blocks;
  return success;
}
EXPORT Result cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  BEGIN("cuMemHostAlloc");
  *memory = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  const std::lock_guard lock(gpu().mutex);
  gpu().pinned[static_cast<char*>(*memory)] = bytes;
  ++gpu().blocks;
  return success;
}
EXPORT Result cuMemFreeHost(void* memory) {
  BEGIN("cuMemFreeHost");
  const std::lock_guard lock(gpu().mutex);
  gpu().pinned.erase(static_cast<char*>(memory));
  std::free(memory);
  --gpu().blocks;
  return success;
}
EXPORT Result cuMemcpyHtoDAsync_v2(DeviceMemory to, const void* from, size_t bytes,
                                   StreamHandle stream) {
  BEGIN("cuMemcpyHtoDAsync");
  if (is_pinned(from)) {
    gpu().push(stream, [=] { std::memcpy(reach(to), from, bytes); });
    return success;
  }
  const auto* const first = static_cast<const char*>(from);  // as the driver does: staged at once
  auto copy = std::make_shared<std::vector<char>>(first, first + bytes);
  gpu().push(stream, [=] { std::memcpy(reach(to), copy->data(), bytes); });
  return success;
}
EXPORT Result cuMemcpyDtoHAsync_v2(void* to, DeviceMemory from, size_t bytes, StreamHandle stream) {
  BEGIN("cuMemcpyDtoHAsync");
  gpu().push(stream, [=] { std::memcpy(to, reach(from), bytes); });
  if (!is_pinned(to)) gpu().wait(stream);
  return success;
}
EXPORT Result cuMemcpyDtoDAsync_v2(DeviceMemory to, DeviceMemory from, size_t bytes,
                                   StreamHandle stream) {
  BEGIN("cuMemcpyDtoDAsync");
  gpu().push(stream, [=] { std::memmove(reach(to), reach(from), bytes); });
  return success;
}
EXPORT Result cuStreamCreate(StreamHandle* stream, unsigned) {
  BEGIN("cuStreamCreate");
  const std::lock_guard lock(gpu().mutex);
  gpu().streams.push_back(new Stream);
  *stream = reinterpret_cast<StreamHandle>(gpu().streams.back());
  return success;
}
EXPORT Result cuStreamDestroy_v2(StreamHandle stream) {
  BEGIN("cuStreamDestroy");
  gpu().wait(stream);
  const std::lock_guard lock(gpu().mutex);
  std::erase(gpu().streams, &Gpu::stream(stream));
  delete &Gpu::stream(stream);
  return success;
}
EXPORT Result cuStreamSynchronize(StreamHandle stream) {
  BEGIN("cuStreamSynchronize");
  gpu().wait(stream);
  return success;
}
EXPORT Result cuEventCreate(EventHandle* event, unsigned) {
  BEGIN("cuEventCreate");
  *event = reinterpret_cast<EventHandle>(new Event);
  return success;
}
EXPORT Result cuEventRecord(EventHandle event, StreamHandle stream) {
  BEGIN("cuEventRecord");
  auto* const of = reinterpret_cast<Event*>(event);
  uint64_t number = 0;
  {
    const std::lock_guard lock(gpu().mutex);
    number = ++of->recorded;
  }
  gpu().push(stream, [=] {
    const std::lock_guard lock(gpu().mutex);
    of->done = std::max(of->done, number);
  });
  return success;
}
EXPORT Result cuStreamWaitEvent(StreamHandle stream, EventHandle event, unsigned) {
  BEGIN("cuStreamWaitEvent");
  auto* const of = reinterpret_cast<Event*>(event);
  uint64_t number = 0;
  {
    const std::lock_guard lock(gpu().mutex);
    number = of->recorded;
  }
  gpu().push(
      stream, [] {}, [=] { return of->done >= number; });
  return success;
}
EXPORT Result cuEventQuery(EventHandle event) {
  BEGIN("cuEventQuery");
  const auto* const of = reinterpret_cast<Event*>(event);
  const std::lock_guard lock(gpu().mutex);
  return of->done >= of->recorded ? success : not_ready;
}
EXPORT Result cuEventSynchronize(EventHandle event) {
  BEGIN("cuEventSynchronize");
  const auto* const of = reinterpret_cast<Event*>(event);
  std::unique_lock lock(gpu().mutex);
  gpu().changed.wait(lock, [&] { return of->done >= of->recorded; });
  return success;
}
EXPORT Result cuModuleLoadData(ModuleHandle* module, const void* code) {
  BEGIN("cuModuleLoadData");
  // The length stands before an image of ours: see nvrtcGetCUBIN.
  size_t bytes = 0;
  std::memcpy(&bytes, code, sizeof bytes);
  Module* const made = load({static_cast<const char*>(code) + sizeof bytes, bytes});
  *module = reinterpret_cast<ModuleHandle>(made);
  return made ? success : kInvalidValue;
}
EXPORT Result cuModuleGetFunction(FunctionHandle* function, ModuleHandle module, const char*) {
  BEGIN("cuModuleGetFunction");
  *function = reinterpret_cast<FunctionHandle>(module);
  return success;
}
EXPORT Result cuFuncSetAttribute(FunctionHandle, int, int) {
  BEGIN("cuFuncSetAttribute");
  return success;
}
EXPORT Result cuLaunchKernel(FunctionHandle function, unsigned blocks, unsigned, unsigned,
                             unsigned threads, unsigned, unsigned, unsigned, StreamHandle stream,
                             void** arguments, void**) {
  BEGIN("cuLaunchKernel");
  const auto* const module = reinterpret_cast<const Module*>(function);
  if (blocks == 0 || threads == 0 || threads > kMostThreads) return kInvalidValue;
  const auto copy = [&](int i, size_t bytes) {
    const auto* const first = static_cast<const char*>(arguments[i]);
    return std::make_shared<std::vector<char>>(first, first + bytes);
  };
  const auto buffers = copy(0, kBuffersBytes), numbers = copy(1, module->numbers_bytes);
  gpu().push(stream, [=] { run_grid(*module, blocks, threads, buffers->data(), numbers->data()); });
  return success;
}
EXPORT Result cuLaunchKernelEx(const LaunchConfig* config, FunctionHandle function,
                               void** arguments, void**) {
  return cuLaunchKernel(function, config->blocks_x, 1, 1, config->threads_x, 1, 1, config->shared,
                        config->stream, arguments, nullptr);
}
EXPORT Result cuStreamBeginCapture_v2(StreamHandle stream, int) {
  BEGIN("cuStreamBeginCapture");
  Gpu::stream(stream).captured = std::make_unique<Graph>();
  return success;
}
EXPORT Result cuStreamEndCapture(StreamHandle stream, GraphHandle* graph) {
  BEGIN("cuStreamEndCapture");
  *graph = reinterpret_cast<GraphHandle>(Gpu::stream(stream).captured.release());
  return success;
}
EXPORT Result cuGraphInstantiateWithFlags(GraphRunHandle* run, GraphHandle graph, uint64_t) {
  BEGIN("cuGraphInstantiate");
  *run = reinterpret_cast<GraphRunHandle>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return success;
}
EXPORT Result cuGraphLaunch(GraphRunHandle run, StreamHandle stream) {
  BEGIN("cuGraphLaunch");
  for (const auto& work : *reinterpret_cast<Graph*>(run)) gpu().push(stream, work);
  return success;
}
EXPORT Result cuGraphDestroy(GraphHandle graph) {
  delete reinterpret_cast<Graph*>(graph);
  return success;
}
EXPORT Result cuGraphExecDestroy(GraphRunHandle run) {
  delete reinterpret_cast<Graph*>(run);
  return success;
}
EXPORT Result cuLaunchHostFunc(StreamHandle stream, HostFunction function, void* data) {
  BEGIN("cuLaunchHostFunc");
  gpu().push(stream, [=] { function(data); });
  return success;
}

static Program& at(ProgramHandle handle) { return *reinterpret_cast<Program*>(handle); }

EXPORT Result nvrtcVersion(int* major, int* minor) {
  *major = 0;
  *minor = 1;
  return success;
}
EXPORT const char* nvrtcGetErrorString(Result) { return "as it was told"; }
EXPORT Result nvrtcCreateProgram(ProgramHandle* program, const char* text, const char*, int,
                                 const char* const*, const char* const*) {
  BEGIN_WITHOUT_CONTEXT("nvrtcCreateProgram");
  *program = reinterpret_cast<ProgramHandle>(new Program{text + epilogue(text), {}, {}});
  if (const char* folder = std::getenv("TENON_STAND_IN_TEXTS")) {  // for nvcc to look at
    std::filesystem::create_directories(folder);
    std::ofstream(text_file(folder, std::hash<std::string>()(text))) << text;
  }
  return success;
}
EXPORT Result nvrtcCompileProgram(ProgramHandle program, int, const char* const*) {
  BEGIN_WITHOUT_CONTEXT("nvrtcCompileProgram");
  return compile(at(program));
}
EXPORT Result nvrtcGetCUBINSize(ProgramHandle program, size_t* size) {
  *size = at(program).code.size() + sizeof(size_t);
  return success;
}
EXPORT Result nvrtcGetCUBIN(ProgramHandle program, char* code) {
  const size_t bytes = at(program).code.size();
  std::memcpy(code, &bytes, sizeof bytes);
  std::memcpy(code + sizeof bytes, at(program).code.data(), bytes);
  return success;
}
EXPORT Result nvrtcGetProgramLogSize(ProgramHandle program, size_t* size) {
  *size = at(program).log.size();
  return success;
}
EXPORT Result nvrtcGetProgramLog(ProgramHandle program, char* log) {
  std::memcpy(log, at(program).log.data(), at(program).log.size());
  return success;
}
EXPORT Result nvrtcDestroyProgram(ProgramHandle* program) {
  delete &at(*program);
  *program = nullptr;
  return success;
}
