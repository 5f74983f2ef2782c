// Options that several commands take.
#include "options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "tenon/arrays.h"
#include "tenon/onnx.h"

namespace tenon::cli {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t at; (at = text.find(separator, start)) != std::string::npos;) {
    parts.push_back(text.substr(start, at - start));
    start = at + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

[[noreturn]] void refuse_axis(const std::string& axis, const std::string& shape) {
  throw UsageError(fmt::format("--shape {}: \"{}\" is no number, name or LEAST..TYPICAL..GREATEST",
                               shape, axis));
}

std::optional<int64_t> number(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

bool is_name(const std::string& text) {
  constexpr const char* letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  return !text.empty() && std::string_view(letters).find(text[0]) != std::string_view::npos;
}

Axis parse_axis(const std::string& text, const std::string& shape) {
  if (const auto extent = number(text)) return Axis(*extent);
  const std::vector<std::string> parts = split(text, "..");
  if (parts.size() == 1 && is_name(text)) return Axis(text);
  if (parts.size() != 3) refuse_axis(text, shape);
  std::vector<int64_t> range;
  for (const std::string& part : parts) {
    const auto extent = number(part);
    if (!extent) refuse_axis(text, shape);
    range.push_back(*extent);
  }
  return Axis::range(range[0], range[1], range[2]);
}

}  // namespace

Shapes parse_shapes(const std::vector<std::string>& texts) {
  Shapes shapes;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(fmt::format("--shape {}: write INPUT=1x3x224x224", text));
    }
    std::vector<Axis>& axes = shapes[text.substr(0, equals)];
    if (!axes.empty()) throw UsageError(fmt::format("--shape {}: the input is given twice", text));
    const std::string extents = text.substr(equals + 1);
    if (extents.empty()) continue;  // a scalar
    const char* separator = extents.find(',') == std::string::npos ? "x" : ",";
    for (const std::string& axis : split(extents, separator)) {
      axes.push_back(parse_axis(axis, text));
    }
  }
  return shapes;
}

void add_threads(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "How many to use (all physical cores)")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
}

CLI::Option* add_output(CLI::App& command, Path& file) {
  return command.add_option("-o,--output", file, "The plan to write")->type_name("OUT.plan");
}

void check_output(const Path& file) {
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::io, fmt::format("\"{}\": cannot write: {}", file.native(), why));
  };
  if (file.empty()) throw UsageError("-o: the name of the file to write is empty");
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) refuse("its folder does not exist");
  if (std::filesystem::is_directory(file, ignored)) refuse("it is a folder");
  if (::access(folder.c_str(), W_OK) != 0) refuse("its folder is not writable");
}

void EngineOptions::add(CLI::App& command) {
  command.add_option("file", file, "An ONNX model or a plan")->required()->type_name("MODEL|PLAN");
  command.add_option("--device", device, "Where to run: cpu (a plan: where it was built for)");
  add_threads(command, threads);
  command
      .add_option("--shape", shapes,
                  "Extents of an input: input=8x3x224x224; what is not given is 1")
      ->type_name("INPUT=SHAPE")
      ->allow_extra_args(false);
}

// A plan's shapes are settled; --shape then says what random inputs look like.
void check_names(const Shapes& shapes, const Engine& engine) {
  for (const auto& [name, axes] : shapes) {
    std::vector<std::string> names;
    for (const Port& port : engine.inputs()) names.push_back(port.name);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw InputError(fmt::format("--shape: the plan has no input \"{}\"; it takes: {}", name,
                                   fmt::join(names, ", ")));
    }
  }
}

Engine EngineOptions::open(const Session& session) const {
  const Shapes extents = parse_shapes(shapes);
  if (file_kind(file) != FileKind::onnx) {
    LoadOptions options{.device = device, .threads = threads};
    options.stop = session.stop;
    options.progress = session.progress;
    Engine engine = Engine::load(file, options);
    check_names(extents, engine);
    return engine;
  }
  BuildOptions options{.device = device.empty() ? "cpu" : device};
  options.shapes = extents;
  options.threads = threads;
  options.tactics = tactics == "first" ? Tactics::first : Tactics::time;
  options.stop = session.stop;
  options.progress = session.progress;
  return build(load_onnx(file), options);
}

}  // namespace tenon::cli
