// tenon run: one run of a model or plan.
#include <fmt/format.h>

#include <chrono>

#include "inputs.h"
#include "print.h"
#include "tenon/arrays.h"

namespace tenon::cli {
namespace {

struct Options {
  EngineOptions engine;
  Path inputs, outputs;
  uint64_t seed = 0;
};

// Values that an answer holds; --outputs keeps all.
constexpr size_t most_json_values = 1024;
constexpr size_t most_text_values = 10;

void print(const Outputs& made, double seconds, const Session& session) {
  Json outputs = Json::object();
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, tensor] : made.tensors) {
    outputs[name] = to_json(tensor, most_json_values);
    rows.push_back(
        {name, type_text(tensor.dtype(), tensor.shape()), values_text(tensor, most_text_values)});
  }
  session.print({{"version", made.version}, {"seconds", seconds}, {"outputs", outputs}},
                table(rows));
}

// By the ending of the file's name.
void (*writer_of(const Path& file))(const Path&, const Arrays&) {
  if (file.extension() == ".npz") return write_npz;
  if (file.extension() == ".safetensors") return write_safetensors;
  throw UsageError(fmt::format("--outputs {}: the name ends neither in .npz nor in .safetensors",
                               file.native()));
}

void perform(const Options& options, Session& session) {
  const Shapes shapes = parse_shapes(options.engine.shapes);
  const auto write = options.outputs.empty() ? nullptr : writer_of(options.outputs);
  if (write) check_output(options.outputs);
  const Engine engine = options.engine.open(session);
  const Arrays inputs = options.inputs.empty() ? random_inputs(engine, shapes, options.seed)
                                               : read_arrays(options.inputs);
  session.check_stop();
  Context context(engine);
  const auto start = std::chrono::steady_clock::now();
  const Outputs made = context.run(views(inputs));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  session.check_stop();
  if (write) write(options.outputs, made.tensors);
  print(made, seconds, session);
}

}  // namespace

Action add_run(CLI::App& command) {
  auto options = std::make_shared<Options>();
  options->engine.add(command);
  CLI::Option* inputs =
      command.add_option("--inputs", options->inputs, "Inputs by name (random ones without it)");
  inputs->type_name("IN.npz");
  command.add_option("--outputs", options->outputs, "Where to write the outputs")
      ->type_name("OUT.npz|OUT.safetensors");
  command.add_option("--seed", options->seed, "Of random inputs")
      ->capture_default_str()
      ->excludes(inputs);
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
