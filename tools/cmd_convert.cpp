// tenon convert: a file's weights in another format.
#include <fmt/format.h>

#include "print.h"
#include "write_arrays.h"

namespace tenon::cli {
namespace {

struct ConvertArguments {
  Path from, to;
};

void perform(const ConvertArguments& options, Session& session) {
  const ArrayWriter write = array_writer("-o", options.to);
  check_output(options.to);
  const std::map<std::string, Tensor> arrays = read_arrays(options.from);
  session.check_stop();
  write(options.to, arrays);
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : arrays) bytes += TensorView(tensor).bytes();
  session.print({{"file", options.to.native()},
                 {"weights", arrays.size()},
                 {"weight_bytes", bytes},
                 {"bytes", file_bytes(options.to)}},
                fmt::format("{}: {} of {}\n", options.to.native(),
                            count_text(arrays.size(), "weight"), bytes_text(bytes)));
}

}  // namespace

Action add_convert(CLI::App& command) {
  auto options = std::make_shared<ConvertArguments>();
  command
      .add_option("from", options->from,
                  "Weights: .safetensors, .npz, .onnx, a folder of shards, a plan")
      ->required()
      ->type_name("WEIGHTS");
  command.add_option("-o,--output", options->to, "The file to write; its ending says the format")
      ->required()
      ->type_name("OUT.safetensors|OUT.npz|OUT.onnx");
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
