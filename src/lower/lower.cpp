// Choosing kernels for the main graph, and putting the lowered program together.
#include "lower/lower.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "lower/call.h"
#include "lower/host_nodes.h"
#include "lower/main_builder.h"
#include "lower/precision.h"
#include "lower/timing.h"

namespace tenon::lower {
namespace {

/// Stands in a record for what no kernel runs.
const plan::Choice kAlias{"alias", 1, ""};

bool matches(const Candidate& candidate, const plan::Choice& choice) {
  return candidate.kernel->name == choice.kernel && candidate.kernel->version == choice.version &&
         candidate.tactic.name == choice.tactic;
}

class Lowering {
 public:
  Lowering(const ir::Program& program, kernel::Backend& backend, const Options& options)
      : program_(program),
        backend_(backend),
        options_(options),
        probes_(probe_points(program.main, options.ranges)),
        cache_(times() ? base::cache_folder() : std::filesystem::path()),
        timer_(backend, cache_, options.stop) {
    ask_all(program.main);
    seconds_.resize(questions_.size());
  }

  Lowered run() && {
    if (times()) measure();
    Built built = build(choose());
    if (times()) {
      cache_.save();
      report(1);
    }
    if (options_.explain) explain();
    Lowered lowered;
    lowered.main = std::move(built.main);
    lowered.weights = std::move(built.weights);
    SlotPrograms programs(lowered.weights, backend_);
    std::set<std::string_view> known;  // a body may read a slot that others read too
    each_executable(lowered.main, [&](const Executable& executable) {
      for (const ir::ValueId id : executable.graph.leaves()) {
        base::throw_if_stopped(options_.stop);
        const std::string& name = executable.graph.value(id).name;
        if (!known.insert(name).second) continue;
        lowered.slots.push_back(programs.of(name));
      }
    });
    lowered.record = record();
    return lowered;
  }

 private:
  void ask_all(const ir::Graph& graph) {
    const std::vector<bool> on_host = options_.host ? host_nodes(graph) : std::vector<bool>();
    for (size_t n = 0; n < graph.nodes().size(); ++n) {
      const ir::Node& node = graph.nodes()[n];
      nodes_.push_back(&node);
      on_host_.push_back(options_.host && on_host[n]);
      questions_.push_back(ask(graph, node, probes_, on_host_.back() ? *options_.host : backend_));
      // The host's are not timed.
      if (on_host_.back() && questions_.back().candidates.size() > 1) {
        questions_.back().candidates.resize(1);
      }
      for (const ir::Body& body : node.op.bodies()) ask_all(*body);
    }
  }

  bool times() const { return options_.tactics == Tactics::time || options_.explain; }

  Built build(const Assignment& assignment) {
    assignment_ = assignment;
    return build_main(program_, backend_, probes_, questions_, on_host_, assignment);
  }

  Assignment choose() {
    if (options_.tactics == Tactics::time) return fastest();
    if (options_.tactics == Tactics::first) return first();
    if (const auto recorded = from_record()) return *recorded;
    base::log(LogLevel::warn,
              "no fitting record of choices for {}: kernels are the first that accept; load with "
              "tactics=\"time\" to choose by timing",
              backend_.target().key());
    return first();
  }

  Assignment first() const {
    Assignment assignment;
    for (const Question& question : questions_) {
      assignment.push_back(question.candidates.empty() ? -1 : 0);
    }
    return assignment;
  }

  std::optional<Assignment> from_record() const {
    if (!options_.record || options_.record->precision != options_.precision ||
        options_.record->choices.size() != questions_.size())
      return {};
    Assignment assignment;
    for (size_t i = 0; i < questions_.size(); ++i) {
      const plan::Choice& choice = options_.record->choices[i];
      const std::vector<Candidate>& candidates = questions_[i].candidates;
      const auto found = std::find_if(candidates.begin(), candidates.end(),
                                      [&](const Candidate& c) { return matches(c, choice); });
      const bool alias = candidates.empty() && choice == kAlias;
      if (found == candidates.end() && !alias) return {};
      assignment.push_back(alias ? -1 : static_cast<int>(found - candidates.begin()));
    }
    return assignment;
  }

  void measure() {
    for (size_t i = 0; i < questions_.size(); ++i) {
      report(static_cast<double>(i) / static_cast<double>(questions_.size()));
      seconds_[i] = timer_.measure(trials(questions_[i]));
    }
  }

  /// Two whole-graph assignments: the fastest kernels whatever their layouts, and the fastest plain
  /// ones; the least sum of kernels and reorders wins.
  Assignment fastest() {
    const Assignment any = pick([](const Question&, const Candidate&) { return true; });
    const Assignment plain = pick([](const Question& question, const Candidate& candidate) {
      return form_of(candidate, question.calls[0]).plain(question.calls[0]);
    });
    return any != plain && is_faster(plain, any) ? plain : any;
  }

  static std::vector<Trial> trials(const Question& question) {
    std::vector<Trial> trials;
    for (const Candidate& candidate : question.contenders()) {
      const Form form = form_of(candidate, question.calls[0]);
      trials.push_back({candidate.kernel, in_form(candidate, form, question.calls[0])});
    }
    // A single one needs no stopwatch; what follows reads the lists by index only.
    return trials.size() > 1 ? trials : std::vector<Trial>();
  }

