// Images as inputs: PNG, PPM and PGM.
#pragma once

#include <optional>

#include "options.h"
#include "tenon/engine.h"

namespace tenon::cli {

/// Eight bits a channel, row by row, channels together.
struct Image {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

/// The file begins as an image does, of a format that is read or not.
bool is_image(const Path& file);

/// Throws Error(bad_file, unsupported, io), naming the file.
Image read_image(const Path& file);

/// The image as this input: [n, c, h, w] or [n, h, w, c] with n = 1, or without n; [h, w] where it
/// is grey. Floats go from 0 to 1, bytes are kept. Throws InputError where it does not fit.
Tensor to_input(const Image& image, const Port& port, const std::string& file);

}  // namespace tenon::cli
