// What most unit tests include.
#pragma once

#include <gtest/gtest.h>

#include "graph.h"
