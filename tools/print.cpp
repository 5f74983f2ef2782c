// Answers as text and as JSON.
#include "print.h"

#include <fmt/format.h>

#include <algorithm>

#include "elements.h"

namespace tenon::cli {
namespace {

Json json_element(const Tensor& tensor, size_t i) {
  if (tensor.dtype() == DType::string) {
    const std::string* text = tensor.as<const std::string*>()[i];
    return text ? *text : std::string();
  }
  if (tensor.dtype() == DType::bool_) return element(tensor, i) != 0;
  if (tensor.dtype() == DType::i64) return tensor.as<int64_t>()[i];
  if (tensor.dtype() == DType::u64) return tensor.as<uint64_t>()[i];
  if (is_integer(tensor.dtype())) return static_cast<int64_t>(element(tensor, i));
  return static_cast<double>(element(tensor, i));
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("  {:<{}}", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    // Names out of a file must not steer the terminal.
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    text += line + "\n";
  }
  return text;
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (value /= 1000; value >= 999.95 && unit < 3; ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string seconds_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string count_text(size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string type_text(DType dtype, const Shape& shape) {
  return fmt::format("{}{}", to_string(dtype), to_string(shape));
}

std::string type_text(const Port& port) {
  return fmt::format("{}[{}]", to_string(port.dtype), fmt::join(port.shape, ", "));
}

Json to_json(const std::vector<Port>& ports) {
  Json list = Json::array();
  for (const Port& port : ports) {
    list.push_back({{"name", port.name}, {"dtype", to_string(port.dtype)}, {"shape", port.shape}});
  }
  return list;
}

void add_views(const Engine& engine, Json& result, std::string& text) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const LayerInfo& view : engine.views()) {
    list.push_back({{"op", view.op}, {"name", view.name}, {"output", view.output}});
    rows.push_back({view.op, view.name, view.output});
  }
  result["views"] = std::move(list);
  text += fmt::format("  views, which move nothing: {}\n", rows.size());
  text += table(rows);
}

Json to_json(const RefitReport& report) {
  return {{"changed", report.changed}, {"kept", report.kept},
          {"ignored", report.ignored}, {"overflowed", report.overflowed},
          {"seconds", report.seconds}, {"bytes", report.bytes},
          {"version", report.version}};
}

std::string to_text(const RefitReport& report) {
  std::string text = fmt::format("{} changed, {} kept, {} written in {}\n",
                                 count_text(report.changed.size(), "weight"), report.kept.size(),
                                 bytes_text(report.bytes), seconds_text(report.seconds));
  for (const auto& [name, count] : report.overflowed) {
    text += fmt::format("  \"{}\": {} became infinite\n", name,
                        count_text(static_cast<size_t>(count), "value"));
  }
  for (const auto& [name, reason] : report.ignored)
    text += fmt::format("  ignored \"{}\": {}\n", name, reason);
  return text;
}

Json to_json(const Tensor& tensor, size_t most) {
  Json json = {{"dtype", to_string(tensor.dtype())}, {"shape", tensor.shape()}};
  const auto count = static_cast<size_t>(element_count(tensor.shape()));
  if (count > most) return json;
  Json values = Json::array();
  for (size_t i = 0; i < count; ++i) values.push_back(json_element(tensor, i));
  json["values"] = std::move(values);
  return json;
}

std::string values_text(const Tensor& tensor, size_t most) {
  const auto count = static_cast<size_t>(element_count(tensor.shape()));
  std::string text;
  for (size_t i = 0; i < std::min(count, most); ++i) {
    if (i > 0) text += ' ';
    text += tensor.dtype() == DType::string
                ? json_element(tensor, i).dump(-1, ' ', false, Json::error_handler_t::replace)
                : fmt::format("{:.5g}", element(tensor, i));
  }
  return text + (count > most ? " ..." : "");
}

uint64_t file_bytes(const Path& file) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(file, error);
  return error ? 0 : bytes;
}

}  // namespace tenon::cli
