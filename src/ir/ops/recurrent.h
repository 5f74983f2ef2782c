// Recurrent layers, but for what they do to their input before the first step.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

enum class RecurrentKind { rnn, gru, lstm };
enum class Activation {
  relu,
  tanh,
  sigmoid,
  affine,
  leaky_relu,
  thresholded_relu,
  scaled_tanh,
  hard_sigmoid,
  elu,
  softsign,
  softplus,
};

/// How many matrices a layer is made of: gates and candidates.
int64_t gates_of(RecurrentKind kind);
/// How many activations one direction has.
size_t activations_of(RecurrentKind kind);

/// ONNX RNN, GRU and LSTM of one or two directions. Operands: 0 the projected input, biases added
/// (but 2), [steps, batch, directions, gates * hidden]; 1 the recurrent weight, [directions,
/// hidden, gates * hidden]; 2 the recurrent bias of a GRU's candidate that is linear before reset,
/// [directions, hidden]; 3 lengths of the sequences, i32 [batch]; 4 the first hidden and 5 the
/// first cell state, [directions, batch, hidden]; 6 peepholes of input, output and forget gate,
/// [directions, 3 * hidden]. Outputs: all hidden states [steps, directions, batch, hidden], zeros
/// behind the end of a sequence; the last hidden and the last cell state. Gates come in ONNX's
/// order: z r h, or i o f c.
struct Recurrent {
  RecurrentKind kind = RecurrentKind::lstm;
  bool reverse = false;                  ///< the only, or the first direction runs backwards
  std::vector<std::string> activations;  ///< names of Activation, direction by direction
  std::vector<double> alphas, betas;     ///< one for each activation
  double clip = 0;                       ///< of what gates are made of; 0 for none
  bool input_forget = false;             ///< the forget gate is 1 - the input gate
  bool linear_before_reset = false;

  static constexpr OpInfo info{
      .name = "recurrent", .min_inputs = 2, .max_inputs = 7, .max_outputs = 3};
  static constexpr auto fields() {
    return std::tuple{Field{"kind", &Recurrent::kind},
                      Field{"reverse", &Recurrent::reverse},
                      Field{"activations", &Recurrent::activations},
                      Field{"alphas", &Recurrent::alphas},
                      Field{"betas", &Recurrent::betas},
                      Field{"clip", &Recurrent::clip},
                      Field{"input_forget", &Recurrent::input_forget},
                      Field{"linear_before_reset", &Recurrent::linear_before_reset}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
