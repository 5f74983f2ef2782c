// Reads the corpus of op cases.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <regex>
#include <utility>

#include "base/dtype.h"
#include "base/hash.h"
#include "corpus_for_test.h"
#include "cpu/call_for_test.h"
#include "ir/elements.h"
#include "weights/onnx_wire.h"

namespace tenon::cases {
namespace {

namespace fs = std::filesystem;

const fs::path folder = "tests/ops";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  const std::regex part("[^,\\s]+");
  for (std::sregex_iterator at(text.begin(), text.end(), part), end; at != end; ++at)
    parts.push_back(at->str());
  return parts;
}

// ONNX's number of the dtype.
int onnx_type(DType dtype) {
  int type = 1;
  while (weights::wire::dtype_of(type) != dtype) ++type;
  return type;
}

bool is_floating_text(const std::string& number) {
  return number.find_first_of(".einf") != std::string::npos;
}

onnx::TestValue list_value(const std::string& text) {
  const std::vector<std::string> elements = split(text);
  if (!elements.empty() && std::isupper(static_cast<unsigned char>(elements[0][0])))
    return elements;  // names of functions
  std::vector<int64_t> integers;
  std::vector<float> floats;
  for (const std::string& element : elements) {
    floats.push_back(std::stof(element));
    integers.push_back(std::lround(floats.back()));
  }
  if (std::any_of(elements.begin(), elements.end(), is_floating_text)) return floats;
  return integers;
}

// A number, a list of numbers or names, a quoted or bare string, or a dtype's ONNX number.
onnx::TestValue attribute_value(const std::string& text) {
  static const std::regex number(R"(-?[\d.]+(e-?\d+)?|-?inf|nan)");
  if (text[0] == '"') return text.substr(1, text.size() - 2);
  if (text[0] == '[') return list_value(text.substr(1, text.size() - 2));
  if (const auto dtype = base::parse_dtype(text)) return int64_t{onnx_type(*dtype)};
  if (!std::regex_match(text, number)) return text;
  if (is_floating_text(text)) return std::stof(text);
  return int64_t{std::stoll(text)};
}

Tensor given_elements(DType dtype, const Shape& shape, const std::string& text) {
  Tensor tensor(dtype, shape);
  const std::vector<std::string> elements = split(text);
  EXPECT_EQ(std::ssize(elements), element_count(shape)) << text;
  auto* at = static_cast<std::byte*>(tensor.data());
  for (std::string element : elements) {
    if (dtype == DType::bool_) element = element == "1" ? "true" : "false";
    EXPECT_TRUE(ir::parse_element(dtype, element, at)) << element;
    at += byte_count(dtype, 1);
  }
  return tensor;
}

std::pair<double, double> default_bounds(DType dtype) {
  if (!is_integer(dtype)) return {-2, 2};
  return {dtype >= DType::u64 ? 0 : -5, 6};
}

Tensor random_elements(DType dtype, const Shape& shape, std::pair<double, double> bounds,
                       uint64_t seed) {
  const auto [low, high] = bounds;
  std::vector<double> values = cpu::values_of(cpu::random_tensor(DType::f64, shape, seed));
  for (double& value : values) {
    value = low + (value + 1) / 2 * (high - low);
    if (is_integer(dtype)) value = std::floor(value);
  }
  return cpu::tensor_of(dtype, shape, values);
}

Operand read_operand(const std::smatch& match, uint64_t seed) {
  const DType dtype = base::parse_dtype(match.str(2)).value();
  Shape shape;
  for (const std::string& extent : split(match.str(3))) shape.push_back(std::stoll(extent));
  if (match[5].matched) {
    const std::string text = std::regex_replace(match.str(5), std::regex("[\\[\\]]"), "");
    const bool frozen = dtype == DType::i64 || dtype == DType::bool_;
    return {match.str(1), given_elements(dtype, shape, text), frozen};
  }
  auto bounds = dtype == DType::bool_ ? std::pair(0.0, 2.0) : default_bounds(dtype);
  if (match[4].matched) {
    const std::string range = match.str(4);
    const size_t dots = range.find("..");
    bounds = {std::stod(range), std::stod(range.substr(dots + 2))};
  }
  return {match.str(1), random_elements(dtype, shape, bounds, seed), false};
}

void apply_setting(Case& test, const std::string& key, const std::string& text) {
  if (key == "opset") {
    test.opset = std::stoll(text);
  } else if (key == "outputs") {
    test.outputs = std::stoi(text);
  } else if (key == "tol") {
    test.tolerance = std::stod(text);
  } else if (key == "run") {
    test.run = std::get<std::vector<int64_t>>(list_value(text.substr(1, text.size() - 2)));
  } else if (key == "error") {
    test.error = text.substr(1, text.size() - 2);
  } else if (key != "oracle" && key != "symbolic") {  // those are for Python
    test.attributes.push_back({key, attribute_value(text)});
  }
}

Case parse_case(const std::string& line, const std::string& where) {
  static const std::regex absent(R"(-(?=\s|$))"), space(R"(\s+)"),
      operand(R"((\w+):\s*(\w+)\[([\d,\s]*)\](?:\{([^}]*)\}|=(\[[^\]]*\]|\S+))?)"),
      setting(R"((\w+)=("[^"]*"|\[[^\]]*\]|\S+))");
  const size_t name_end = std::min(line.find(' '), line.size());
  Case test{.where = where, .line = line, .op = line.substr(0, name_end)};
  auto at = line.begin() + static_cast<std::ptrdiff_t>(name_end);
  const auto next = [&](std::smatch& match, const std::regex& pattern) {
    return std::regex_search(at, line.end(), match, pattern,
                             std::regex_constants::match_continuous);
  };
  for (std::smatch match; at != line.end(); at = match[0].second) {
    if (next(match, space)) continue;
    if (next(match, absent)) {
      test.operands.emplace_back();
    } else if (next(match, operand)) {
      test.operands.emplace_back(read_operand(match, base::hash(line) + test.operands.size()));
    } else if (next(match, setting)) {
      apply_setting(test, match.str(1), match.str(2));
    } else {
      ADD_FAILURE() << where << ": cannot read " << std::string(at, line.end());
      break;
    }
  }
  return test;
}

