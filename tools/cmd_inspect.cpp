// tenon inspect: what is in a plan, a model or a weight file.
#include <fmt/format.h>

#include "print.h"
#include "tenon/arrays.h"

namespace tenon::cli {
namespace {

struct InspectArguments {
  EngineOptions engine;
  bool weights = false, layers = false, explain = false;
};

// Text and JSON are made together, part by part.
struct Answer {
  Json json = Json::object();
  std::string text;
};

std::string kind_text(FileKind kind) {
  switch (kind) {
    case FileKind::plan: return "plan";
    case FileKind::onnx: return "model";
    case FileKind::arrays: break;
  }
  return "weights";
}

uint64_t bytes_of(DType dtype, const Shape& shape) {
  return TensorView(nullptr, dtype, shape).bytes();
}

void add_summary(Answer& answer, const Engine& engine) {
  uint64_t bytes = 0;
  const std::vector<WeightInfo> weights = engine.weights();
  for (const WeightInfo& weight : weights) bytes += bytes_of(weight.dtype, weight.shape);
  answer.json.update({{"device", engine.device()},
                      {"ready", engine.ready()},
                      {"inputs", to_json(engine.inputs())},
                      {"outputs", to_json(engine.outputs())},
                      {"weight_count", weights.size()},
                      {"weight_bytes", bytes},
                      {"constant_count", engine.constants().size()},
                      {"layer_count", engine.layers().size()}});
  std::vector<std::vector<std::string>> rows;
  for (const Port& port : engine.inputs()) rows.push_back({"input", port.name, type_text(port)});
  for (const Port& port : engine.outputs()) rows.push_back({"output", port.name, type_text(port)});
  answer.text += table(rows);
  answer.text += fmt::format("  {} of {}{}, {}, {}, device {}\n",
                             count_text(weights.size(), "refittable weight"), bytes_text(bytes),
                             engine.ready() ? "" : " (not filled yet: refit it)",
                             count_text(engine.constants().size(), "constant"),
                             count_text(engine.layers().size(), "layer"), engine.device());
}

// Of an engine that drops its sources, or was stripped of what it had been refitted with: none.
std::string digest_of(const Engine& engine, const std::string& weight) {
  try {
    return engine.digest(weight);
  } catch (const NotReadyError&) {
    return "";
  }
}

void add_weights(Answer& answer, const Engine& engine) {
  Json weights = Json::array(), constants = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const WeightInfo& weight : engine.weights()) {
    const std::string digest = digest_of(engine, weight.name);
    weights.push_back({{"name", weight.name},
                       {"dtype", to_string(weight.dtype)},
                       {"shape", weight.shape},
                       {"guarded", weight.guarded},
                       {"digest", digest.empty() ? Json(nullptr) : Json(digest)},
                       {"kernels", weight.kernels}});
    rows.push_back({weight.name, type_text(weight.dtype, weight.shape),
                    weight.guarded ? "guarded" : "refittable", digest,
                    fmt::format("{}", fmt::join(weight.kernels, " "))});
  }
  for (const ConstantInfo& constant : engine.constants()) {
    constants.push_back({{"name", constant.name},
                         {"dtype", to_string(constant.dtype)},
                         {"shape", constant.shape},
                         {"reason", constant.reason}});
    rows.push_back(
        {constant.name, type_text(constant.dtype, constant.shape), "frozen: " + constant.reason});
  }
  answer.json["weights"] = std::move(weights);
  answer.json["constants"] = std::move(constants);
  answer.text += table(rows);
}

// Steps of bodies stand indented behind theirs.
Json add_layers(const std::vector<LayerInfo>& layers, const std::string& indent,
                std::vector<std::vector<std::string>>& rows) {
  Json list = Json::array();
  for (const LayerInfo& layer : layers) {
    rows.push_back({indent + layer.op, layer.name, layer.output,
                    layer.tactic.empty() ? layer.kernel : layer.kernel + "/" + layer.tactic});
    list.push_back({{"op", layer.op},
                    {"name", layer.name},
                    {"kernel", layer.kernel},
                    {"tactic", layer.tactic},
                    {"device", layer.device},
                    {"output", layer.output}});
    if (!layer.body.empty()) list.back()["body"] = add_layers(layer.body, indent + "  ", rows);
  }
  return list;
}

void add_layers(Answer& answer, const Engine& engine) {
  std::vector<std::vector<std::string>> rows;
  answer.json["layers"] = add_layers(engine.layers(), "", rows);
  answer.text += table(rows);
  add_views(engine, answer.json, answer.text);
}

void add_arrays(Answer& answer, const InspectArguments& options) {
  if (options.layers || options.explain) {
    throw Error(
        ErrorCode::invalid_input,
        fmt::format("\"{}\" holds weights only; --layers and --explain need a plan or model",
                    options.engine.file.native()));
  }
  Json arrays = Json::array();
  std::vector<std::vector<std::string>> rows;
  uint64_t bytes = 0;
  for (const ArrayInfo& array : list_arrays(options.engine.file)) {
    arrays.push_back(
        {{"name", array.name}, {"dtype", to_string(array.dtype)}, {"shape", array.shape}});
    rows.push_back({array.name, type_text(array.dtype, array.shape)});
    bytes += bytes_of(array.dtype, array.shape);
  }
  answer.text += table(rows);
  answer.text += fmt::format("  {} of {}\n", count_text(rows.size(), "array"), bytes_text(bytes));
  answer.json["weights"] = std::move(arrays);
  answer.json["weight_bytes"] = bytes;
}

void add_engine(Answer& answer, const InspectArguments& options, const Session& session) {
  EngineOptions how = options.engine;
  // Timing the kernels of a model takes a while, and only --explain shows what was measured.
  how.tactics = options.explain ? "time" : "first";
  const Engine engine = how.open(session);
  add_summary(answer, engine);
  if (options.weights) add_weights(answer, engine);
  if (options.layers) add_layers(answer, engine);
  if (options.explain) {
    const std::string text = engine.explain();
    answer.json["explain"] = text;
    answer.text += text;
  }
}

void perform(const InspectArguments& options, Session& session) {
  const Path& file = options.engine.file;
  const FileKind kind = file_kind(file);
  Answer answer;
  answer.json["file"] = file.native();
  answer.json["kind"] = kind_text(kind);
  answer.text = fmt::format("{}: {}\n", file.native(), kind_text(kind));
  if (kind == FileKind::arrays) {
    add_arrays(answer, options);
  } else {
    add_engine(answer, options, session);
  }
  session.print(answer.json, answer.text);
}

}  // namespace

Action add_inspect(CLI::App& command) {
  auto options = std::make_shared<InspectArguments>();
  options->engine.add(command);
  command.add_flag("--weights", options->weights, "Every weight and constant");
  command.add_flag("--layers", options->layers, "Every step with its kernel");
  command.add_flag("--explain", options->explain, "Every kernel's timing, or why it was refused");
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
