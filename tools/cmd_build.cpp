// tenon build: from an ONNX model to a plan.
#include <fmt/format.h>

#include <chrono>
#include <map>

#include "print.h"
#include "tenon/onnx.h"

namespace tenon::cli {
namespace {

struct BuildArguments {
  Path model, plan;
  std::string device = "cpu", tactics = "time", precision = "model";
  std::vector<std::string> refit = {"all"}, shapes, without;
  int threads = 0;
  bool strip = false, identical = false, no_weights = false;
};

const std::map<std::string, Precision> kPrecisions = {{"model", Precision::model},
                                                      {"tf32", Precision::tf32},
                                                      {"fp16", Precision::fp16},
                                                      {"bf16", Precision::bf16}};

BuildOptions to_build_options(const BuildArguments& options, const Session& session) {
  BuildOptions build{.device = options.device, .refit = options.refit};
  build.shapes = parse_shapes(options.shapes);
  build.threads = options.threads;
  build.tactics = options.tactics == "first" ? Tactics::first : Tactics::time;
  build.precision = kPrecisions.at(options.precision);
  build.without = {options.without.begin(), options.without.end()};
  build.stop = session.stop;
  build.progress = session.progress;
  return build;
}

Network load(const BuildArguments& options) {
  OnnxOptions how;
  if (options.no_weights) how.weights.reset();
  return load_onnx(options.model, how);
}

void perform(const BuildArguments& options, Session& session) {
  const BuildOptions how = to_build_options(options, session);
  check_output(options.plan);
  const auto start = std::chrono::steady_clock::now();
  const Engine engine = build(load(options), how);
  session.check_stop();
  const bool strip = options.strip || options.no_weights;
  engine.save(options.plan, {.strip = strip,
                             .identical = options.identical,
                             .stop = session.stop,
                             .progress = session.progress});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const size_t weights = engine.weights().size();
  const uint64_t bytes = file_bytes(options.plan);
  session.print({{"plan", options.plan.native()},
                 {"device", engine.device()},
                 {"weights", weights},
                 {"stripped", strip},
                 {"bytes", bytes},
                 {"seconds", seconds},
                 {"inputs", to_json(engine.inputs())},
                 {"outputs", to_json(engine.outputs())}},
                fmt::format("{}: {}, {}{}, built in {}\n", options.plan.native(), bytes_text(bytes),
                            count_text(weights, "refittable weight"), strip ? " left out" : "",
                            seconds_text(seconds)));
}

}  // namespace

Action add_build(CLI::App& command) {
  auto options = std::make_shared<BuildArguments>();
  command.add_option("model", options->model, "The model")->required()->type_name("MODEL.onnx");
  add_output(command, options->plan)->required();
  command.add_option("--device", options->device, "Where the plan will run")->capture_default_str();
  command.add_option("--refit", options->refit, "Weights that can be replaced later")
      ->delimiter(',')
      ->type_name("all|none|NAME,...")
      ->allow_extra_args(false);
  command.add_flag("--strip", options->strip, "Leave the refittable weights out of the plan");
  const auto identical = command.add_flag("--identical", options->identical,
                                          "The plan takes only weights equal to these");
  command
      .add_flag("--no-weights", options->no_weights,
                "Compile from shapes alone; a refit fills the plan later; implies --strip")
      ->excludes(identical);
  command
      .add_option("--shape", options->shapes,
                  "Extents of an input: numbers, names or LEAST..TYPICAL..GREATEST, as in "
                  "image=1..8..64x3x224x224")
      ->type_name("INPUT=SHAPE")
      ->allow_extra_args(false);
  command
      .add_option("--tactics", options->tactics, "time kernels here, or take the first that fits")
      ->check(CLI::IsMember({"time", "first"}))
      ->capture_default_str();
  command
      .add_option("--precision", options->precision,
                  "On a GPU: compute in less than the model's f32")
      ->check(CLI::IsMember({"model", "tf32", "fp16", "bf16"}))
      ->capture_default_str();
  command.add_option("--without", options->without, "Optimisation passes to leave out")
      ->delimiter(',')
      ->check(CLI::IsMember(pass_names()))
      ->type_name("PASS,...")
      ->allow_extra_args(false);
  add_threads(command, options->threads);
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