  template <class F>
  Assignment pick(F&& allowed) const {
    Assignment assignment;
    for (size_t i = 0; i < questions_.size(); ++i) {
      assignment.push_back(pick_one(questions_[i], seconds_[i], allowed));
    }
    return assignment;
  }

  /// The fastest of the allowed contenders, or of all when none is allowed; -1 when there are none.
  template <class F>
  static int pick_one(const Question& question, const std::vector<double>& seconds, F&& allowed) {
    if (question.candidates.empty()) return -1;
    std::vector<double> allowed_seconds = seconds;
    for (size_t i = 0; i < seconds.size(); ++i) {
      if (!allowed(question, question.candidates[i])) allowed_seconds[i] = untimed;
    }
    const bool none = std::ranges::count(allowed_seconds, untimed) == std::ssize(seconds);
    return static_cast<int>(pick_fastest(none ? seconds : allowed_seconds));
  }

  /// What an assignment runs, by timing key: a trial, and how often.
  using Steps = std::map<uint64_t, std::pair<Trial, int>>;

  void add_steps(const Assignment& assignment, int times, Steps& steps) {
    const Built built = build(assignment);
    each_executable(built.main, [&](const Executable& executable) {
      for (const Step& step : executable.steps) {
        if (!step.is_queued()) continue;
        Trial trial{step.kernel,
                    call_of_step(executable, step, probes_.points[0], backend_.target())};
        const uint64_t key = timing_key(trial);
        steps.try_emplace(key, std::move(trial), 0).first->second.second += times;
      }
    });
  }

  /// Compares the steps in which they differ; false where one of these cannot be timed.
  bool is_faster(const Assignment& a, const Assignment& b) {
    Steps steps;
    add_steps(a, 1, steps);
    add_steps(b, -1, steps);
    double difference = 0;
    for (const auto& [key, step] : steps) {
      const auto& [trial, times] = step;
      if (times == 0) continue;
      const double seconds = timer_.measure({&trial, 1})[0];
      if (seconds == untimed) return false;
      difference += times * seconds;
    }
    return difference < 0;
  }

  void report(double fraction) const {
    base::throw_if_stopped(options_.stop);
    if (options_.progress) options_.progress("timing kernels", fraction);
  }

  plan::Record record() const {
    plan::Record record{backend_.target().key(), backend_.target().threads, options_.precision, {}};
    for (size_t i = 0; i < questions_.size(); ++i) {
      if (assignment_[i] < 0) {
        record.choices.push_back(kAlias);
        continue;
      }
      const Candidate& chosen = questions_[i].candidates[static_cast<size_t>(assignment_[i])];
      record.choices.push_back(
          {std::string(chosen.kernel->name), chosen.kernel->version, chosen.tactic.name});
    }
    return record;
  }

  void explain() const {
    options_.explain->clear();
    for (size_t i = 0; i < questions_.size(); ++i) {
      Explanation explanation{describe(*nodes_[i]), {}, assignment_[i]};
      const Question& question = questions_[i];
      for (size_t c = 0; c < question.candidates.size(); ++c) {
        const Candidate& candidate = question.candidates[c];
        const bool timed = c < seconds_[i].size() && seconds_[i][c] != untimed;
        explanation.candidates.push_back({std::string(candidate.kernel->name),
                                          candidate.tactic.name, timed ? seconds_[i][c] : 0, "",
                                          refit_bytes(form_of(candidate, question.calls[0]))});
      }
      for (const kernel::Refusal& refusal : question.refusals) {
        explanation.candidates.push_back({refusal.kernel, "", 0, refusal.reason, 0});
      }
      options_.explain->push_back(std::move(explanation));
    }
  }

  const ir::Program& program_;
  kernel::Backend& backend_;
  const Options& options_;
  Probes probes_;
  TacticCache cache_;
  Timer timer_;
  // In preorder, bodies after their node.
  std::vector<const ir::Node*> nodes_;
  std::vector<Question> questions_;
  std::vector<bool> on_host_;
  // By node and candidate; empty where nothing was timed.
  std::vector<std::vector<double>> seconds_;
  Assignment assignment_;
};

}  // namespace

std::vector<std::vector<std::string>> Lowered::kernels_of_slots() const {
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < slots.size(); ++i) index[slots[i].name] = i;
  std::vector<std::vector<std::string>> kernels(slots.size());
  each_executable(main, [&](const Executable& executable) {
    for (const Step& step : executable.steps) {
      if (!step.kernel) continue;
      std::set<size_t> read;  // one operand may stand twice
      for (const ir::ValueId id : executable.node_of(step).inputs) {
        if (id == ir::absent || executable.graph.value(id).origin != ir::Origin::slot) continue;
        read.insert(index.at(executable.graph.value(id).name));
      }
      for (const size_t slot : read) kernels[slot].emplace_back(step.kernel->name);
    }
  });
  return kernels;
}

Lowered lower(const ir::Program& program, kernel::Backend& backend, const Options& options) {
  if (options.precision == kernel::Precision::model)
    return Lowering(program, backend, options).run();
  if (!backend.computes_in(options.precision)) {
    base::fail(ErrorCode::unsupported,
               "precision \"{}\" is not for {}, which computes in the model's types; leave it out",
               kernel::to_string(options.precision), backend.target().key());
  }
  const ir::Program narrowed = at_precision(program, options.precision);
  return Lowering(narrowed, backend, options).run();
}

}  // namespace tenon::lower
