// Ctrl-C as a stop token.
#pragma once

#include <stop_token>

namespace tenon::cli {

/// From now on the first SIGINT or SIGTERM asks for a stop; a second one ends the program at once.
/// One that the program was started to ignore stays ignored. Called once.
std::stop_token stop_on_interrupt();

}  // namespace tenon::cli
