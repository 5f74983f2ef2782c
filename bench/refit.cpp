// Refits beside copies of the same bytes, and refittable engines beside frozen ones: each pair in
// turn within one run.
//
//   refit MODEL WEIGHTS_A WEIGHTS_B      prints one JSON object: median seconds, and the median of
//   the pairs' ratios
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tenon/arrays.h"
#include "tenon/build.h"
#include "tenon/context.h"
#include "tenon/onnx.h"
#include "tenon/refitter.h"

namespace {

namespace fs = std::filesystem;
using Arrays = std::map<std::string, tenon::Tensor>;
using Views = std::map<std::string, tenon::TensorView>;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// Two works in turn, `times` each after a warm-up; prints `"name": {ours, peer, ratio}`.
void pair(const char* name, int times, const std::function<void()>& ours,
          const std::function<void()>& peer) {
  std::vector<double> our_seconds, peer_seconds, ratios;
  for (int i = -3; i < times; ++i) {
    const double a = seconds(ours);
    const double b = seconds(peer);
    if (i < 0) continue;
    our_seconds.push_back(a);
    peer_seconds.push_back(b);
    ratios.push_back(a / b);
  }
  std::printf("\"%s\": {\"seconds\": %.9f, \"peer_seconds\": %.9f, \"ratio\": %.4f},\n", name,
              median(our_seconds), median(peer_seconds), median(ratios));
}

Views views(const Arrays& arrays) { return {arrays.begin(), arrays.end()}; }

// A copy of the same tensors into memory that is there already.
struct Copy {
  const Arrays& from;
  Arrays to;

  explicit Copy(const Arrays& arrays) : from(arrays) {
    for (const auto& [name, tensor] : arrays) {
      const auto made = to.emplace(name, tenon::Tensor(tensor.dtype(), tensor.shape())).first;
      std::memset(made->second.data(), 1, tensor.bytes());
    }
  }
  void operator()() {
    for (const auto& [name, tensor] : from)
      std::memcpy(to.at(name).data(), tensor.data(), tensor.bytes());
  }
};

// What reading the file costs anybody: open, pread, close.
struct ReadFile {
  fs::path path;
  std::vector<char> bytes;

  explicit ReadFile(const fs::path& file) : path(file), bytes(fs::file_size(file), 1) {}
  void operator()() {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 ||
        pread(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("cannot read " + path.string());
    }
    close(file);
  }
};

void first_refit(const tenon::Network& network, const Arrays& a) {
  std::vector<double> refits, copies;
  Copy copy(a);
  const Views given = views(a);
  for (int i = 0; i < 15; ++i) {
    tenon::Engine engine = tenon::build(network);
    refits.push_back(seconds([&] { engine.refit(given); }));
    copies.push_back(seconds(copy));
  }
  std::printf(
      "\"first_from_arrays\": {\"seconds\": %.9f, \"peer_seconds\": %.9f, \"ratio\": %.4f},\n",
      median(refits), median(copies), median(refits) / median(copies));
}

void frozen(const tenon::Network& network, int64_t batch) {
  tenon::Engine refittable = tenon::build(network),
                none = tenon::build(network, {.refit = {"none"}});
  tenon::Context ours(refittable), peer(none);
  const tenon::Port input = refittable.inputs()[0], output = refittable.outputs()[0];
  tenon::Shape shape, result;
  for (const std::string& extent : input.shape)
    shape.push_back(extent == "n" ? batch : std::stoll(extent));
  for (const std::string& extent : output.shape)
    result.push_back(extent == "n" ? batch : std::stoll(extent));
  tenon::Tensor x(input.dtype, shape), y(output.dtype, result);
  std::fill(x.as<float>().begin(), x.as<float>().end(), 0.5F);
  const Views inputs = {{input.name, x}}, outputs = {{output.name, y}};
  const auto some_runs = [&](tenon::Context& context) {
    return [&] {
      for (int i = 0; i < 20; ++i) context.run(inputs, outputs);
    };
  };
  pair(("refittable_beside_none_batch_" + std::to_string(batch)).c_str(), 200, some_runs(ours),
       some_runs(peer));
}

int run(const char* model, const char* file_a, const char* file_b) {
  const tenon::Network network = tenon::load_onnx(model);
  const Arrays a = tenon::read_arrays(file_a), b = tenon::read_arrays(file_b);
  size_t bytes = 0;
  for (const auto& [name, tensor] : a) bytes += tensor.bytes();
  std::printf("{\n\"bytes\": %zu,\n", bytes);
  first_refit(network, a);

  tenon::Engine engine = tenon::build(network);
  const Views given_a = views(a), given_b = views(b);
  Copy copy(a);
  bool turn = false;
  const auto from_arrays = [&] { engine.refit((turn = !turn) ? given_a : given_b); };
  pair("steady_from_arrays", 500, from_arrays, std::ref(copy));
  ReadFile read(file_a);
  const auto from_file = [&] { engine.refit(fs::path((turn = !turn) ? file_a : file_b)); };
  pair("steady_from_file", 500, from_file, std::ref(read));
  frozen(network, 1);
  frozen(network, 64);
  std::printf("\"end\": 0\n}\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: refit MODEL WEIGHTS_A WEIGHTS_B\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "refit: %s\n", error.what());
    return 1;
  }
}
