// Node by node: operands in the wished layouts, slots packed, outputs plain.
#include "lower/main_builder.h"

#include <utility>

#include "ir/ops/reshape.h"
#include "lower/call.h"

namespace tenon::lower {
namespace {

/// A value of the portable graph in the lowered one, in every layout that it has so far; the first
/// is the producer's.
using Versions = std::vector<std::pair<ir::Layout, ir::ValueId>>;

/// What the main graph and its bodies share while they are lowered.
struct Shared {
  kernel::Backend& backend;
  const Probes& probes;
  const std::vector<Question>& questions;
  const std::vector<bool>& on_host;
  const Assignment& assignment;
  std::shared_ptr<const Symbols> symbols;
  SlotTable slots;
  size_t next = 0;  ///< question, in preorder
};

/// The main graph, or a body.
class MainBuilder {
 public:
  MainBuilder(const ir::Graph& graph, Shared& shared)
      : main_(graph),
        shared_(shared),
        probes_(shared.probes),
        slots_(shared.slots),
        builder_(shared.backend, shared.symbols),
        versions_(graph.values().size()) {
    for (const ir::ValueId id : main_.inputs()) {
      const ir::GraphValue& input = main_.value(id);
      at(id) = {{{}, builder_.graph().input(input.name, input.value.type)}};
    }
  }

  Executable run() && {
    for (const ir::Node& node : main_.nodes()) {
      const size_t i = shared_.next++;
      if (shared_.on_host[i]) {
        waiting_.emplace_back(&node, i);
        continue;
      }
      if (is_executors(node.op)) add_waiting();
      add(node, i);
    }
    add_waiting();
    return finish();
  }

 private:
  /// What the host runs between two steps of a device cuts them apart: so it waits for its reader,
  /// which the executor runs.
  void add_waiting() {
    for (const auto& [node, question] : std::exchange(waiting_, {})) add(*node, question);
  }

  void add(const ir::Node& node, size_t i) {
    if (shared_.assignment[i] >= 0) {
      const Question& question = shared_.questions[i];
      add(node, question, question.candidates[static_cast<size_t>(shared_.assignment[i])],
          shared_.on_host[i]);
    } else if (renames(node.op)) {
      publish(node, {}, {builder_.add_alias(named(node), in_layout(node.inputs[0], {}))});
    } else {
      add_executors(node);
    }
  }

  /// By the name that a data error tells: the output's, where the node has none.
  ir::Node named(const ir::Node& node) const {
    ir::Node own = node;
    if (own.name.empty()) own.name = main_.value(node.outputs[0]).name;
    return own;
  }

  void add(const ir::Node& node, const Question& question, const Candidate& candidate,
           bool on_host) {
    Form form = form_of(candidate, question.calls[0]);
    if (form.follow) follow(node, question, candidate, form);
    std::vector<ir::ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) inputs.push_back(operand(node, i, form));
    publish(node, form.outputs,
            builder_.add(named(node), std::move(inputs), candidate, form.outputs, on_host));
  }

  /// A step of the executor: plain operands, and its bodies lowered.
  void add_executors(const ir::Node& node) {
    std::vector<ir::ValueId> inputs;
    for (const ir::ValueId id : node.inputs) {
      inputs.push_back(id == ir::absent ? id : in_layout(id, {}));
    }
    std::vector<std::shared_ptr<const Executable>> bodies;
    for (const ir::Body& body : node.op.bodies()) {
      bodies.push_back(std::make_shared<const Executable>(MainBuilder(*body, shared_).run()));
    }
    publish(node, {}, builder_.add_executors(named(node), std::move(inputs), std::move(bodies)));
  }

  Executable finish() {
    for (const ir::Output& output : main_.outputs()) {
      builder_.output(output.name, in_layout(output.value, {}), probes_);
    }
    builder_.graph().require(main_.requirements());
    return std::move(builder_).finish();
  }

