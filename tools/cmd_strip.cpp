// tenon strip: a plan without its refittable weights.
#include <fmt/format.h>

#include "print.h"

namespace tenon::cli {
namespace {

struct StripArguments {
  Path plan, output;
};

void perform(const StripArguments& options, Session& session) {
  check_output(options.output);
  LoadOptions loading;
  loading.stop = session.stop;
  loading.progress = session.progress;
  const Engine engine = Engine::load(options.plan, loading);
  const uint64_t before = file_bytes(options.plan);
  session.check_stop();
  engine.save(options.output, {.strip = true, .stop = session.stop, .progress = session.progress});
  const uint64_t after = file_bytes(options.output);
  const size_t weights = engine.weights().size();
  session.print({{"plan", options.output.native()},
                 {"weights", weights},
                 {"bytes_before", before},
                 {"bytes", after}},
                fmt::format("{}: {} left out, {} instead of {}\n", options.output.native(),
                            count_text(weights, "weight"), bytes_text(after), bytes_text(before)));
}

}  // namespace

Action add_strip(CLI::App& command) {
  auto options = std::make_shared<StripArguments>();
  command.add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
  add_output(command, options->output)->required();
  return [options](Session& session) { perform(*options, session); };
}

}  // namespace tenon::cli
