// An older name of what every part shares.
#ifndef NV_INFER_RUNTIME_COMMON_H
#define NV_INFER_RUNTIME_COMMON_H
#include "NvInferRuntimePlugin.h"
#endif
