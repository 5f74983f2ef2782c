// What programs include by this name.
#include "cuda_runtime_api.h"
