// Import of Einsum: operands are contracted one after another, each time as one matrix product.
#include <algorithm>
#include <cctype>

#include "ir/ops/cast.h"
#include "ir/ops/matmul.h"
#include "ir/ops/pointwise.h"
#include "ir/ops/reduce.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

/// Axes by label: a letter, or -1, -2, … for those of an ellipsis, counted from its end.
using Labels = std::vector<int>;

bool holds(const Labels& labels, int label) {
  return std::ranges::find(labels, label) != labels.end();
}

/// A value whose axes are labelled, each label once.
struct Term {
  ValueId value = ir::absent;
  Labels labels;
};

class Einsum {
 public:
  explicit Einsum(NodeContext& node) : node_(node) {
    std::string equation = node.text("equation", "");
    std::erase_if(equation, [](unsigned char c) { return std::isspace(c) != 0; });
    const size_t arrow = equation.find("->");
    const std::string left = equation.substr(0, arrow);
    size_t begin = 0;
    for (size_t i = 0; i < node.inputs(); ++i) {
      if (begin > left.size()) node.fail("the equation has fewer terms than there are operands");
      const size_t end = std::min(left.find(',', begin), left.size());
      labels_.push_back(parse(left.substr(begin, end - begin), node.rank(i)));
      begin = end + 1;
    }
    if (begin <= left.size()) node.fail("the equation has more terms than there are operands");
    if (arrow != std::string::npos) {
      output_ = parse(equation.substr(arrow + 2), std::nullopt);
    } else {
      output_ = implicit_output();
    }
    check_output();
  }

  ValueId run() {
    std::vector<Term> terms;
    for (size_t i = 0; i < labels_.size(); ++i)
      terms.push_back(without_twins({widened(node_.input(i)), labels_[i]}));
    Term sum = summed(terms[0], needed(terms, 1, {}));
    for (size_t i = 1; i < terms.size(); ++i) {
      const Labels after = needed(terms, i + 1, {});
      const Labels before = needed(terms, i + 1, sum.labels);
      sum = contracted(sum, summed(terms[i], before), after);
    }
    return node_.cast(permuted(sum, output_), node_.dtype(0));
  }

