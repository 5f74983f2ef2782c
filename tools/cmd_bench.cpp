// tenon bench: how long runs, layers and refits take.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include "inputs.h"
#include "print.h"
#include "roofline.h"
#include "tenon/refitter.h"

namespace tenon::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchArguments {
  EngineOptions engine;
  Path weights, plot;
  bool layers = false;
  double seconds = 1;
  uint64_t seed = 0;
};

constexpr double most_warm_up = 0.5;  // seconds
constexpr int least_runs = 10;
constexpr int profiled_runs = 20;
constexpr int timed_refits = 20;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Sorted seconds of many goes.
class Samples {
 public:
  explicit Samples(std::vector<double> seconds) : seconds_(std::move(seconds)) {
    std::sort(seconds_.begin(), seconds_.end());
  }
  double at(double part) const {
    return seconds_[static_cast<size_t>(part * static_cast<double>(seconds_.size() - 1))];
  }
  size_t count() const { return seconds_.size(); }
  Json json() const {
    return {{"count", count()}, {"min", at(0)}, {"median", at(0.5)}, {"p90", at(0.9)}};
  }
  std::string text() const {
    return fmt::format("median {}, least {}, 90 % under {} ({} times)", seconds_text(at(0.5)),
                       seconds_text(at(0)), seconds_text(at(0.9)), count());
  }

 private:
  std::vector<double> seconds_;
};

Samples measure_runs(const Engine& engine, const Arrays& inputs, const BenchArguments& options,
                     const Session& session) {
  Context context(engine);
  const std::map<std::string, TensorView> given = views(inputs);
  // The caller's memory for the outputs: allocating it is no part of a run.
  Outputs outputs = context.run(given);
  std::map<std::string, TensorView> out = views(outputs.tensors);
  std::erase_if(out, [](const auto& each) { return each.second.dtype == DType::string; });
  const double warm_up = std::min(options.seconds / 10, most_warm_up);
  for (const auto warm = Clock::now(); since(warm) < warm_up;) {
    context.run(given, out);
    session.check_stop();
  }
  std::vector<double> seconds;
  for (const auto start = Clock::now();
       since(start) < options.seconds || seconds.size() < least_runs;) {
    const auto run = Clock::now();
    context.run(given, out);
    seconds.push_back(since(run));
    session.check_stop();
    session.progress("running", since(start) / options.seconds);
  }
  return Samples(std::move(seconds));
}

void write_plot(const BenchArguments& options, const std::vector<RooflinePoint>& points,
                const Peaks& peaks) {
  if (std::isinf(peaks.bytes))
    throw Error(ErrorCode::unsupported,
                "--plot: the roof is the host's memory; plot a CPU's layers");
  std::ofstream file(options.plot);
  file << roofline_svg(options.engine.file.filename().native(), points, peaks);
  if (!file.flush())
    throw Error(ErrorCode::io, fmt::format("\"{}\": cannot be written", options.plot.native()));
}

