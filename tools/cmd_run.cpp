// tenon run: one run of a model or plan.
#include <fmt/format.h>

#include <chrono>

#include "inputs.h"
#include "print.h"
#include "read_inputs.h"
#include "write_arrays.h"

namespace tenon::cli {
namespace {

struct RunArguments {
  EngineOptions engine;
  std::vector<std::string> inputs;
  Path outputs;
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

void perform(const RunArguments& options, Session& session) {
  const Shapes shapes = parse_shapes(options.engine.shapes);
  const ArrayWriter write =
      options.outputs.empty() ? nullptr : array_writer("--outputs", options.outputs);
  if (write) check_output(options.outputs);
  const Engine engine = options.engine.open(session);
  const Arrays inputs = options.inputs.empty() ? random_inputs(engine, shapes, options.seed)
                                               : read_inputs(engine, shapes, options.inputs);
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
  auto options = std::make_shared<RunArguments>();
  options->engine.add(command);
  CLI::Option* inputs = command.add_option(
      "--inputs", options->inputs,
      "Inputs: a file of all by name, or NAME=FILE for each; an .npy, image, .txt (an "
      "element a line) or raw file is one input (random ones without it)");
  inputs->type_name("[NAME=]FILE")->allow_extra_args(false);
  command.add_option("--outputs", options->outputs, "Where to write the outputs")
      ->type_name("OUT.npz|OUT.safetensors|OUT.onnx");
  command.add_option("--seed", options->seed, "Of random inputs")
      ->capture_default_str()
      ->excludes(inputs);
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
