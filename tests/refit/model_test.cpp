// Models from text and ONNX, made-up weights, and engines over them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "base/convert.h"
#include "base/text.h"
#include "build/compile.h"
#include "ir/elements.h"
#include "ir/text.h"
#include "model_for_test.h"
#include "onnx/onnx.h"
#include "tenon/context.h"
#include "tenon/refitter.h"
#include "weights/safetensors.h"

namespace tenon::laws {
namespace {

namespace fs = std::filesystem;

const fs::path graphs = "tests/refit/graphs";
const fs::path data = "tests/data/mnist";

fs::path fresh_path(const std::string& suffix) {
  static int count = 0;
  return scratch_folder() / (std::to_string(count++) + suffix);
}

weights::TensorSource source_over(const Tensor& tensor) {
  const base::Bytes bytes(static_cast<const std::byte*>(tensor.data()), tensor.bytes());
  return {tensor.dtype(), tensor.shape(), base::memory_source(bytes, tensor.owner()), 0};
}

Tensor tensor_of(DType dtype, const Shape& shape, const std::vector<double>& values) {
  Tensor tensor(dtype, shape);
  base::convert(DType::f64, values.data(), dtype, tensor.data(), element_count(shape));
  return tensor;
}

Tensor random_tensor(const std::string& name, DType dtype, const Shape& shape, double scale,
                     unsigned seed) {
  std::seed_seq seeds(name.begin(), name.end());
  std::vector<unsigned> mixed(1);
  seeds.generate(mixed.begin(), mixed.end());
  std::mt19937 random(mixed[0] ^ seed);
  std::uniform_real_distribution<double> uniform(-scale, scale);
  std::vector<double> values(static_cast<size_t>(element_count(shape)));
  for (double& value : values) {
    value = uniform(random);
    if (is_integer(dtype)) value = std::floor(value * 8);
    if (name.ends_with("variance")) value = std::abs(value) + 0.5;
  }
  return tensor_of(dtype, shape, values);
}

// A `value` line's elements come as the text form writes them.
Tensor parse_elements(const ir::ValueType& type, std::string_view text) {
  Tensor tensor(type.dtype, type.shape());
  std::istringstream stream{std::string(text)};
  auto* at = static_cast<std::byte*>(tensor.data());
  for (std::string element; std::getline(stream, element, ','); at += byte_count(type.dtype, 1)) {
    element.erase(0, element.find_first_not_of(' '));
    EXPECT_TRUE(ir::parse_element(type.dtype, element, at)) << element;
  }
  return tensor;
}

// The leaf table that an importer would have made.
void add_leaves(Model& model) {
  for (const ir::GraphValue* each : ir::all_leaves(model.network.graph)) {
    const ir::GraphValue& leaf = *each;
    const bool weight = leaf.origin == ir::Origin::weight;
    model.network.leaves.push_back({.name = leaf.name,
                                    .type = leaf.value.type,
                                    .refittable = weight,
                                    .reason = weight ? "" : "a constant of the graph"});
    if (!weight && !leaf.bytes) {
      const Shape shape = leaf.value.type.shape();
      model.constants[leaf.name] =
          source_over(random_tensor(leaf.name, leaf.value.type.dtype, shape, 0.5, 0));
    }
  }
  std::sort(model.network.leaves.begin(), model.network.leaves.end(),
            [](const ir::Leaf& a, const ir::Leaf& b) { return a.name < b.name; });
}

struct Lines {
  std::vector<std::pair<std::string, std::string>> values;  // `value "w" = [1, 2]`
  std::vector<std::pair<std::string, std::string>> leaves;  // `leaf "w": f32[3]`, used by nothing
  std::string graph;
};

Lines read_lines(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  Lines lines;
  for (std::string line; std::getline(file, line);) {
    const bool value = line.starts_with("value ");
    if (!value && !line.starts_with("leaf ")) {
      lines.graph += line + "\n";
      continue;
    }
    std::string_view rest = std::string_view(line).substr(value ? 6 : 5);
    const std::string name = base::parse_quoted(rest).value();
    if (value) {
      const size_t open = line.find('[') + 1;
      lines.values.emplace_back(name, line.substr(open, line.rfind(']') - open));
    } else {
      lines.leaves.emplace_back(name, rest.substr(2));
    }
  }
  return lines;
}

Model load_graph(const std::string& name) {
  const Lines lines = read_lines(graphs / (name + ".txt"));
  Model model{.name = name};
  model.network.graph = ir::parse(lines.graph);
  for (const auto& [leaf, type] : lines.leaves) {
    model.network.leaves.push_back({.name = leaf, .type = ir::parse_type(type)});
  }
  add_leaves(model);
  for (const auto& [weight, elements] : lines.values) {
    const auto& leaves = model.network.leaves;
    const auto leaf = std::find_if(leaves.begin(), leaves.end(),
                                   [&](const ir::Leaf& each) { return each.name == weight; });
    model.fixed[weight] = parse_elements(leaf->type, elements);
  }
  return model;
}

Model load_real(const std::string& name) {
  Model model{.name = name};
  onnx::Model imported = onnx::load(data / (name + ".onnx"));
  model.network = std::move(imported.network);
  for (const ir::Leaf& leaf : model.network.leaves) {
    const auto source = imported.sources.find(leaf.name);
    if (!leaf.refittable && source != imported.sources.end()) model.constants.insert(*source);
  }
  if (name == "lenet")
    model.checkpoints = {data / "lenet_a.safetensors", data / "lenet_b.safetensors"};
  return model;
}

Arrays read_checkpoint(const fs::path& path) {
  Arrays arrays;
  for (const auto& [name, source] : weights::open_weights(path).tensors) {
    Tensor tensor(source.dtype, source.shape);
    weights::read_elements(source, 0, element_count(source.shape), source.dtype, tensor.data());
    arrays.emplace(name, tensor);
  }
  return arrays;
}

std::map<std::string, TensorView> views_of(const Arrays& arrays) {
  return {arrays.begin(), arrays.end()};
}

fs::path write_file(const Arrays& arrays) {
  std::vector<weights::OutTensor> tensors;
  for (const auto& [name, tensor] : arrays) tensors.push_back({name, source_over(tensor)});
  const fs::path path = fresh_path(".safetensors");
  PlainWriter writer(path);
  weights::write_safetensors(writer, tensors, {});
  return path;
}

std::vector<double> doubles_of(const Tensor& tensor) {
  std::vector<double> values(static_cast<size_t>(element_count(tensor.shape())));
  base::convert(tensor.dtype(), tensor.data(), DType::f64, values.data(), std::ssize(values));
  return values;
}

double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return 1e-12;
    case DType::f32: return 1e-5;
    case DType::f16: return 2e-3;
    case DType::bf16: return 2e-2;
    default: return 0;
  }
}