void measure_layers(const Engine& engine, const Arrays& inputs, const BenchArguments& options,
                    Json& result, std::string& text) {
  const std::vector<LayerTime> times = Context(engine).profile(views(inputs), profiled_runs);
  const std::vector<LayerInfo> layers = engine.layers();
  const Peaks peaks = measure_peaks(engine.device(), options.engine.threads);
  std::vector<RooflinePoint> points;
  double total = 0;
  uint64_t moved = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    total += times[i].seconds;
    if (layers[i].moves) moved += times[i].bytes;
  }
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerInfo& layer = layers[i];
    list.push_back({{"op", layer.op},
                    {"name", layer.name},
                    {"kernel", layer.kernel},
                    {"tactic", layer.tactic},
                    {"device", layer.device},
                    {"output", layer.output},
                    {"seconds", times[i].seconds},
                    {"bytes", times[i].bytes},
                    {"operations", times[i].operations}});
    const RooflinePoint& point = points.emplace_back(
        RooflinePoint{layer.name.empty() ? layer.op : layer.op + " " + layer.name, times[i].seconds,
                      times[i].operations, static_cast<double>(times[i].bytes)});
    const auto rate = [&](double count) {
      return point.seconds > 0 ? fmt::format("{:.1f}", count / point.seconds / 1e9) : "";
    };
    rows.push_back({seconds_text(times[i].seconds),
                    fmt::format("{:.0f} %", total > 0 ? 100 * times[i].seconds / total : 0),
                    rate(point.operations), rate(point.bytes),
                    fmt::format("{:.0f} %", 100 * share_of_peak(point, peaks)),
                    bytes_text(times[i].bytes), layer.op, layer.name, layer.output,
                    layer.tactic.empty() ? layer.kernel : layer.kernel + "/" + layer.tactic});
  }
  result["layers"] = std::move(list);
  result["peak"] = {{"operations_per_second", peaks.operations}, {"bytes_per_second", peaks.bytes}};
  result["moved_bytes"] = moved;
  rows.insert(rows.begin(), {"time", "of all", "GF/s", "GB/s", "of peak", "bytes", "op", "name",
                             "output", "kernel"});
  text += table(rows);
  text += fmt::format("  peak: {:.0f} GF/s in a large product, {:.1f} GB/s in a copy\n",
                      peaks.operations / 1e9, peaks.bytes / 1e9);
  if (!options.plot.empty()) write_plot(options, points, peaks);
  text += fmt::format("  steps that compute nothing move {}\n", bytes_text(moved));
  add_views(engine, result, text);
}

void measure_refits(const Engine& engine, const BenchArguments& options, const Session& session,
                    Json& result, std::string& text) {
  Refitter refitter(engine);
  refitter.set_stop_token(session.stop);
  std::vector<double> seconds;
  RefitReport first;
  for (int i = 0; i <= timed_refits; ++i) {
    refitter.load(options.weights);  // a commit forgets it
    const RefitReport report = refitter.commit();
    if (i == 0) {
      first = report;
    } else {
      seconds.push_back(report.seconds);
    }
    session.progress("refitting", static_cast<double>(i) / timed_refits);
  }
  const Samples steady(std::move(seconds));
  result["refit"] = {
      {"bytes", first.bytes}, {"first_seconds", first.seconds}, {"seconds", steady.json()}};
  text += fmt::format("refit    {}, first {}, {}\n", steady.text(), seconds_text(first.seconds),
                      bytes_text(first.bytes));
}

void perform(const BenchArguments& options, Session& session) {
  const Shapes shapes = parse_shapes(options.engine.shapes);
  const Engine engine = options.engine.open(session);
  const Arrays inputs = random_inputs(engine, shapes, options.seed);
  const Samples runs = measure_runs(engine, inputs, options, session);
  Json types = Json::object();
  for (const auto& [name, tensor] : inputs) types[name] = tensor.shape();
  Json result = {{"file", options.engine.file.native()},
                 {"device", engine.device()},
                 {"inputs", types},
                 {"run", {{"seconds", runs.json()}}}};
  std::string text = fmt::format("run      {}\n", runs.text());
  if (options.layers || !options.plot.empty())
    measure_layers(engine, inputs, options, result, text);
  if (!options.weights.empty()) measure_refits(engine, options, session, result, text);
  session.print(result, text);
}

}  // namespace

Action add_bench(CLI::App& command) {
  auto options = std::make_shared<BenchArguments>();
  options->engine.add(command);
  command.add_flag("--layers", options->layers, "Each layer too, run one by one");
  command
      .add_option("--plot", options->plot,
                  "Draw the layers under the machine's roof (operations a byte, GF/s)")
      ->type_name("FILE.svg");
  command.add_option("--refit", options->weights, "Refits with these weights too")
      ->type_name("WEIGHTS");
  command.add_option("--seconds", options->seconds, "How long to run")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--seed", options->seed, "Of the random inputs")->capture_default_str();
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
