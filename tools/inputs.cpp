// Seeded random inputs.
#include "inputs.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <random>

namespace tenon::cli {
namespace {

// k / 2048 for k under 2048: exact in 11 bits of significand.
uint16_t half_of(uint32_t k) {
  if (k == 0) return 0;
  const int top = std::bit_width(k) - 1;
  return static_cast<uint16_t>((top + 4) << 10 | (k << (10 - top) & 1023));
}

// std's distributions differ between libraries, its engines do not.
void fill(Tensor& tensor, std::mt19937_64& random) {
  const auto count = static_cast<size_t>(element_count(tensor.shape()));
  const size_t size = byte_count(tensor.dtype(), 1);
  auto* to = static_cast<std::byte*>(tensor.data());
  for (size_t i = 0; i < count; ++i, to += size) {
    const uint64_t bits = random();
    const auto unit = static_cast<float>(bits >> 40) * 0x1p-24F;
    switch (tensor.dtype()) {
      case DType::f64: {
        const auto value = static_cast<double>(bits >> 11) * 0x1p-53;
        std::memcpy(to, &value, size);
        break;
      }
      case DType::f32: std::memcpy(to, &unit, size); break;
      case DType::f16: {
        const uint16_t value = half_of(static_cast<uint32_t>(bits >> 53));
        std::memcpy(to, &value, size);
        break;
      }
      case DType::bf16: {
        const auto value = static_cast<uint16_t>(std::bit_cast<uint32_t>(unit) >> 16);
        std::memcpy(to, &value, size);
        break;
      }
      default:  // integers and bool, little-endian
        std::memset(to, 0, size);
        *to = static_cast<std::byte>(bits >> 63);
    }
  }
}

}  // namespace

Shape shape_of(const Port& port, const Shapes& shapes) {
  const auto told = shapes.find(port.name);
  if (told != shapes.end() && told->second.size() != port.shape.size()) {
    throw InputError(fmt::format("--shape: input \"{}\" has rank {}, {} extents are given",
                                 port.name, port.shape.size(), told->second.size()));
  }
  Shape shape;
  for (size_t axis = 0; axis < port.shape.size(); ++axis) {
    const std::string& extent = port.shape[axis];
    const bool fixed = extent.find_first_not_of("0123456789") == std::string::npos;
    const bool given = told != shapes.end() && told->second[axis].typical >= 0;
    shape.push_back(given ? told->second[axis].typical : fixed ? std::stoll(extent) : 1);
  }
  return shape;
}

Arrays random_inputs(const Engine& engine, const Shapes& shapes, uint64_t seed) {
  std::mt19937_64 random(seed);
  Arrays arrays;
  const std::vector<Port> inputs = engine.inputs();
  for (const Port& port : inputs) {
    Tensor tensor(port.dtype, shape_of(port, shapes));
    if (port.dtype != DType::string) fill(tensor, random);  // texts are empty
    arrays.emplace(port.name, std::move(tensor));
  }
  for (const auto& [name, axes] : shapes) {
    if (arrays.contains(name)) continue;
    throw InputError(fmt::format("--shape: the network has no input \"{}\"", name));
  }
  return arrays;
}

std::map<std::string, TensorView> views(const Arrays& arrays) {
  return {arrays.begin(), arrays.end()};
}

}  // namespace tenon::cli