std::vector<std::set<std::string>> pass_choices() {
  const std::vector<std::string> names = pass_names();
  std::vector<std::set<std::string>> choices = {{}, {names.begin(), names.end()}};
  for (const std::string& name : names) choices.push_back({name});
  return choices;
}

template <class T>
const T& pick(std::mt19937& random, const std::vector<T>& from) {
  return from[random() % from.size()];
}

// What a point has beside passes and values.
Config with_random_rest(std::mt19937& random, const std::string& device,
                        const std::set<std::string>& without, Values values) {
  return {.device = device,
          .without = without,
          .first = values,
          .saved = random() % 2 == 0,
          .memory = random() % 2 == 0 ? Memory::double_ : Memory::in_place,
          .sources = random() % 3 == 0 ? Sources::drop : Sources::keep,
          .way = static_cast<Way>(random() % 3)};
}

void add_everything(std::vector<Config>& configs, const Config& base) {
  for (const bool saved : {false, true})
    for (const Memory memory : {Memory::double_, Memory::in_place})
      for (const Sources sources : {Sources::keep, Sources::drop})
        for (const Way way : {Way::borrowed, Way::copied, Way::file}) {
          Config config = base;
          config.saved = saved;
          config.memory = memory;
          config.sources = sources;
          config.way = way;
          configs.push_back(config);
        }
}

}  // namespace