onnx::TestTensor test_tensor(const Tensor& tensor) {
  return {onnx_type(tensor.dtype()), tensor.shape(),
          std::string(static_cast<const char*>(tensor.data()), tensor.bytes())};
}

void add_operand(onnx::TestModel& model, const Operand& operand, bool initializer) {
  if (initializer) {
    model.initializer(operand.name, test_tensor(operand.tensor));
    return;
  }
  const Shape& shape = operand.tensor.shape();
  model.input(operand.name, onnx_type(operand.tensor.dtype()),
              std::vector<onnx::TestDim>(shape.begin(), shape.end()));
}

}  // namespace

std::vector<std::string> file_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".cases") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Case> read_cases(const std::string& file_name) {
  std::ifstream file(folder / file_name);
  std::vector<Case> cases;
  int at = 1;
  for (std::string line; std::getline(file, line); ++at) {
    line.resize(std::min(line.find('#'), line.size()));
    line.erase(line.find_last_not_of(' ') + 1);
    if (!line.empty()) cases.push_back(parse_case(line, file_name + ":" + std::to_string(at)));
  }
  return cases;
}

onnx::Model import_case(const Case& test, Form form) {
  onnx::TestModel model(test.opset);
  onnx::TestNode node{.op_type = test.op, .attributes = test.attributes, .name = "node"};
  for (const auto& operand : test.operands) {
    if (operand && operand->name == "value" && test.op.starts_with("Constant")) {
      node.attributes.push_back({"value", test_tensor(operand->tensor)});
      continue;
    }
    const bool weight = form == Form::weights && !node.inputs.empty();
    const bool found = form == Form::run && std::ranges::count(test.run, std::ssize(node.inputs));
    node.inputs.push_back(operand ? operand->name : "");
    if (operand) add_operand(model, *operand, (operand->frozen && !found) || weight);
  }
  for (int i = 0; i < test.outputs; ++i) {
    node.outputs.push_back("y" + std::to_string(i));
    model.output(node.outputs.back(), 0);
  }
  model.node(node);
  return model.load();
}

}  // namespace tenon::cases
