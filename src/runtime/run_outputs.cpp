// Fresh tensors, and the caller's own.
#include "runtime/run_outputs.h"

#include <algorithm>
#include <ranges>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/allocated.h"
#include "runtime/run_inputs.h"

namespace tenon::runtime {

RunOutputs::RunOutputs(const ir::Graph& graph, kernel::Backend& backend, const RunRequest& request,
                       std::span<const TensorView* const> inputs)
    : graph_(graph),
      backend_(backend),
      fresh_(request.fresh),
      device_outputs_(request.options.device_outputs && !backend.host_memory()),
      given_(request.out),
      inputs_(inputs) {
  if (given_) check_given();
}

void RunOutputs::check_given() const {
  for (auto a = given_->begin(); a != given_->end(); ++a) {
    if (std::ranges::find(graph_.outputs(), a->first, &ir::Output::name) ==
        graph_.outputs().end()) {
      std::vector<std::string> names;
      for (const ir::Output& output : graph_.outputs()) names.push_back(output.name);
      throw InputError(fmt::format("out {} is not the network's; it gives: {}",
                                   base::quoted(a->first), listed(names)));
    }
    const auto output = std::ranges::find(graph_.outputs(), a->first, &ir::Output::name);
    if (graph_.type(output->value).dtype == DType::string)
      throw InputError(fmt::format("out {} holds texts, which each run makes; leave `out` away",
                                   base::quoted(a->first)));
    if (!graph_.type(output->value).is_tensor())
      throw InputError(fmt::format("out {} is no tensor; leave `out` away, and take what is made",
                                   base::quoted(a->first)));
    if (!a->second.on_host() && a->second.device != backend_.memory()) {
      throw InputError(
          wrong_device("out " + base::quoted(a->first), a->second.device, backend_.memory()));
    }
    // Two outputs in one place would leave the bytes of whichever is written last.
    for (auto b = std::next(a); b != given_->end(); ++b) {
      if (overlap(a->second, b->second)) {
        throw InputError(fmt::format("out {}: overlaps out {}; give each its own memory",
                                     base::quoted(a->first), base::quoted(b->first)));
      }
    }
  }
}

std::string RunOutputs::text(size_t i, const kernel::Operand& type) const {
  return fmt::format("output {} {}", base::quoted(name(i)), type.text());
}

OutputPlace RunOutputs::target(size_t i, const kernel::Operand& type) {
  if (fresh_) {
    const auto make = [&] {
      if (!device_outputs_ || type.dtype == DType::string) return Tensor(type.dtype, type.dims);
      const kernel::Buffer memory = backend_.allocate(type.bytes());
      return Tensor(type.dtype, type.dims, memory, memory.get(), std::string(backend_.memory()));
    };
    Tensor tensor = allocated([&] { return text(i, type); }, type.bytes(), smaller_inputs, make);
    Tensor& kept = fresh_->tensors.insert_or_assign(name(i), std::move(tensor)).first->second;
    return {kept.data(), kept.device() == backend_.memory()};
  }
  const auto found = given_->find(name(i));
  return found == given_->end() ? OutputPlace{} : given_memory(found->second, i, type);
}

Tensor RunOutputs::add_to_sequence(size_t i, const kernel::Operand& type) {
  if (!fresh_) return {};
  const auto make = [&] { return Tensor(type.dtype, type.dims); };
  fresh_->sequences[name(i)].push_back(
      allocated([&] { return text(i, type); }, type.bytes(), smaller_inputs, make));
  return fresh_->sequences[name(i)].back();
}

bool RunOutputs::holds_strings() const {
  if (!fresh_) return false;
  const auto holds = [](const Tensor& tensor) { return tensor.dtype() == DType::string; };
  return std::ranges::any_of(std::views::values(fresh_->tensors), holds) ||
         std::ranges::any_of(std::views::values(fresh_->sequences), [&](const auto& tensors) {
           return std::ranges::any_of(tensors, holds);
         });
}

void RunOutputs::keep_strings() {
  const auto own = [](Tensor& tensor) {
    if (tensor.dtype() != DType::string) return;
    const auto texts = tensor.strings();
    tensor = Tensor(std::vector<std::string>(texts.begin(), texts.end()), tensor.shape());
  };
  for (auto& [name, tensor] : fresh_->tensors) own(tensor);
  for (auto& [name, tensors] : fresh_->sequences) std::ranges::for_each(tensors, own);
}

void RunOutputs::begin_sequence(size_t i) {
  if (fresh_) fresh_->sequences[name(i)].clear();
}

OutputPlace RunOutputs::given_memory(const TensorView& view, size_t i,
                                     const kernel::Operand& type) const {
  if (view.dtype != type.dtype || view.shape != type.dims) {
    throw InputError(fmt::format("out {}: is {}{}, the output is {}{}", base::quoted(name(i)),
                                 to_string(view.dtype), to_string(view.shape),
                                 to_string(type.dtype), to_string(type.dims)));
  }
  if (!base::is_dense(view) ||
      reinterpret_cast<uintptr_t>(view.data) % byte_count(type.dtype, 1) != 0) {
    throw InputError(
        fmt::format("out {}: must be dense and aligned to its element", base::quoted(name(i))));
  }
  if (view.data == nullptr && type.elements() > 0) {
    throw InputError(fmt::format("out {}: has no data; leave it out if it is not wanted",
                                 base::quoted(name(i))));
  }
  for (size_t input = 0; input < inputs_.size(); ++input) {
    if (inputs_[input] && base::is_dense(*inputs_[input]) && overlap(view, *inputs_[input])) {
      throw InputError(fmt::format("out {}: overlaps input {}", base::quoted(name(i)),
                                   base::quoted(graph_.value(graph_.inputs()[input]).name)));
    }
  }
  return {const_cast<void*>(view.data), view.device == backend_.memory()};
}

}  // namespace tenon::runtime
