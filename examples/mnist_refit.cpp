// The demo in C++: reads 10,000 MNIST digits with random weights, refits, reads them again; then
// saves, strips, loads and fills the plan.
//
//   mnist_refit [FOLDER]     FOLDER (tests/data/mnist) has lenet.onnx, lenet_a.safetensors and the
//   MNIST test files
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "tenon/build.h"
#include "tenon/context.h"
#include "tenon/onnx.h"
#include "tenon/refitter.h"

namespace {

namespace fs = std::filesystem;

// The bytes of a gzipped IDX file after its header: 4 bytes, and 4 for each axis.
std::vector<unsigned char> read_idx(const fs::path& path, size_t rank) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot open " + path.string());
  std::vector<unsigned char> bytes;
  unsigned char block[1 << 16];
  for (int got = 0; (got = gzread(file, block, sizeof block)) > 0;)
    bytes.insert(bytes.end(), block, block + got);
  gzclose(file);
  if (bytes.size() < 4 + 4 * rank) throw std::runtime_error("not an IDX file: " + path.string());
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(4 + 4 * rank));
  return bytes;
}

struct Digits {
  std::vector<float> images;  // [n, 1, 28, 28], 0 to 1
  std::vector<unsigned char> labels;

  tenon::TensorView view() const {
    return {images, {static_cast<int64_t>(labels.size()), 1, 28, 28}};
  }
};

Digits read_digits(const fs::path& folder) {
  Digits digits;
  for (const unsigned char pixel : read_idx(folder / "t10k-images-idx3-ubyte.gz", 3)) {
    digits.images.push_back(static_cast<float>(pixel) / 255.0F);
  }
  digits.labels = read_idx(folder / "t10k-labels-idx1-ubyte.gz", 1);
  return digits;
}

tenon::Tensor logits_of(const tenon::Engine& engine, const Digits& digits) {
  return tenon::Context(engine).run({{"input", digits.view()}})["output"];
}

// The percentage of images whose greatest logit is at the label.
double accuracy(const tenon::Engine& engine, const Digits& digits) {
  const tenon::Tensor logits = logits_of(engine, digits);
  size_t right = 0;
  for (size_t i = 0; i < digits.labels.size(); ++i) {
    const auto row = logits.as<float>().subspan(i * 10, 10);
    right += std::max_element(row.begin(), row.end()) - row.begin() == digits.labels[i];
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(digits.labels.size());
}

// lenet.onnx's network, built by hand; its weights have no values until it is refitted.
tenon::Network lenet() {
  using tenon::DType;
  tenon::Network net;
  const auto weight = [&](const char* name, const tenon::Shape& shape) {
    return net.weight(name, DType::f32, shape);
  };
  auto x = net.input("input", DType::f32, {"n", 1, 28, 28});
  x = net.conv(x, weight("conv1.weight", {20, 1, 5, 5}), weight("conv1.bias", {20}));
  x = net.max_pool(x, {2, 2}, {.strides = {2, 2}});
  x = net.conv(x, weight("conv2.weight", {50, 20, 5, 5}), weight("conv2.bias", {50}));
  x = net.max_pool(x, {2, 2}, {.strides = {2, 2}});
  x = net.reshape(x, {0, 800});
  x = net.relu(net.matmul(x, weight("fc1.weight", {500, 800}), weight("fc1.bias", {500}), true));
  net.output("output",
             net.matmul(x, weight("fc2.weight", {10, 500}), weight("fc2.bias", {10}), true));
  return net;
}

bool same_bits(const tenon::Tensor& a, const tenon::Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

int run(const fs::path& folder) {
  const Digits digits = read_digits(folder);
  const fs::path trained = folder / "lenet_a.safetensors";
  tenon::Engine engine = tenon::build(tenon::load_onnx(folder / "lenet.onnx"));
  std::printf("random weights:  %6.2f %% right\n", accuracy(engine, digits));

  tenon::Refitter refitter(engine);
  refitter.load(trained);
  const tenon::RefitReport report = refitter.commit();
  std::printf("refitted in %.3f ms\n", report.seconds * 1e3);
  std::printf("trained weights: %6.2f %% right\n", accuracy(engine, digits));

  tenon::Engine by_hand = tenon::build(lenet());
  by_hand.refit(trained);
  std::printf("built by hand:   %6.2f %% right\n", accuracy(by_hand, digits));

  const fs::path plan = fs::temp_directory_path() / "tenon_lenet.plan";
  engine.save(plan, {.strip = true});
  tenon::Engine filled = tenon::Engine::load(plan);
  fs::remove(plan);
  std::printf("stripped and loaded: %s\n", filled.ready() ? "ready" : "not ready");
  filled.refit(trained);
  const bool same = same_bits(logits_of(engine, digits), logits_of(filled, digits));
  std::printf("filled again:    outputs are %s\n", same ? "equal bit for bit" : "DIFFERENT");
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "tests/data/mnist");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mnist_refit: %s\n", error.what());
    return 1;
  }
}
