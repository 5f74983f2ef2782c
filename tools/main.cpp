// tenon: the command line tool.
#include <csignal>

#include "command_line.h"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file past the limit of its size is an error of the write
  return tenon::cli::run(argc, argv);
}
