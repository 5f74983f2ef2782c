// What most files above ir include.
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "ir/graph.h"
#include "ir/ops.h"
#include "standard.h"
