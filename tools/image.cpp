// PNG after its specification (ISO/IEC 15948): eight bits, no palette, not interlaced; and binary
// PNM.
#include "image.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace tenon::cli {
namespace {

constexpr std::string_view png_mark = "\x89PNG\r\n\x1a\n";
constexpr std::string_view jpeg_mark = "\xff\xd8\xff";
constexpr int64_t most_pixels = int64_t{1} << 28;

[[noreturn]] void fail(ErrorCode code, const Path& file, const char* why) {
  throw Error(code, fmt::format("\"{}\": {}", file.native(), why));
}

[[noreturn]] void damaged(const Path& file, const char* why) {
  fail(ErrorCode::bad_file, file, why);
}

[[noreturn]] void unsupported(const Path& file, const char* why) {
  fail(ErrorCode::unsupported, file, why);
}

void check_size(const Image& image, const Path& file) {
  if (image.width < 1 || image.height < 1) damaged(file, "the image has no pixels");
  if (image.width > most_pixels / image.height) unsupported(file, "the image is too large");
}

uint32_t big_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

// --- PNG

uint8_t paeth(int left, int up, int corner) {
  const int guess = left + up - corner;
  const int a = std::abs(guess - left), b = std::abs(guess - up), c = std::abs(guess - corner);
  return static_cast<uint8_t>(a <= b && a <= c ? left : b <= c ? up : corner);
}

void unfilter(Image& image, const std::vector<uint8_t>& rows, const Path& file) {
  const auto step = static_cast<size_t>(image.channels);
  const size_t bytes = static_cast<size_t>(image.width) * step;
  image.pixels.resize(static_cast<size_t>(image.height) * bytes);
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    const uint8_t* from = rows.data() + y * (bytes + 1);
    uint8_t* to = image.pixels.data() + y * bytes;
    const uint8_t kind = *from++;
    if (kind > 4) damaged(file, "a row has an unknown filter");
    for (size_t x = 0; x < bytes; ++x) {
      const int left = x < step ? 0 : to[x - step];
      const int up = y == 0 ? 0 : to[static_cast<ptrdiff_t>(x) - static_cast<ptrdiff_t>(bytes)];
      const int corner = x < step || y == 0 ? 0 : *(to + x - step - static_cast<ptrdiff_t>(bytes));
      const std::array<int, 5> guesses = {0, left, up, (left + up) / 2, paeth(left, up, corner)};
      to[x] = static_cast<uint8_t>(from[x] + guesses[kind]);
    }
  }
}

void read_header(Image& image, std::string_view header, const Path& file) {
  if (header.size() != 13) damaged(file, "its header has a wrong size");
  image.width = big_endian(header);
  image.height = big_endian(header.substr(4));
  check_size(image, file);
  if (header[9] == 3) unsupported(file, "images with a palette are not read; convert it to RGB");
  if (header[8] != 8 || header[12] != 0)
    unsupported(file, "only images of 8 bits that are not interlaced are read; convert it");
  switch (header[9]) {
    case 0: image.channels = 1; return;
    case 2: image.channels = 3; return;
    case 4: image.channels = 2; return;
    case 6: image.channels = 4; return;
    default: damaged(file, "its header names no kind of colour");
  }
}

Image read_png(std::string_view bytes, const Path& file) {
  Image image;
  std::string packed;
  for (bytes.remove_prefix(png_mark.size());;) {
    if (bytes.size() < 12) damaged(file, "ends early");
    const uint32_t size = big_endian(bytes);
    const std::string_view kind = bytes.substr(4, 4);
    if (size > bytes.size() - 12) damaged(file, "ends early");
    const std::string_view data = bytes.substr(8, size);
    if (kind == "IHDR") read_header(image, data, file);
    if (kind == "IDAT") packed += data;
    if (kind == "IEND") break;
    bytes.remove_prefix(12 + size_t{size});
  }
  if (image.channels == 0) damaged(file, "has no header");
  std::vector<uint8_t> rows(static_cast<size_t>(image.height * (image.width * image.channels + 1)));
  uLongf size = rows.size();
  const int status = ::uncompress(rows.data(), &size, reinterpret_cast<const Bytef*>(packed.data()),
                                  packed.size());
  if (status != Z_OK || size != rows.size()) damaged(file, "its pixels cannot be unpacked");
  unfilter(image, rows, file);
  return image;
}

// --- PNM

