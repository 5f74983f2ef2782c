// What the laws range over: pattern graphs and real networks, values of weights, and the ways to
// build, save and refit.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "base/file_writer.h"
#include "ir/program.h"
#include "tenon/build.h"
#include "weights/source.h"

namespace tenon::laws {

/// Writes as it goes: the laws need no fsync, which would take most of their time.
class PlainWriter final : public base::FileWriter {
 public:
  explicit PlainWriter(const std::filesystem::path& path) : file_(path, std::ios::binary) {}
  void write(base::Bytes bytes) override {
    file_.write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }
  void commit() override { file_.close(); }

 private:
  std::ofstream file_;
};

using Arrays = std::map<std::string, Tensor>;

/// A network with its frozen tensors' bytes.
struct Model {
  std::string name;
  ir::Network network;
  std::map<std::string, weights::TensorSource> constants;
  Arrays fixed;  ///< weights whose value the build uses
  /// Of a real network: what random weights of seed 1 and 2 are instead.
  std::vector<std::filesystem::path> checkpoints;
};

/// tests/refit/graphs/*.txt, then the real networks of tests/data.
std::vector<std::string> model_names();
bool is_real(const std::string& name);
Model load_model(const std::string& name);

enum class Values { random, zeros, ones, equal, nan };
inline constexpr Values all_values[] = {Values::random, Values::zeros, Values::ones, Values::equal,
                                        Values::nan};

/// A value for every refittable weight; fixed ones keep theirs.
Arrays weights_of(const Model& model, Values values, unsigned seed);
/// Every symbol is 3.
Arrays inputs_of(const Model& model);

/// How weights reach a refit.
enum class Way { borrowed, copied, file };

/// One point of the cross.
struct Config {
  std::string device = "cpu";
  std::set<std::string> without;
  Values first = Values::random;
  bool saved = false;
  Memory memory = Memory::double_;
  Sources sources = Sources::keep;
  Way way = Way::borrowed;
};
std::ostream& operator<<(std::ostream& out, const Config& config);

/// TENON_TEST_DEVICE, or cpu, far and far:banks.
std::vector<std::string> devices();
/// `per_device` points for each device, chosen by the model's name; with TENON_LAWS=all those that
/// cross passes and values, or `everything`.
std::vector<Config> configs(const Model& model, size_t per_device, bool everything = false);

/// A folder of this process's own, removed at its end.
const std::filesystem::path& scratch_folder();

Engine build(const Model& model, const Arrays& weights, const Config& config);
/// Saved and loaded with the config's options.
Engine save_and_load(const Engine& engine, const Config& config, bool strip = false);
RefitReport refit(Engine& engine, const Arrays& weights, Way way);

/// Runs; all outputs, with the check that their version is the engine's.
Arrays run(const Engine& engine, const Model& model);
/// Fails unless both hold the same bits.
void expect_same_bits(const Arrays& got, const Arrays& want);
/// DESIGN section 10: max|got - want| <= tol * max(1, max|want|) by dtype, NaN equal to NaN.
void expect_close(const Arrays& got, const Arrays& want);

}  // namespace tenon::laws
