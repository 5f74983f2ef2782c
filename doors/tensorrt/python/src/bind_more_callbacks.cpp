// Classes that a script implements for builds, runs and streams.
#include <cstring>

#include "bind_call.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::IDebugListener;
using nvinfer1::IOutputAllocator;
using nvinfer1::IProfiler;
using nvinfer1::IProgressMonitor;
using nvinfer1::IStreamReader;
using nvinfer1::IStreamReaderV2;
using nvinfer1::IStreamWriter;

struct ScriptProfiler final : IProfiler {
  NB_TRAMPOLINE(IProfiler);
  void reportLayerTime(const char* layer, float ms) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    call(nb_trampoline.base(), "report_layer_time", nullptr, text(layer), ms);
  }
};

/// Prints each step's time.
struct ConsoleProfiler final : IProfiler {
  void reportLayerTime(const char* layer, float ms) noexcept override {
    std::printf("%s: %gms\n", layer, static_cast<double>(ms));
  }
};

struct ScriptMonitor final : IProgressMonitor {
  NB_TRAMPOLINE(IProgressMonitor);
  void phaseStart(const char* phase, const char* parent, int32_t steps) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    const nb::object above = parent != nullptr ? nb::object(text(parent)) : nb::none();
    call(nb_trampoline.base(), "phase_start", nullptr, text(phase), above, steps);
  }
  bool stepComplete(const char* phase, int32_t step) noexcept override {
    if (Py_IsInitialized() == 0) return false;
    const nb::gil_scoped_acquire acquire;
    return call(nb_trampoline.base(), "step_complete", false, text(phase), step);
  }
  void phaseFinish(const char* phase) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    call(nb_trampoline.base(), "phase_finish", nullptr, text(phase));
  }
};

/// The address that a script's allocator gives; null for what is none.
void* address_of(const nb::object& given, const char* name) noexcept {
  try {
    if (!given.is_none()) return to_pointer(given);
  } catch (const std::exception&) {
  }
  std::fprintf(stderr, "[ERROR] Return value of %s() could not be interpreted as an int\n", name);
  return nullptr;
}

struct ScriptAllocator final : IOutputAllocator {
  NB_TRAMPOLINE(IOutputAllocator);
  void* reallocateOutputAsync(const char* name, void* current, uint64_t size, uint64_t alignment,
                              cudaStream_t stream) override {
    if (Py_IsInitialized() == 0) return nullptr;
    const nb::gil_scoped_acquire acquire;
    const nb::handle self = nb_trampoline.base();
    return address_of(call(self, "reallocate_output_async", nb::object(nb::none()), text(name),
                           reinterpret_cast<uintptr_t>(current), size, alignment,
                           reinterpret_cast<uintptr_t>(stream)),
                      "reallocateOutput");
  }
  void notifyShape(const char* name, const Dims& dims) noexcept override {
    if (Py_IsInitialized() == 0) return;
    const nb::gil_scoped_acquire acquire;
    call(nb_trampoline.base(), "notify_shape", nullptr, text(name), from_dims(dims));
  }
};

struct ScriptListener final : nvinfer1::IDebugListener {
  NB_TRAMPOLINE(IDebugListener);
  bool processDebugTensor(const void* memory, nvinfer1::TensorLocation location, DataType type,
                          const Dims& shape, const char* name, cudaStream_t stream) override {
    if (Py_IsInitialized() == 0) return true;
    const nb::gil_scoped_acquire acquire;
    call(nb_trampoline.base(), "process_debug_tensor", nullptr, reinterpret_cast<uintptr_t>(memory),
         location, type, from_dims(shape), text(name), reinterpret_cast<uintptr_t>(stream));
    return true;
  }
};

/// How many of the bytes that a script gave were taken; -1 for what is no bytes, or too many.
int64_t copied(const nb::object& given, void* to, int64_t most) {
  if (given.is_none()) return -1;
  const Bytes bytes(given, "what read() gave");
  if (bytes.size() > static_cast<size_t>(most)) return -1;
  std::memcpy(to, bytes.data(), bytes.size());
  return static_cast<int64_t>(bytes.size());
}

