// The parts of the interface in one place.
#ifndef NV_INFER_IMPL_H
#define NV_INFER_IMPL_H

#include "NvInferRuntime.h"

#endif
