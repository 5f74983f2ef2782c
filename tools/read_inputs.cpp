// What a file is, its content says; raw bytes have none that does, so their name must.
#include "read_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "image.h"
#include "print.h"
#include "tenon/arrays.h"

namespace tenon::cli {
namespace {

std::vector<std::string> names_of(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return names;
}

bool is_raw(const Path& file) { return file.extension() == ".raw" || file.extension() == ".bin"; }

bool is_npy(const Path& file) {
  std::ifstream in(file, std::ios::binary);
  char front[6] = {};
  in.read(front, sizeof front);
  return std::string_view(front, sizeof front) == "\x93NUMPY";
}

bool is_text(const Path& file) { return file.extension() == ".txt"; }

bool is_single(const Path& file) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(file, ignored) &&
         (is_raw(file) || is_text(file) || is_npy(file) || is_image(file));
}

// An element a line. One open extent is what the number of lines makes it.
Tensor read_text(const Path& file, const Port& port, const Shapes& shapes) {
  std::vector<std::string> lines;
  std::ifstream in(file, std::ios::binary);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  Shape shape = shape_of(port, shapes);
  const auto is_open = [](const std::string& extent) {
    return extent.find_first_not_of("0123456789") != std::string::npos;
  };
  const auto open = std::ranges::find_if(port.shape, is_open);
  if (!shapes.contains(port.name) && open != port.shape.end()) {
    int64_t& extent = shape[static_cast<size_t>(open - port.shape.begin())];
    const int64_t others = std::max<int64_t>(element_count(shape), 1);
    extent = static_cast<int64_t>(lines.size()) / others;
  }
  if (std::cmp_not_equal(element_count(shape), lines.size()))
    throw InputError(fmt::format(
        "input \"{}\": \"{}\" has {} lines, {} has {} elements; --shape "
        "says other extents",
        port.name, file.native(), lines.size(), to_string(shape), element_count(shape)));
  return {lines, shape};
}

Tensor read_raw(const Path& file, const Port& port, const Shapes& shapes) {
  if (port.dtype == DType::string)
    throw InputError(
        fmt::format("input \"{}\" holds texts; give a .txt file, an element a line", port.name));
  Tensor tensor(port.dtype, shape_of(port, shapes));
  const size_t bytes = TensorView(tensor).bytes();
  if (const uint64_t found = file_bytes(file); found != bytes) {
    throw InputError(fmt::format(
        "input \"{}\": \"{}\" has {} bytes, {}{} has {}; --shape says other extents", port.name,
        file.native(), found, to_string(tensor.dtype()), to_string(tensor.shape()), bytes));
  }
  std::ifstream in(file, std::ios::binary);
  in.read(static_cast<char*>(tensor.data()), static_cast<std::streamsize>(bytes));
  if (!in) throw Error(ErrorCode::io, fmt::format("\"{}\": cannot be read", file.native()));
  return tensor;
}

Tensor read_single(const Path& file, const Port& port, const Shapes& shapes) {
  if (is_npy(file)) return read_npy(file);
  if (is_raw(file)) return read_raw(file, port, shapes);
  if (is_text(file)) return read_text(file, port, shapes);
  return to_input(read_image(file), port, file.native());
}

struct Given {
  std::string name;  // "" where none is written
  Path file;
};

// A file's name may have an equals sign, and an input's too: a prefix counts where it is an input.
Given parse(const std::string& text, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (text.starts_with(name + "=")) return {name, text.substr(name.size() + 1)};
  }
  std::error_code ignored;
  const size_t equals = text.find('=');
  if (equals == std::string::npos || std::filesystem::exists(text, ignored)) return {"", text};
  const std::string wrong = text.substr(0, equals);
  const std::string near = nearest(wrong, names);
  throw InputError(fmt::format("--inputs: the network has no input \"{}\"; {}", wrong,
                               near.empty() ? fmt::format("it takes: {}", fmt::join(names, ", "))
                                            : "the nearest is \"" + near + "\""));
}

}  // namespace

Arrays read_inputs(const Engine& engine, const Shapes& shapes,
                   const std::vector<std::string>& texts) {
  const std::vector<Port> ports = engine.inputs();
  const std::vector<std::string> names = names_of(ports);
  Arrays arrays;
  const auto add = [&](const std::string& name, Tensor tensor) {
    if (!arrays.emplace(name, std::move(tensor)).second)
      throw InputError(fmt::format("--inputs: input \"{}\" is given twice", name));
  };
  for (const std::string& text : texts) {
    const Given given = parse(text, names);
    if (given.name.empty() && !is_single(given.file)) {
      for (auto& [name, tensor] : read_arrays(given.file)) add(name, std::move(tensor));
      continue;
    }
    if (given.name.empty() && ports.size() != 1) {
      throw InputError(
          fmt::format("--inputs {}: holds one array without a name; write NAME={}, "
                      "where NAME is one of: {}",
                      text, text, fmt::join(names, ", ")));
    }
    const auto port =
        given.name.empty() ? ports.begin() : std::ranges::find(ports, given.name, &Port::name);
    if (!is_single(given.file)) {
      throw InputError(fmt::format(
          "input \"{}\": \"{}\" is no .npy, image, .txt, .raw or .bin file that can be read",
          port->name, given.file.native()));
    }
    add(port->name, read_single(given.file, *port, shapes));
  }
  return arrays;
}

}  // namespace tenon::cli