template <class Read>
int64_t piece(void* to, int64_t most, Read&& read) noexcept {
  if (Py_IsInitialized() == 0) return -1;
  const nb::gil_scoped_acquire acquire;
  try {
    return copied(read(), to, most);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "[ERROR] Exception caught in read(): %s\n", error.what());
    return -1;
  }
}

struct ScriptReader final : IStreamReader {
  NB_TRAMPOLINE(IStreamReader);
  int64_t read(void* to, int64_t most) override {
    return piece(to, most,
                 [&] { return call(nb_trampoline.base(), "read", nb::object(nb::none()), most); });
  }
};

struct ScriptReaderV2 final : IStreamReaderV2 {
  NB_TRAMPOLINE(IStreamReaderV2);
  int64_t read(void* to, int64_t most, cudaStream_t stream) noexcept override {
    return piece(to, most, [&] {
      return call(nb_trampoline.base(), "read", nb::object(nb::none()), most,
                  reinterpret_cast<uintptr_t>(stream));
    });
  }
  bool seek(int64_t offset, nvinfer1::SeekPosition where) noexcept override {
    if (Py_IsInitialized() == 0) return false;
    const nb::gil_scoped_acquire acquire;
    return call(nb_trampoline.base(), "seek", false, offset, where);
  }
};

struct ScriptWriter final : IStreamWriter {
  NB_TRAMPOLINE(IStreamWriter);
  int64_t write(const void* data, int64_t count) override {
    if (Py_IsInitialized() == 0) return -1;
    const nb::gil_scoped_acquire acquire;
    return call(nb_trampoline.base(), "write", int64_t{-1},
                nb::bytes(static_cast<const char*>(data), static_cast<size_t>(count)));
  }
};

void bind_streams(nb::module_& module) {
  nb::class_<IStreamReader, ScriptReader>(module, "IStreamReader", nb::dynamic_attr())
      .def(nb::init<>())
      .def(
          "read", [](IStreamReader&, int64_t) { lacking("IStreamReader.read"); }, "size"_a);
  nb::class_<IStreamReaderV2, ScriptReaderV2>(module, "IStreamReaderV2", nb::dynamic_attr())
      .def(nb::init<>())
      .def(
          "read", [](IStreamReaderV2&, int64_t, nb::handle) { lacking("IStreamReaderV2.read"); },
          "num_bytes"_a, "stream"_a)
      .def(
          "seek",
          [](IStreamReaderV2&, int64_t, nvinfer1::SeekPosition) {
            lacking("IStreamReaderV2.seek");
          },
          "offset"_a, "where"_a);
  nb::class_<IStreamWriter, ScriptWriter>(module, "IStreamWriter", nb::dynamic_attr())
      .def(nb::init<>())
      .def(
          "write", [](IStreamWriter&, nb::handle) { lacking("IStreamWriter.write"); }, "data"_a);
}

}  // namespace

void bind_more_callbacks(nb::module_& module) {
  nb::class_<IProfiler, ScriptProfiler>(module, "IProfiler", nb::dynamic_attr())
      .def(nb::init<>())
      .def(
          "report_layer_time",
          [](IProfiler&, const std::string&, float) { lacking("IProfiler.report_layer_time"); },
          "layer_name"_a, "ms"_a);
  nb::class_<ConsoleProfiler, IProfiler>(module, "Profiler", nb::dynamic_attr())
      .def(nb::init<>())
      .def(
          "report_layer_time",
          [](ConsoleProfiler& self, const std::string& name, float ms) {
            self.reportLayerTime(name.c_str(), ms);
          },
          "layer_name"_a, "ms"_a);
  nb::class_<IProgressMonitor, ScriptMonitor>(module, "IProgressMonitor", nb::dynamic_attr())
      .def(nb::init<>());
  nb::class_<nvinfer1::IDebugListener, ScriptListener>(module, "IDebugListener", nb::dynamic_attr())
      .def(nb::init<>());
  nb::class_<IOutputAllocator, ScriptAllocator>(module, "IOutputAllocator", nb::dynamic_attr())
      .def(nb::init<>());
  bind_streams(module);
}

}  // namespace tenon::trt::python
