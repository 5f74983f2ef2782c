// tenon trace: building or loading, runs and refits on one line of time.
#include <fmt/format.h>

#include <fstream>

#include "inputs.h"
#include "print.h"
#include "tenon/arrays.h"
#include "tenon/refitter.h"
#include "trace.h"

namespace tenon::cli {
namespace {

struct TraceArguments {
  EngineOptions engine;
  Path weights, output;
  int runs = 3;
  uint64_t seed = 0;
};

Engine open(const TraceArguments& options, const Session& session, Trace& trace) {
  Session traced = session;
  traced.progress = trace.stages("build", session.progress);
  const double begin = trace.now();
  Engine engine = options.engine.open(traced);
  trace.finish();
  trace.add("tenon", file_kind(options.engine.file) == FileKind::onnx ? "build" : "load", begin,
            trace.now(), {{"file", options.engine.file.native()}});
  return engine;
}

// Each step is waited for, one after the other: a step ends where the next one begins.
void trace_run(const Engine& engine, Context& context, const Arrays& inputs, Trace& trace) {
  std::vector<LayerTime> times;
  const double begin = trace.now();
  const Outputs made = context.run(views(inputs), {.step_times = &times});
  const double end = trace.now();
  trace.add("tenon", "run", begin, end, {{"version", made.version}});
  double total = 0;
  for (const LayerTime& time : times) total += 1e6 * time.seconds;
  double at = std::max(begin, end - total);
  const std::vector<LayerInfo> layers = engine.layers();
  for (size_t i = 0; i < std::min(times.size(), layers.size()); ++i) {
    const double until = at + 1e6 * times[i].seconds;
    const LayerInfo& layer = layers[i];
    trace.add("queue " + layer.device, layer.name.empty() ? layer.op : layer.name, at, until,
              {{"op", layer.op},
               {"kernel", layer.kernel},
               {"tactic", layer.tactic},
               {"output", layer.output},
               {"bytes", times[i].bytes}});
    at = until;
  }
}

void trace_refit(Engine engine, const TraceArguments& options, const Session& session,
                 Trace& trace) {
  const double begin = trace.now();
  const RefitReport report = engine.refit(
      options.weights, {.stop = session.stop, .progress = trace.stages("refit", session.progress)});
  trace.finish();
  trace.add(
      "tenon", "refit", begin, trace.now(),
      {{"version", report.version}, {"weights", report.changed.size()}, {"bytes", report.bytes}});
}

void write(const Path& file, const Json& json) {
  std::ofstream out(file);
  out << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
  out.close();
  if (!out) throw Error(ErrorCode::io, fmt::format("\"{}\": cannot be written", file.native()));
}

void perform(const TraceArguments& options, Session& session) {
  check_output(options.output);
  const Shapes shapes = parse_shapes(options.engine.shapes);
  Trace trace;
  const Engine engine = open(options, session, trace);
  const Arrays inputs = random_inputs(engine, shapes, options.seed);
  Context context(engine);
  for (int i = 0; i < options.runs; ++i) {
    session.check_stop();
    trace_run(engine, context, inputs, trace);
  }
  if (!options.weights.empty()) {
    trace_refit(engine, options, session, trace);
    trace_run(engine, context, inputs, trace);
  }
  session.check_stop();
  write(options.output, trace.json());
  session.print({{"trace", options.output.native()}, {"events", trace.count()}},
                fmt::format("{}: {}; open it in https://ui.perfetto.dev or chrome://tracing\n",
                            options.output.native(), count_text(trace.count(), "event")));
}

}  // namespace

Action add_trace(CLI::App& command) {
  auto options = std::make_shared<TraceArguments>();
  options->engine.add(command);
  command.add_option("-o,--output", options->output, "The trace to write")
      ->required()
      ->type_name("TRACE.json");
  command.add_option("--refit", options->weights, "A refit with these weights too")
      ->type_name("WEIGHTS");
  command.add_option("--runs", options->runs, "How many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--seed", options->seed, "Of the random inputs")->capture_default_str();
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