  Versions& at(ir::ValueId id) { return versions_[static_cast<size_t>(id)]; }
  bool is_slot(ir::ValueId id) const { return main_.value(id).origin == ir::Origin::slot; }

  ir::ValueId in_layout(ir::ValueId id, const ir::Layout& layout) {
    if (is_slot(id)) {
      const SlotForm form = slots_.in_layout(main_.value(id).name, layout);
      return builder_.graph().slot(form.name, form.type);
    }
    for (const auto& [known, version] : at(id)) {
      if (known == layout) return version;
    }
    const ir::ValueId version = builder_.add_reorder(at(id)[0].second, layout, probes_);
    at(id).emplace_back(layout, version);
    return version;
  }

  ir::ValueId operand(const ir::Node& node, size_t i, const Form& form) {
    const ir::ValueId id = node.inputs[i];
    if (id == ir::absent) return id;
    if (!form.packed(i)) return in_layout(id, form.inputs[i]);
    std::vector<std::string> slots;
    for (const ir::ValueId input : form.pack.inputs()) {
      const size_t packed = std::stoul(form.pack.value(input).name);  // form_of() has checked it
      slots.push_back(main_.value(node.inputs[packed]).name);
    }
    const SlotForm packed =
        slots_.packed(main_.value(id).name, form.pack, slots, std::to_string(i));
    return builder_.graph().slot(packed.name, packed.type, packed.plain);
  }

  /// The layout of the first operand from the main graph with the outputs' rank; slots are made in
  /// any.
  ir::Layout layout_to_follow(const ir::Node& node) {
    const size_t rank = main_.type(node.outputs[0]).rank();
    for (const ir::ValueId id : node.inputs) {
      if (id == ir::absent || is_slot(id) || main_.type(id).rank() != rank) continue;
      return at(id)[0].first;
    }
    return {};
  }

  /// Takes the layout over, unless the kernel refuses its operands in it.
  void follow(const ir::Node& node, const Question& question, const Candidate& candidate,
              Form& form) {
    const ir::Layout layout = layout_to_follow(node);
    if (layout.plain()) return;
    Form laid_out = form;
    const size_t rank = main_.type(node.outputs[0]).rank();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::ValueId id = node.inputs[i];
      if (id != ir::absent && main_.type(id).rank() == rank) laid_out.inputs[i] = layout;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (main_.type(node.outputs[i]).rank() == rank) laid_out.outputs[i] = layout;
    }
    for (const kernel::Call& call : question.calls) {
      if (kernel::refusal(*candidate.kernel, in_form(candidate, laid_out, call))) return;
    }
    form = std::move(laid_out);
  }

  void publish(const ir::Node& node, const std::vector<ir::Layout>& layouts,
               const std::vector<ir::ValueId>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) {
      at(node.outputs[i]) = {{i < layouts.size() ? layouts[i] : ir::Layout{}, ids[i]}};
      const std::string& name = main_.value(node.outputs[i]).name;
      if (!name.empty()) builder_.graph().name_value(ids[i], name);
    }
  }

  const ir::Graph& main_;
  Shared& shared_;
  const Probes& probes_;
  SlotTable& slots_;
  ExecutableBuilder builder_;
  std::vector<Versions> versions_;
  std::vector<std::pair<const ir::Node*, size_t>> waiting_;  // the host's, with their questions
};

}  // namespace

Built build_main(const ir::Program& program, kernel::Backend& backend, const Probes& probes,
                 const std::vector<Question>& questions, const std::vector<bool>& on_host,
                 const Assignment& assignment) {
  Shared shared{backend,
                probes,
                questions,
                on_host,
                assignment,
                std::make_shared<const Symbols>(program.main),
                SlotTable(program.weights)};
  Executable main = MainBuilder(program.main, shared).run();
  return {std::move(main), shared.slots.finish()};
}

}  // namespace tenon::lower