 private:
  Labels parse(std::string_view text, std::optional<size_t> rank) {
    Labels labels;
    size_t letters = 0;
    for (const char c : text) letters += std::isalpha(static_cast<unsigned char>(c)) ? 1 : 0;
    bool open = false;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text.substr(i, 3) == "...") {
        if (open) node_.fail("a term of the equation has two ellipses");
        open = true;
        i += 2;
        const size_t count = rank ? *rank - std::min(*rank, letters) : ellipsis_;
        ellipsis_ = std::max(ellipsis_, count);
        for (size_t k = count; k > 0; --k) labels.push_back(-static_cast<int>(k));
      } else if (std::isalpha(static_cast<unsigned char>(text[i]))) {
        labels.push_back(text[i]);
      } else {
        node_.fail("the equation holds {}", base::quoted(std::string(1, text[i])));
      }
    }
    if (rank && labels.size() != *rank)
      node_.fail("the term {} is of an operand of rank {}", base::quoted(std::string(text)), *rank);
    return labels;
  }

  // The ellipsis, then the letters that are there once, in order.
  Labels implicit_output() const {
    Labels output;
    for (size_t k = ellipsis_; k > 0; --k) output.push_back(-static_cast<int>(k));
    for (int letter = 1; letter < 128; ++letter) {
      int64_t count = 0;
      for (const Labels& labels : labels_) count += std::ranges::count(labels, letter);
      if (count == 1) output.push_back(letter);
    }
    return output;
  }

  void check_output() const {
    for (size_t i = 0; i < output_.size(); ++i) {
      const int label = output_[i];
      const bool there =
          std::ranges::any_of(labels_, [&](const Labels& labels) { return holds(labels, label); });
      if (!there) node_.fail("the result has an axis that no operand has");
      if (std::ranges::count(output_, label) > 1) node_.fail("the result has an axis twice");
    }
  }

  // Narrow integers are added up as wider ones; both wrap around alike.
  ValueId widened(ValueId value) {
    const DType dtype = node_.builder().type(value).dtype;
    const bool narrow = is_integer(dtype) && byte_count(dtype, 1) < 4;
    return narrow ? node_.cast(value, DType::i32) : value;
  }

  // The labels of the result, of the terms from `first` on, and of `others`.
  Labels needed(const std::vector<Term>& terms, size_t first, const Labels& others) const {
    Labels labels = output_;
    labels.insert(labels.end(), others.begin(), others.end());
    for (size_t i = first; i < terms.size(); ++i)
      labels.insert(labels.end(), terms[i].labels.begin(), terms[i].labels.end());
    return labels;
  }

  ValueId sum_over(ValueId value, std::vector<int64_t> axes) {
    return node_.add(
        ir::Reduce{.kind = ir::ReduceKind::sum, .axes = std::move(axes), .keep_dims = false},
        {value});
  }

  // A label that is there twice means the diagonal: all else is made 0, and one axis added up.
  Term without_twins(Term term) {
    for (size_t i = 0; i < term.labels.size(); ++i) {
      for (size_t j = term.labels.size(); j-- > i + 1;) {
        if (term.labels[j] != term.labels[i]) continue;
        const ir::Dims dims = node_.builder().dims(term.value);
        node_.require_equal(dims[i], dims[j], "extents of a diagonal");
        term.value = node_.pointwise("where(equal(b, c), a, 0)",
                                     {term.value, node_.counting(dims[i], i, dims.size()),
                                      node_.counting(dims[j], j, dims.size())});
        term.value = sum_over(term.value, {static_cast<int64_t>(j)});
        term.labels.erase(term.labels.begin() + static_cast<std::ptrdiff_t>(j));
      }
    }
    return term;
  }

  Term summed(Term term, const Labels& kept) {
    std::vector<int64_t> axes;
    Labels left;
    for (size_t i = 0; i < term.labels.size(); ++i) {
      if (holds(kept, term.labels[i])) {
        left.push_back(term.labels[i]);
      } else {
        axes.push_back(static_cast<int64_t>(i));
      }
    }
    if (axes.empty()) return term;
    return {sum_over(term.value, std::move(axes)), left};
  }

  ValueId permuted(const Term& term, const Labels& labels) {
    if (term.labels == labels) return term.value;
    std::vector<int64_t> permutation;
    for (const int label : labels)
      permutation.push_back(std::ranges::find(term.labels, label) - term.labels.begin());
    return node_.transpose(term.value, std::move(permutation));
  }

  /// The axes `labels`, in this order, the last two groups of which become one axis each.
  ValueId matrices(const Term& term, const Labels& batch, const Labels& rows,
                   const Labels& columns) {
    Labels all = batch;
    all.insert(all.end(), rows.begin(), rows.end());
    all.insert(all.end(), columns.begin(), columns.end());
    const ValueId ordered = permuted(term, all);
    const ir::Dims dims = node_.builder().dims(ordered);
    const std::span<const ir::Dim> extents = dims;
    ir::Dims flat(dims.begin(), dims.begin() + std::ssize(batch));
    flat.push_back(ir::product(extents.subspan(batch.size(), rows.size())));
    flat.push_back(ir::product(extents.subspan(batch.size() + rows.size())));
    return node_.reshape(ordered, std::move(flat));
  }

  const ir::Dim& extent(const Term& term, int label) {
    const auto at = std::ranges::find(term.labels, label) - term.labels.begin();
    return node_.builder().dims(term.value)[static_cast<size_t>(at)];
  }

  Term contracted(const Term& a, const Term& b, const Labels& kept) {
    Labels batch, inner, rows, columns;
    for (const int label : a.labels) {
      const bool shared = holds(b.labels, label);
      (!shared ? rows : holds(kept, label) ? batch : inner).push_back(label);
    }
    for (const int label : b.labels)
      if (!holds(a.labels, label)) columns.push_back(label);
    // An ellipsis broadcasts, which the axis of a product does not.
    const bool broadcasts = std::ranges::any_of(
        inner, [&](int label) { return !(extent(a, label) == extent(b, label)); });
    if (inner.empty() || broadcasts) return multiplied(a, b, kept);
    const ValueId left = matrices(a, batch, rows, inner),
                  right = matrices(b, batch, inner, columns);
    const ValueId product = node_.add(ir::MatMul{}, {left, right});
    ir::Dims dims = node_.builder().dims(product);
    dims.resize(batch.size());
    Labels labels = batch;
    for (const int label : rows) dims.push_back(extent(a, label));
    for (const int label : columns) dims.push_back(extent(b, label));
    labels.insert(labels.end(), rows.begin(), rows.end());
    labels.insert(labels.end(), columns.begin(), columns.end());
    return {node_.reshape(product, std::move(dims)), labels};
  }

  // Element by element, all axes of both beside one another; then what is not kept is added up.
  Term multiplied(const Term& a, const Term& b, const Labels& kept) {
    Labels labels = a.labels;
    for (const int label : b.labels)
      if (!holds(labels, label)) labels.push_back(label);
    const auto beside = [&](const Term& term) {
      Labels own;
      ir::Dims dims;
      for (const int label : labels) {
        if (holds(term.labels, label)) own.push_back(label);
        dims.push_back(holds(term.labels, label) ? extent(term, label) : ir::Dim(1));
      }
      return node_.reshape(permuted(term, own), std::move(dims));
    };
    const ValueId left = beside(a), right = beside(b);
    return summed({node_.pointwise("mul(a, b)", {left, right}), labels}, kept);
  }

  NodeContext& node_;
  std::vector<Labels> labels_;  // by operand
  Labels output_;
  size_t ellipsis_ = 0;  // the most axes that one stands for
};

}  // namespace

Outputs import_einsum(NodeContext& node) {
  for (size_t i = 0; i < node.inputs(); ++i)
    if (node.dtype(i) != node.dtype(0)) node.fail("operands are of different types");
  return {Einsum(node).run()};
}

}  // namespace tenon::onnx
