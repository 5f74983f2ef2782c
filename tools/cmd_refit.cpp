// tenon refit: a plan with other weights.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "print.h"
#include "tenon/refitter.h"

namespace tenon::cli {
namespace {

struct RefitArguments {
  Path plan, weights, output;
  std::string device;
  int threads = 0;
  bool dry_run = false, time = false;
  RefitOptions refit;
  Path map;
};

constexpr int measured_refits = 20;

// All refits commit to the engine only; what is not saved changes no file.
RefitReport refit(const Engine& engine, const RefitArguments& options, const std::stop_token& stop,
                  const Progress& progress) {
  RefitOptions how = options.refit;
  how.stop = stop;
  how.progress = progress;
  return Engine(engine).refit(options.weights, how);
}

// A name, or {"name": …, "permute": [axes]}.
bool is_renaming(const Json& value) {
  if (value.is_string()) return true;
  if (!value.is_object() || !value.contains("name") || !value["name"].is_string()) return false;
  if (!value.contains("permute")) return value.size() == 1;
  const Json& axes = value["permute"];
  const auto is_axis = [](const Json& axis) { return axis.is_number_unsigned(); };
  return value.size() == 2 && axes.is_array() && std::ranges::all_of(axes, is_axis);
}

// What a JSON object says of given names.
void read_map(const Path& path, RefitOptions& options) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    throw Error(ErrorCode::io, fmt::format("\"{}\": is no regular file", path.native()));
  std::ifstream file(path);
  const Json map = Json::parse(file, nullptr, false);
  if (!file || !map.is_object() || !std::ranges::all_of(map, is_renaming)) {
    throw Error(file ? ErrorCode::bad_file : ErrorCode::io,
                fmt::format("\"{}\": {}", path.native(),
                            file ? "is no JSON object of names; write {\"theirs\": \"the plan's\"}"
                                 : "cannot be read"));
  }
  std::map<std::string, std::string> names;
  for (const auto& [from, to] : map.items()) {
    const std::string name = to.is_string() ? to : to["name"];
    names[from] = name;
    if (to.is_object() && to.contains("permute"))
      options.permute[name] = to["permute"].get<std::vector<int64_t>>();
  }
  options.rename = [names](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  };
}

// Median seconds of refits after the first, whose memory is new.
double steady_seconds(const Engine& engine, const RefitArguments& options, const Session& session) {
  std::vector<double> seconds;
  for (int i = 0; i < measured_refits; ++i) {
    session.progress("measuring", static_cast<double>(i) / measured_refits);
    seconds.push_back(refit(engine, options, session.stop, {}).seconds);
  }
  std::nth_element(seconds.begin(), seconds.begin() + measured_refits / 2, seconds.end());
  return seconds[measured_refits / 2];
}

void perform(const RefitArguments& given, Session& session) {
  const bool saves = !given.dry_run;
  if (saves && given.output.empty()) {
    throw UsageError("refit: give -o OUT.plan, or --dry-run to change nothing");
  }
  if (saves) check_output(given.output);
  RefitArguments options = given;
  if (!options.map.empty()) read_map(options.map, options.refit);
  LoadOptions loading{.device = options.device, .threads = options.threads};
  loading.stop = session.stop;
  loading.progress = session.progress;
  const Engine engine = Engine::load(options.plan, loading);
  const RefitReport report = refit(engine, options, session.stop, session.progress);
  Json result = to_json(report);
  std::string text = to_text(report);
  if (options.time) {
    const double steady = steady_seconds(engine, options, session);
    result["steady_seconds"] = steady;
    text += fmt::format("a refit after the first takes {} (median of {})\n", seconds_text(steady),
                        measured_refits);
  }
  session.check_stop();
  if (saves) engine.save(options.output, {.stop = session.stop, .progress = session.progress});
  result["plan"] = saves ? Json(options.output.native()) : Json(nullptr);
  text += saves ? fmt::format("wrote {}\n", options.output.native()) : "nothing is written\n";
  session.print(result, text);
}

}  // namespace

Action add_refit(CLI::App& command) {
  auto options = std::make_shared<RefitArguments>();
  command.add_option("plan", options->plan, "The plan; it stays as it is")
      ->required()
      ->type_name("PLAN");
  command
      .add_option("weights", options->weights,
                  "New weights by name: .safetensors, .onnx, .npz, a folder of shards, a plan")
      ->required()
      ->type_name("WEIGHTS");
  CLI::Option* output = add_output(command, options->output);
  command.add_flag("--dry-run", options->dry_run, "Check and refit, but write nothing")
      ->excludes(output);
  command.add_flag("--time", options->time, "Measure refits too");
  RefitOptions& names = options->refit;
  command.add_flag("--strict", names.strict, "Refuse names that the plan does not use");
  command.add_flag("--complete", names.complete, "Refuse unless every refittable weight is there");
  command.add_option("--prefix", names.prefix, "In front of the file's names, such as \"module.\"");
  command.add_option("--map", options->map, "A JSON object of the file's names to the plan's")
      ->type_name("FILE");
  command.add_option("--only", names.only, "Globs of the names to take")->type_name("GLOB");
  command.add_option("--ignore", names.ignore, "Globs of the names to leave")->type_name("GLOB");
  command.add_option("--device", options->device, "Where to refit (where it was built for)");
  add_threads(command, options->threads);
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