std::vector<std::string> model_names() {
  const char* device = std::getenv("TENON_TEST_DEVICE");
  const bool gpu = device && std::string_view(device) == "cuda";  // which has no recurrent kernels
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(graphs)) {
    if (!gpu || entry.path().stem() != "recurrent") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  names.insert(names.end(), {"lenet", "mnist-8-simplified"});
  return names;
}

bool is_real(const std::string& name) { return fs::exists(data / (name + ".onnx")); }

Model load_model(const std::string& name) {
  return is_real(name) ? load_real(name) : load_graph(name);
}

Arrays weights_of(const Model& model, Values values, unsigned seed) {
  if (values == Values::random && seed - 1 < model.checkpoints.size())
    return read_checkpoint(model.checkpoints[seed - 1]);
  Arrays weights;
  for (const ir::Leaf& leaf : model.network.leaves) {
    if (!leaf.refittable) continue;
    const Shape shape = leaf.type.shape();
    const auto count = static_cast<size_t>(element_count(shape));
    const auto all = [&](double value) {
      return tensor_of(leaf.type.dtype, shape, std::vector<double>(count, value));
    };
    Tensor& tensor = weights[leaf.name];
    switch (values) {
      case Values::random:
        tensor =
            random_tensor(leaf.name, leaf.type.dtype, shape, is_real(model.name) ? 0.1 : 0.5, seed);
        break;
      case Values::zeros: tensor = all(0); break;
      case Values::ones: tensor = all(1); break;
      case Values::equal: tensor = all(0.37); break;
      case Values::nan: tensor = all(std::nan("")); break;
    }
  }
  for (const auto& [name, tensor] : model.fixed) weights[name] = tensor;
  return weights;
}

Arrays inputs_of(const Model& model) {
  Arrays inputs;
  const ir::Graph& graph = model.network.graph;
  for (const ir::ValueId id : graph.inputs()) {
    Shape shape;
    std::map<std::string, int64_t> bindings;
    for (const ir::Dim& dim : *graph.type(id).dims) {
      std::vector<std::string> symbols;
      dim.symbols(symbols);
      for (const std::string& symbol : symbols) bindings[symbol] = 3;
      shape.push_back(dim.evaluate(bindings));
    }
    const std::string& name = graph.value(id).name;
    inputs.emplace(name, random_tensor(name, graph.type(id).dtype, shape, 1, 7));
  }
  return inputs;
}

std::ostream& operator<<(std::ostream& out, const Config& config) {
  const char* ways[] = {"borrowed", "copied", "file"};
  const char* values[] = {"random", "zeros", "ones", "equal", "nan"};
  out << config.device << " without {";
  for (const std::string& name : config.without) out << name << " ";
  return out << "} from " << values[static_cast<int>(config.first)]
             << (config.saved ? " saved" : "")
             << (config.memory == Memory::in_place ? " in_place" : "")
             << (config.sources == Sources::drop ? " drop " : " ")
             << ways[static_cast<int>(config.way)];
}

std::vector<std::string> devices() {
  if (const char* device = std::getenv("TENON_TEST_DEVICE"); device && *device) return {device};
#ifdef TENON_FAR
  return {"cpu", "far", "far:banks"};
#else
  return {"cpu"};
#endif
}

