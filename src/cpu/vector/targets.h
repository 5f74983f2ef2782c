// Which of Highway's targets the files of this folder are compiled for: those of
// TENON_VECTOR_TARGETS (CMake). Included before any header of Highway.
#pragma once

#ifdef TENON_VECTOR_AVX2
#define TENON_WITHOUT_AVX2 0
#else
#define TENON_WITHOUT_AVX2 HWY_AVX2
#endif

#ifdef TENON_VECTOR_AVX3
#define TENON_WITHOUT_AVX3 0
#else
#define TENON_WITHOUT_AVX3 HWY_AVX3
#endif

#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | TENON_WITHOUT_AVX2 | TENON_WITHOUT_AVX3)

/// True while a file is compiled for a vector unit, and not for the baseline that Highway adds.
#define TENON_VECTOR_PASS (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3)
