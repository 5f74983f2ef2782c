// The commands, what became of one, and its exit status.
#include "command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <vector>

#include "interrupt.h"
#include "options.h"
#include "progress.h"
#include "tenon/system.h"

namespace tenon::cli {
namespace {

struct Command {
  CLI::App* app;
  Action action;
};

// A message with its long words cut in the middle: what a user wrote may be of any length.
std::string shortened(std::string_view message) {
  constexpr size_t most = 200, ends = 98;
  std::string text;
  while (!message.empty()) {
    const size_t length = std::min(message.find_first_of(" \n"), message.size() - 1) + 1;
    const std::string_view word = message.substr(0, length);
    text += length <= most + 10
                ? std::string(word)
                : fmt::format("{}...{}", word.substr(0, ends), word.substr(length - ends));
    message.remove_prefix(length);
  }
  return text;
}

void print_line(std::string_view message) { fmt::print(stderr, "tenon: {}\n", shortened(message)); }

void write_out(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return;
  throw Error(ErrorCode::io, "cannot write to standard output");
}

std::string dump(const Json& json) {
  // Names are the files', which may hold bytes that are not UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int failed(const Session& session, std::string_view code, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) print_line(line);
  if (session.json) {
    const Json error = {{"error", {{"code", code}, {"problems", lines}}}};
    const std::string text = dump(error);
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  return 1;
}

int perform(const Action& action, Session& session) {
  ProgressLine line;
  session.progress = [&](std::string_view stage, double fraction) { line.show(stage, fraction); };
  try {
    action(session);
    line.finish();
    return 0;
  } catch (const UsageError& error) {
    line.clear();
    print_line(error.what());
    return 2;
  } catch (const RefitError& error) {
    line.clear();
    return failed(session, to_string(error.code()), error.problems());
  } catch (const Error& error) {
    line.clear();
    if (error.code() == ErrorCode::cancelled && session.stop.stop_requested()) {
      print_line("cancelled");
      return 130;
    }
    return failed(session, to_string(error.code()), {error.what()});
  } catch (const std::bad_alloc&) {
    line.clear();
    return failed(session, "unavailable", {"out of memory; use a machine with more"});
  } catch (const std::exception& error) {
    line.clear();
    return failed(session, "internal", {fmt::format("internal: {}", error.what())});
  }
}

// The words for a first argument that is no command, or nothing.
std::string unknown_command(const std::vector<Command>& commands, std::string_view word) {
  if (word.empty() || word.front() == '-') return {};
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.app->get_name());
  if (std::ranges::find(names, word) != names.end()) return {};
  const std::string near = nearest(word, names);
  return fmt::format("no command is called \"{}\"; {}", word.substr(0, 200),
                     near.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                                  : "the nearest is \"" + near + "\"");
}

}  // namespace

int run(int argc, const char* const* argv) {
  CLI::App app{"Compiles trained models, runs them, and replaces their weights.", "tenon"};
  app.set_version_flag("--version", fmt::format("tenon {}", version()));
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("tenon: {}\nRun tenon --help, or tenon COMMAND --help.\n",
                       shortened(error.what()));
  });
  Session session;
  std::vector<Command> commands;
  const auto add = [&](const char* name, const char* help, Action (*with_options)(CLI::App&)) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_flag("--json", session.json, "Answer in JSON");
    commands.push_back({command, with_options(*command)});
  };
  add("build", "Compile an ONNX model to a plan", add_build);
  add("run", "Run a model or plan once", add_run);
  add("refit", "Replace the weights of a plan", add_refit);
  add("strip", "Take the refittable weights out of a plan", add_strip);
  add("inspect", "Say what is in a plan, model or weight file", add_inspect);
  add("bench", "Measure runs and refits", add_bench);
  add("diff", "Compare two plans, models or weight files", add_diff);
  add("convert", "Write a file's weights in another format", add_convert);
  add("trace", "Write a trace of building, running and refitting", add_trace);
  add("doctor", "Say what Tenon finds on this machine", add_doctor);
  add("completion", "Print what completes commands in a shell", add_completion);
  if (const std::string wrong = unknown_command(commands, argc > 1 ? argv[1] : "");
      !wrong.empty()) {
    print_line(wrong);
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  session.stop = stop_on_interrupt();
  for (const Command& command : commands) {
    if (command.app->parsed()) return perform(command.action, session);
  }
  return 2;
}

void Session::print(const Json& result, const std::string& text) const {
  if (progress) progress({}, 1);  // its line ends before the answer
  write_out(json ? dump(result) : text);
}

void Session::check_stop() const {
  if (stop.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
}

}  // namespace tenon::cli