std::vector<Config> configs(const Model& model, size_t per_device, bool everything) {
  const char* laws = std::getenv("TENON_LAWS");
  const bool all = laws && std::string_view(laws) == "all";
  const std::vector<std::set<std::string>> choices = pass_choices();
  const std::vector<Values> values(std::begin(all_values), std::end(all_values));
  std::seed_seq seed(model.name.begin(), model.name.end());
  std::mt19937 random(seed);
  std::vector<Config> configs;
  for (const std::string& device : devices()) {
    if (!all) {
      // All passes and all values first, as far as the number goes; then at random.
      for (size_t i = 0; i < per_device; ++i) {
        const auto& without = i < choices.size() ? choices[i] : pick(random, choices);
        configs.push_back(with_random_rest(random, device, without,
                                           i < values.size() ? values[i] : pick(random, values)));
      }
      continue;
    }
    for (const auto& without : choices) {
      for (const Values first : values) {
        const Config base = with_random_rest(random, device, without, first);
        if (everything) {
          add_everything(configs, base);
        } else {
          configs.push_back(base);
        }
      }
    }
  }
  return configs;
}

const fs::path& scratch_folder() {
  struct Folder {
    fs::path path = fs::temp_directory_path() / ("tenon_laws_" + std::to_string(::getpid()));
    Folder() { fs::create_directories(path); }
    ~Folder() { fs::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

Engine build(const Model& model, const Arrays& weights, const Config& config) {
  std::map<std::string, weights::TensorSource> sources = model.constants;
  for (const auto& [name, tensor] : weights) sources[name] = source_over(tensor);
  const BuildOptions options{.device = config.device,
                             .threads = 2,
                             .tactics = Tactics::first,
                             .without = config.without,
                             .memory = config.memory,
                             .sources = config.sources};
  return Engine(compiler::compile(model.network, std::move(sources), options));
}

Engine save_and_load(const Engine& engine, const Config& config, bool strip) {
  const fs::path path = fresh_path(".plan");
  PlainWriter writer(path);
  engine.impl()->save(writer, {.strip = strip});
  Engine loaded = Engine::load(
      path,
      {.device = config.device, .threads = 2, .memory = config.memory, .sources = config.sources});
  fs::remove(path);  // the engine reads on behind its descriptor
  return loaded;
}

RefitReport refit(Engine& engine, const Arrays& weights, Way way) {
  if (way == Way::borrowed) return engine.refit(views_of(weights));
  Refitter refitter(engine);
  if (way == Way::file) {
    const fs::path path = write_file(weights);
    refitter.load(path);
    fs::remove(path);
  } else {
    for (const auto& [name, tensor] : weights) refitter.set(name, tensor);
  }
  return refitter.commit();
}

Arrays run(const Engine& engine, const Model& model) {
  const Arrays inputs = inputs_of(model);
  Context context(engine);
  Outputs outputs = context.run(views_of(inputs));
  EXPECT_EQ(outputs.version, engine.version());
  // What is captured, and then replayed, gives the bits of what was queued step by step.
  for (int again = 0; again < 2 && engine.impl()->backend->captures(); ++again) {
    expect_same_bits(context.run(views_of(inputs)).tensors, outputs.tensors);
  }
  return std::move(outputs.tensors);
}

void expect_same_bits(const Arrays& got, const Arrays& want) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, tensor] : want) {
    ASSERT_EQ(got.at(name).shape(), tensor.shape()) << name;
    const auto* a = static_cast<const unsigned char*>(got.at(name).data());
    const auto* b = static_cast<const unsigned char*>(tensor.data());
    const auto differs = std::mismatch(a, a + tensor.bytes(), b).first - a;
    EXPECT_EQ(static_cast<size_t>(differs), tensor.bytes()) << "output " << name << " at this byte";
  }
}

void expect_close(const Arrays& got, const Arrays& want) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, tensor] : want) {
    const std::vector<double> a = doubles_of(got.at(name)), b = doubles_of(tensor);
    ASSERT_EQ(a.size(), b.size()) << name;
    double largest = 1;
    for (const double value : b) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < b.size(); ++i) {
      if (std::isnan(a[i]) && std::isnan(b[i])) continue;
      ASSERT_LE(std::abs(a[i] - b[i]), tolerance_of(tensor.dtype()) * largest)
          << name << " at " << i << ": " << a[i] << " and " << b[i];
    }
  }
}

}  // namespace tenon::laws
