// Imports of RNN, GRU and LSTM: what the input gives is one product over all steps, and only what
// the hidden state gives is left to the op.
#include <algorithm>
#include <cctype>

#include "ir/enum_names.h"
#include "ir/ops/concat.h"
#include "ir/ops/matmul.h"
#include "ir/ops/recurrent.h"
#include "ir/ops/slice.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::Activation;
using ir::RecurrentKind;
using ir::ValueId;

RecurrentKind kind_of(const NodeContext& node) {
  const std::string& type = node.node().op_type;
  return type == "LSTM"  ? RecurrentKind::lstm
         : type == "GRU" ? RecurrentKind::gru
                         : RecurrentKind::rnn;
}

/// An activation's name in ONNX, in lower case, and what its parameters are when they are missing.
struct ActivationRow {
  std::string_view name;
  Activation kind;
  bool has_alpha = false, has_beta = false;
  double alpha = 0, beta = 0;
};

constexpr ActivationRow activation_rows[] = {
    {"relu", Activation::relu},
    {"tanh", Activation::tanh},
    {"sigmoid", Activation::sigmoid},
    {"affine", Activation::affine, true, true, 1, 0},
    {"leakyrelu", Activation::leaky_relu, true, false, 0.01f, 0},
    {"thresholdedrelu", Activation::thresholded_relu, true, false, 1, 0},
    {"scaledtanh", Activation::scaled_tanh, true, true, 1, 1},
    {"hardsigmoid", Activation::hard_sigmoid, true, true, 0.2f, 0.5},
    {"elu", Activation::elu, true, false, 1, 0},
    {"softsign", Activation::softsign},
    {"softplus", Activation::softplus},
};

const ActivationRow& activation_row(NodeContext& node, std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto* const found = std::ranges::find(activation_rows, name, &ActivationRow::name);
  if (found == std::end(activation_rows)) node.fail("activation {} is unknown", base::quoted(name));
  return *found;
}

// Parameters are consumed in the order of the activations that have them.
void read_activations(NodeContext& node, int64_t directions, ir::Recurrent& op) {
  std::vector<std::string> names = node.texts("activations");
  const size_t each = ir::activations_of(op.kind);
  if (names.empty()) {
    for (int64_t d = 0; d < directions; ++d) {
      if (op.kind != RecurrentKind::rnn) names.emplace_back("sigmoid");
      names.insert(names.end(), op.kind == RecurrentKind::lstm ? 2 : 1, "tanh");
    }
  }
  if (names.size() != each * static_cast<size_t>(directions))
    node.fail("{} activations are given, and {} directions have {} each", names.size(), directions,
              each);
  const std::vector<float> alphas = node.numbers("activation_alpha");
  const std::vector<float> betas = node.numbers("activation_beta");
  size_t alpha = 0, beta = 0;
  for (const std::string& name : names) {
    const ActivationRow& row = activation_row(node, name);
    op.activations.emplace_back(ir::enum_name(row.kind));
    op.alphas.push_back(row.has_alpha && alpha < alphas.size() ? alphas[alpha++] : row.alpha);
    op.betas.push_back(row.has_beta && beta < betas.size() ? betas[beta++] : row.beta);
  }
  if (alpha < alphas.size() || beta < betas.size())
    node.fail("there are more activation_alpha or activation_beta than activations take");
}

/// One layer while it is imported.
class Layer {
 public:
  explicit Layer(NodeContext& node) : node_(node) {
    op_.kind = kind_of(node);
    if (node.rank(0) != 3 || node.rank(1) != 3 || node.rank(2) != 3)
      node.fail("X, W and R have rank {}, {} and {}, and must have 3", node.rank(0), node.rank(1),
                node.rank(2));
    hidden_ = node.dims(2)[2];
    width_ = hidden_ * ir::gates_of(op_.kind);
    read_attributes();
  }

