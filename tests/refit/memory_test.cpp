// What engines over real lists of weights take: anonymous memory against the bytes of their slots.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "build/compile.h"
#include "ir/ops/batch_norm.h"
#include "ir/ops/conv.h"
#include "ir/ops/matmul.h"
#include "model_for_test.h"
#include "runtime/engine_impl.h"
#include "weights/safetensors.h"

namespace tenon::laws {
namespace {

namespace fs = std::filesystem;

using List = std::vector<std::pair<std::string, Shape>>;

List read_list(const std::string& name) {
  std::ifstream file("tests/data/weights/" + name + ".txt");
  EXPECT_TRUE(file) << name;
  List list;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    auto& [weight, shape] = list.emplace_back();
    words >> weight;
    for (int64_t extent = 0; words >> extent;) shape.push_back(extent);
  }
  return list;
}

/// Each convolution or product of the list on an input of its own, with the bias or the
/// normalisation that follows.
ir::Network network_of(const List& list) {
  ir::GraphBuilder graph;
  ir::Network network;
  const auto f32 = [](const Shape& shape) {
    return ir::ValueType(DType::f32, ir::Dims(shape.begin(), shape.end()));
  };
  for (size_t i = 0; i < list.size();) {
    const Shape& shape = list[i].second;
    const bool conv = shape.size() == 4;
    const Shape x = conv ? Shape{1, shape[1], 8, 8} : Shape{3, shape[1]};
    std::vector<ir::ValueId> operands = {graph.input(fmt::format("x{}", i), f32(x))};
    const std::string y = fmt::format("y{}", i);
    do {
      operands.push_back(graph.weight(list[i].first, f32(list[i].second)));
      network.leaves.push_back({.name = list[i].first, .type = f32(list[i].second)});
    } while (++i < list.size() && list[i].second.size() == 1);
    const size_t own = operands.size() == 6 ? 2 : 3;  // a normalisation has four weights
    const std::vector<ir::ValueId> first(operands.begin(), operands.begin() + own);
    ir::ValueId value =
        conv ? graph.add(ir::Conv{}, first) : graph.add(ir::MatMul{.transpose_b = true}, first);
    if (own == 2) {
      operands.erase(operands.begin(), operands.begin() + 2);
      operands.insert(operands.begin(), value);
      value = graph.add(ir::BatchNorm{}, operands);
    }
    graph.output(y, value);
  }
  std::ranges::sort(network.leaves, {}, &ir::Leaf::name);
  network.graph = graph.finish();
  return network;
}

/// Bytes that cost no memory.
class Noise final : public base::ByteSource {
 public:
  Noise(uint64_t bytes, uint64_t seed) : bytes_(bytes), seed_(seed) {}
  uint64_t size() const override { return bytes_; }
  void read(uint64_t offset, std::span<std::byte> out) const override {
    uint64_t state = (offset + 1) * 0x9e3779b97f4a7c15 ^ seed_;
    for (size_t i = 0; i < out.size(); i += sizeof(state)) {
      state = state * 6364136223846793005 + 1442695040888963407;
      std::memcpy(out.data() + i, &state, std::min(sizeof(state), out.size() - i));
    }
  }
  void check_unchanged() const override {}
  std::string name() const override { return "noise"; }

 private:
  uint64_t bytes_, seed_;
};

fs::path noise_file(const List& list, uint64_t seed) {
  std::vector<weights::OutTensor> tensors;
  for (const auto& [name, shape] : list) {
    const auto bytes = static_cast<uint64_t>(element_count(shape)) * sizeof(float);
    tensors.push_back({name, {DType::f32, shape, std::make_shared<Noise>(bytes, seed), 0}});
  }
  const fs::path path = scratch_folder() / fmt::format("noise_{}.safetensors", seed);
  PlainWriter writer(path);
  weights::write_safetensors(writer, tensors, {});
  return path;
}

/// Bytes of this process that no file stands behind.
size_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8)) << 10;
  }
  return 0;
}

/// The most that there was while it lived.
class Peak {
 public:
  Peak()
      : thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            bytes_ = std::max(bytes_, anonymous_bytes());
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }
        }) {}
  size_t stop() {
    thread_.request_stop();
    thread_.join();
    return std::max(bytes_, anonymous_bytes());
  }

 private:
  size_t bytes_ = 0;
  std::jthread thread_;
};

struct Measured {
  double built = 0, refitted = 0;  ///< times the slots' bytes
};

Measured measure(const List& list, const std::string& device) {
  const fs::path a = noise_file(list, 1), b = noise_file(list, 2);
  const size_t before = anonymous_bytes();
  Engine engine(compiler::compile(network_of(list), weights::open_weights(a).tensors,
                                  {.device = device, .threads = 2, .tactics = Tactics::first}));
  size_t slots = 0;
  for (const lower::SlotProgram& slot : engine.impl()->lowered.slots) slots += slot.type.bytes();
  const auto times = [&](size_t bytes) {
    return static_cast<double>(bytes - before) / static_cast<double>(slots);
  };
  Measured measured{.built = times(anonymous_bytes())};
  Peak peak;
  for (const fs::path& file : {b, a, b}) engine.refit(file);
  measured.refitted = times(peak.stop());
  return measured;
}

/// In a process of its own: what others have freed is not counted.
Measured measure_apart(const std::string& name, const std::string& device) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  scratch_folder();
  const pid_t child = ::fork();
  if (child == 0) {
    const Measured measured = measure(read_list(name), device);
    ::_exit(::write(ends[1], &measured, sizeof(measured)) == sizeof(measured) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  Measured measured;
  EXPECT_EQ(::read(ends[0], &measured, sizeof(measured)), static_cast<ssize_t>(sizeof(measured)));
  for (const int end : ends) ::close(end);
  return measured;
}

class MemoryOf : public testing::TestWithParam<const char*> {};

TEST_P(MemoryOf, weights_is_once_after_build_and_twice_from_the_first_refit_on) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  GTEST_SKIP() << "sanitizers have memory of their own";
#endif
  for (const std::string& device : devices()) {
    if (device.starts_with("cuda")) GTEST_SKIP() << "a GPU has memory of its own";
    const Measured measured = measure_apart(GetParam(), device);
    EXPECT_LE(measured.built, 1.1) << device;
    EXPECT_GE(measured.built, 0.9) << device << ": was it measured at all?";
    EXPECT_LE(measured.refitted, 2.1) << device;
  }
}

INSTANTIATE_TEST_SUITE_P(Refit, MemoryOf, testing::Values("resnet50", "vgg16"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace tenon::laws
