// What programs of users include: the standard library, and Tenon's public headers.
#pragma once

#include "standard.h"
#include "tenon/build.h"
#include "tenon/network.h"
#include "tenon/onnx_model.h"
#include "tenon/refitter.h"
