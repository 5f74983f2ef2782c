// Lines of *.cases as ONNX models in memory; cases.py says how a line reads, and reads it too.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "onnx/model_for_test.h"
#include "tenon/tensor.h"

namespace tenon::cases {

struct Operand {
  std::string name;
  Tensor tensor;
  bool frozen = false;  ///< an initializer in every model
};

/// One line: an ONNX node and its operands, their elements made up where the line has none.
struct Case {
  std::string where;  ///< "conv.cases:12"
  std::string line;
  std::string op;
  std::vector<onnx::TestAttribute> attributes;
  std::vector<std::optional<Operand>> operands;
  int64_t opset = 21;
  int outputs = 1;
  std::optional<double> tolerance;
  std::vector<int64_t> run;  ///< operands that are inputs of Form::run, although initializers
  std::string error;         ///< part of the message that refuses it
};

/// Which operands are graph inputs: all that can be, the first one only, or all and those that
/// decide shapes.
enum class Form { inputs, weights, run };

/// The names of the files of the corpus, sorted.
std::vector<std::string> file_names();
std::vector<Case> read_cases(const std::string& file_name);
/// Throws what importing throws.
onnx::Model import_case(const Case& test, Form form);

}  // namespace tenon::cases