  Outputs run() {
    std::vector<ValueId> operands(7, ir::absent);
    operands[0] = projected();
    operands[1] = node_.transpose(node_.input(2), {0, 2, 1});
    if (op_.linear_before_reset && node_.has(3)) operands[2] = bias(2 * width_ - hidden_, hidden_);
    if (node_.has(4)) operands[3] = node_.input(4);
    operands[4] = state(5);
    operands[5] = state(6);
    if (node_.has(7)) operands[6] = node_.input(7);
    while (operands.back() == ir::absent) operands.pop_back();
    const int outputs = op_.kind == RecurrentKind::lstm ? 3 : 2;
    Outputs results = node_.add_node(std::move(op_), std::move(operands), outputs);
    if (!batch_first_) return results;
    results[0] = node_.transpose(results[0], {2, 0, 1, 3});
    for (size_t i = 1; i < results.size(); ++i) results[i] = node_.transpose(results[i], {1, 0, 2});
    return results;
  }

 private:
  void read_attributes() {
    const std::string direction = node_.text("direction", "forward");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
      node_.fail("direction {} is unknown", base::quoted(direction));
    directions_ = direction == "bidirectional" ? 2 : 1;
    op_.reverse = direction == "reverse";
    node_.require_equal(node_.dims(2)[0], directions_, "directions and extent 0 of R");
    if (node_.has_attribute("hidden_size"))
      node_.require_equal(hidden_, node_.integer("hidden_size"), "extent 2 of R and hidden_size");
    read_activations(node_, directions_, op_);
    op_.clip = node_.number("clip", 0);
    if (op_.clip < 0) node_.fail("clip is {}", op_.clip);
    if (op_.kind == RecurrentKind::lstm) op_.input_forget = node_.flag("input_forget", false);
    if (op_.kind == RecurrentKind::gru)
      op_.linear_before_reset = node_.flag("linear_before_reset", false);
    if (node_.opset() >= 14) batch_first_ = node_.flag("layout", false);
  }

  /// [directions, count] of the bias, from `first` on.
  ValueId bias(const ir::Dim& first, const ir::Dim& count) {
    return node_.add(ir::Slice{{0, first}, {directions_, count}, {}}, {node_.input(3)});
  }

  // The sum of both biases; but that of a candidate which is linear before reset is added later.
  ValueId whole_bias() {
    const ir::Dim both = op_.linear_before_reset ? width_ - hidden_ : width_;
    if (node_.rank(3) != 2) node_.fail("B has rank {}, and must have 2", node_.rank(3));
    node_.require_equal(node_.dims(3)[1], width_ * 2, "numbers in B and in gates");
    ValueId sum = node_.pointwise("add(a, b)", {bias(0, both), bias(width_, both)});
    if (op_.linear_before_reset) sum = node_.add(ir::Concat{1}, {sum, bias(both, hidden_)});
    return node_.reshape(sum, {width_ * directions_});
  }

  ValueId projected() {
    const ValueId x = batch_first_ ? node_.transpose(node_.input(0), {1, 0, 2}) : node_.input(0);
    const ir::Dims dims = node_.builder().dims(x);
    node_.require_equal(node_.dims(1)[1], width_, "rows of W and of R");
    std::vector<ValueId> operands{
        node_.reshape(x, {dims[0] * dims[1], dims[2]}),
        node_.reshape(node_.input(1), {width_ * directions_, node_.dims(1)[2]})};
    if (node_.has(3)) operands.push_back(whole_bias());
    const ValueId product = node_.add(ir::MatMul{.transpose_b = true}, std::move(operands));
    return node_.reshape(product, {dims[0], dims[1], directions_, width_});
  }

  ValueId state(size_t operand) {
    if (!node_.has(operand)) return ir::absent;
    return batch_first_ ? node_.transpose(node_.input(operand), {1, 0, 2}) : node_.input(operand);
  }

  NodeContext& node_;
  ir::Recurrent op_;
  ir::Dim hidden_, width_;
  int64_t directions_ = 1;
  bool batch_first_ = false;
};

}  // namespace

Outputs import_recurrent(NodeContext& node) { return Layer(node).run(); }

}  // namespace tenon::onnx
