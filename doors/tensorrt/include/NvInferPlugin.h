// Plugins: there are none to register.
#ifndef NV_INFER_PLUGIN_H
#define NV_INFER_PLUGIN_H

#include "NvInfer.h"

extern "C" {
/// true; the logger hears that nothing was registered.
TENSORRTAPI bool initLibNvInferPlugins(void* logger, char const* libNamespace);
}

#endif
