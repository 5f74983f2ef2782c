// The closed list of ops; the only file that names them all.
#pragma once

#include "ir/ops/batch_norm.h"
#include "ir/ops/bind.h"
#include "ir/ops/cast.h"
#include "ir/ops/concat.h"
#include "ir/ops/conv.h"
#include "ir/ops/gather.h"
#include "ir/ops/if.h"
#include "ir/ops/loop.h"
#include "ir/ops/matmul.h"
#include "ir/ops/non_max_suppression.h"
#include "ir/ops/non_zero.h"
#include "ir/ops/optional.h"
#include "ir/ops/pointwise.h"
#include "ir/ops/pool.h"
#include "ir/ops/range.h"
#include "ir/ops/reduce.h"
#include "ir/ops/reorder.h"
#include "ir/ops/repeat.h"
#include "ir/ops/reshape.h"
#include "ir/ops/scatter.h"
#include "ir/ops/sequence.h"
#include "ir/ops/shape.h"
#include "ir/ops/slice.h"
#include "ir/ops/softmax.h"
#include "ir/ops/top_k.h"
#include "ir/ops/transpose.h"

namespace tenon::ir {

template <class... Ops>
struct TypeList {};

using OpList = TypeList<AveragePool, BatchNorm, Bind, Cast, Concat, ConcatFromSequence, Conv,
                        Expand, Gather, If, Loop, MatMul, MaxPool, NonMaxSuppression, NonZero,
                        Optional, OptionalGetElement, OptionalHasElement, Pointwise, Range, Reduce,
                        Reorder, Reshape, Scatter, SequenceAt, SequenceConstruct, SequenceInsert,
                        SequenceLength, ShapeOf, Slice, Softmax, Tile, TopK, Transpose>;

}  // namespace tenon::ir
