// The command line tool as a function, for the program and for `python -m tenon`.
#pragma once

namespace tenon::cli {

/// Exit status 0: done, 1: an error, 2: wrong usage, 130: Ctrl-C. Called once in a process.
int run(int argc, const char* const* argv);

}  // namespace tenon::cli