int64_t next_number(std::string_view& bytes, const Path& file) {
  for (;;) {
    while (!bytes.empty() && std::isspace(static_cast<unsigned char>(bytes[0])))
      bytes.remove_prefix(1);
    if (bytes.empty() || bytes[0] != '#') break;
    bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size()));
  }
  int64_t value = 0, digits = 0;
  for (; !bytes.empty() && bytes[0] >= '0' && bytes[0] <= '9'; bytes.remove_prefix(1)) {
    if (++digits > 9) damaged(file, "a number of its header is too long");
    value = 10 * value + (bytes[0] - '0');
  }
  if (digits == 0) damaged(file, "its header lacks a number");
  return value;
}

Image read_pnm(std::string_view bytes, const Path& file) {
  Image image{.channels = bytes[1] == '5' ? 1 : 3};
  bytes.remove_prefix(2);
  image.width = next_number(bytes, file);
  image.height = next_number(bytes, file);
  check_size(image, file);
  if (next_number(bytes, file) != 255)
    unsupported(file, "only images of 8 bits are read; convert it");
  const auto count = static_cast<size_t>(image.width * image.height * image.channels);
  if (bytes.size() != count + 1) damaged(file, "its size is not what its header says");
  image.pixels.assign(bytes.begin() + 1, bytes.end());
  return image;
}

std::string front_of(const Path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string front(8, '\0');
  in.read(front.data(), 8);
  front.resize(static_cast<size_t>(in.gcount()));
  return front;
}

bool is_pnm(std::string_view front) {
  return front.size() > 2 && (front.starts_with("P5") || front.starts_with("P6")) &&
         std::isspace(static_cast<unsigned char>(front[2]));
}

// --- as an input

bool fits(const std::string& extent, int64_t value) {
  const bool fixed = extent.find_first_not_of("0123456789") == std::string::npos;
  return !fixed || extent == std::to_string(value);
}

bool fits(std::span<const std::string> extents, const Shape& shape) {
  for (size_t i = 0; i < shape.size(); ++i)
    if (!fits(extents[i], shape[i])) return false;
  return true;
}

void put(Tensor& tensor, size_t i, uint8_t pixel) {
  if (tensor.dtype() == DType::u8) {
    tensor.as<uint8_t>()[i] = pixel;
  } else if (tensor.dtype() == DType::f64) {
    tensor.as<double>()[i] = pixel / 255.0;
  } else {
    tensor.as<float>()[i] = static_cast<float>(pixel) / 255.0F;
  }
}

}  // namespace

bool is_image(const Path& file) {
  const std::string front = front_of(file);
  return front.starts_with(png_mark) || front.starts_with(jpeg_mark) || is_pnm(front);
}

Image read_image(const Path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (!in && !in.eof()) fail(ErrorCode::io, file, "cannot be read");
  if (bytes.starts_with(png_mark)) return read_png(bytes, file);
  if (is_pnm(bytes)) return read_pnm(bytes, file);
  unsupported(file, "is a JPEG; convert it to PNG, or to an .npy");
}

Tensor to_input(const Image& image, const Port& port, const std::string& file) {
  const Shape planes = {image.channels, image.height, image.width};
  const Shape pixels = {image.height, image.width, image.channels};
  const size_t rank = port.shape.size();
  std::span<const std::string> extents = port.shape;
  const bool batched = rank == 4 && fits(extents[0], 1);
  if (batched) extents = extents.subspan(1);
  const bool known =
      port.dtype == DType::f32 || port.dtype == DType::f64 || port.dtype == DType::u8;
  const bool grey =
      rank == 2 && image.channels == 1 && fits(extents, Shape{image.height, image.width});
  const bool by_plane = extents.size() == 3 && fits(extents, planes);
  const bool by_pixel = extents.size() == 3 && !by_plane && fits(extents, pixels);
  if (!known || !(grey || by_plane || by_pixel)) {
    std::string shape;
    for (const std::string& extent : port.shape) shape += (shape.empty() ? "" : ", ") + extent;
    throw InputError(fmt::format(
        "input \"{}\": the image \"{}\" has {} rows, {} columns and {} channels, the input is "
        "{}[{}]; convert the image, or give an .npy",
        port.name, file, image.height, image.width, image.channels, to_string(port.dtype), shape));
  }
  Shape shape = grey ? Shape{image.height, image.width} : by_plane ? planes : pixels;
  if (batched) shape.insert(shape.begin(), 1);
  Tensor tensor(port.dtype, shape);
  const auto channels = static_cast<size_t>(image.channels);
  const size_t area = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  for (size_t i = 0; i < area; ++i)
    for (size_t c = 0; c < channels; ++c)
      put(tensor, by_plane ? c * area + i : i * channels + c, image.pixels[i * channels + c]);
  return tensor;
}

}  // namespace tenon::cli
