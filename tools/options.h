// What the commands share: the session, the list of commands, options that several of them take.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "tenon/build.h"

namespace tenon::cli {

using Json = nlohmann::ordered_json;
using Path = std::filesystem::path;

/// An option that says nothing sensible: exit status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One call of the program.
struct Session {
  bool json = false;
  std::stop_token stop;  ///< Ctrl-C asks for a stop
  Progress progress;

  /// The answer: `result` with --json, else `text`.
  void print(const Json& result, const std::string& text) const;
  /// Throws Error(cancelled) after Ctrl-C: before a file is written, and between runs.
  void check_stop() const;
};

/// Adds a command's options, and returns what it does; the main program calls it after parsing.
using Action = std::function<void(Session&)>;
Action add_build(CLI::App& command);
Action add_run(CLI::App& command);
Action add_refit(CLI::App& command);
Action add_strip(CLI::App& command);
Action add_inspect(CLI::App& command);
Action add_bench(CLI::App& command);
Action add_diff(CLI::App& command);
Action add_convert(CLI::App& command);
Action add_trace(CLI::App& command);
Action add_doctor(CLI::App& command);
Action add_completion(CLI::App& command);

/// --shape, by input: what is told of its axes.
using Shapes = std::map<std::string, std::vector<Axis>>;

/// "input=1x3x224x224"; an axis is a number, a name or LEAST..TYPICAL..GREATEST. With a comma in
/// it, the text is split at commas, so that names may have an x. Throws UsageError.
Shapes parse_shapes(const std::vector<std::string>& texts);

/// How to come by an engine from a model or plan.
struct EngineOptions {
  Path file;
  std::string device;  ///< "": the plan's, or the CPU
  int threads = 0;
  std::vector<std::string> shapes;
  std::string tactics = "time";  ///< for a model

  void add(CLI::App& command);
  /// Loads a plan, builds a model.
  Engine open(const Session& session) const;
};

/// --threads, from 1 on.
void add_threads(CLI::App& command, int& threads);
/// -o, and a check that the file can be written, before long work and not after it.
CLI::Option* add_output(CLI::App& command, Path& file);
void check_output(const Path& file);

}  // namespace tenon::cli
