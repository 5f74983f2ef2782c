// Forms of slots.
#include "lower/slots.h"

#include "base/error.h"
#include "ir/copy.h"
#include "ir/ops/reorder.h"
#include "ir/rewrite.h"
#include "ir/text.h"

namespace tenon::lower {
SlotTable::SlotTable(const ir::Graph& weights) {
  ir::GraphCopier copier(weights, builder_);
  copier.copy_nodes();
  for (const ir::Output& output : weights.outputs()) {
    portable_[output.name] = copier(output.value);
  }
}

std::string SlotTable::free_name(const std::string& slot) const {
  for (int i = 1;; ++i) {
    std::string name = fmt::format("{}/{}", slot, i);
    if (!keys_.contains(name) && !portable_.contains(name)) return name;
  }
}

template <class F>
SlotForm SlotTable::form(const std::string& key, const std::string& slot, bool keeps_name,
                         F&& make) {
  if (const auto known = forms_.find(key); known != forms_.end()) return known->second.form;
  const ir::ValueId value = make();
  Made made{{keeps_name ? slot : free_name(slot), builder_.type(portable_.at(slot)),
             builder_.type(value)},
            value};
  keys_[made.form.name] = key;
  return forms_.emplace(key, std::move(made)).first->second.form;
}

SlotForm SlotTable::in_layout(const std::string& slot, const ir::Layout& layout) {
  const ir::ValueId plain = portable_.at(slot);
  const std::string text = layout.text(builder_.type(plain).rank());
  return form(fmt::format("layout {} {}", text, slot), slot, layout.plain(),
              [&] { return layout.plain() ? plain : builder_.add(ir::Reorder{layout}, {plain}); });
}

SlotForm SlotTable::packed(const std::string& slot, const ir::Graph& pack,
                           std::span<const std::string> slots, const std::string& output) {
  std::string key = fmt::format("pack {} {}", output, ir::print(pack));
  std::vector<ir::ValueId> inputs;
  for (const std::string& name : slots) {
    key += fmt::format(" {}:{}", name.size(), name);
    inputs.push_back(portable_.at(name));
  }
  return form(key, slot, false, [&] {
    const std::vector<ir::ValueId> values = ir::splice(builder_, pack, inputs);
    size_t i = 0;
    while (pack.outputs()[i].name != output) ++i;
    return values[i];
  });
}

ir::Graph SlotTable::finish() {
  for (const auto& [name, key] : keys_) builder_.output(name, forms_.at(key).value);
  return builder_.finish();
}

}  // namespace tenon::lower
