// The command line tool, for `python -m tenon` and the command that the wheel brings.
#include <nanobind/stl/vector.h>

#include "bind.h"
#include "command_line.h"
#include "tenon/log.h"

namespace tenon::python {

void bind_commands(nb::module_& module) {
  module.def(
      "run_command",
      [](const std::vector<std::string>& arguments) {
        std::vector<const char*> texts;
        for (const std::string& argument : arguments) texts.push_back(argument.c_str());
        set_log_sink({});  // to stderr, as the program's
        const nb::gil_scoped_release release;
        return cli::run(static_cast<int>(texts.size()), texts.data());
      },
      nb::arg("arguments"),
      "Runs the command line tool, once in a process; the program's name comes first. Returns its "
      "exit status.");
}

}  // namespace tenon::python
