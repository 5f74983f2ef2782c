// The device text of products on tensor cores.
#include "cuda/kernels/tensor_text.h"

#include <fmt/core.h>

namespace tenon::cuda {

const std::string_view tensor_head_text = R"(
#define V (16 / (int)sizeof(T))
#define STAGE ((BM + BN) * 128)
struct alignas(16) Chunk { T at[V]; };
__device__ inline u32 chunk_at(u32 tile, int row, int chunk) {
  return tile + row * 128 + ((chunk ^ (row & 7)) << 4);
}
#ifndef TENON_STAND_IN
#define DYNAMIC_SHARED(name) extern __shared__ __align__(1024) u8 name[]
#define SHARED(place) (u32)__cvta_generic_to_shared(place)
#define COMMIT() asm volatile("cp.async.commit_group;")
#if WIDE  // what they read comes by another way than what threads read
#define SHOW_COPIES() asm volatile("fence.proxy.async.shared::cta;" ::: "memory")
#else
#define SHOW_COPIES()
#endif
#define WAIT_BUT(count) asm volatile("cp.async.wait_group %0;" ::"n"(count) : "memory")
__device__ inline void copy_chunk(u32 to, const T* from, bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(inside ? 16 : 0));
}
template <class E> __device__ inline void put_element(u32 to, E element) {
  if constexpr (sizeof(E) == 4)
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(to), "f"(get(element)) : "memory");
  else
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(element.bits) : "memory");
}
__device__ inline void load_fragments(u32 (&to)[4], u32 from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(from));
#if TF32
#pragma unroll
  for (int i = 0; i < 4; ++i)
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(to[i]) : "f"(__int_as_float((i32)to[i])));
#endif
}
template <class> __device__ inline void multiply(f32 (&sums)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned." MMA " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#endif
)";

const std::string_view tensor_product_text = R"(
__device__ inline void add_part(f32 (&sums)[V], const f32* parts, u32 shared, u32 rank) {
#if CLUSTER > 1
  asm("mapa.shared::cluster.u32 %0, %0, %1;" : "+r"(shared) : "r"(rank));
#endif
#pragma unroll
  for (int v = 0; v < V; v += 4) {
    alignas(16) f32 part[4];
#if CLUSTER > 1
    asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(part[0]), "=f"(part[1]), "=f"(part[2]), "=f"(part[3])
                 : "r"(shared + v * 4));
#else
    *(float4*)part = *(const float4*)(parts + v);
#endif
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[v + i] += part[i];
  }
}
__device__ inline void meet() {
#if CLUSTER > 1
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::
                   : "memory");
#else
  __syncthreads();
#endif
}
extern "C" __global__ void __launch_bounds__(THREADS) CLUSTER_OF
run(const Buffers buffers, const Numbers<NUMBERS> n) {
  constexpr int MI = BM / WARPS_M / 16, NI = BN / WARPS_N / 8, PITCH = BN + 4;
  DYNAMIC_SHARED(memory);
  const u32 shared = SHARED(memory);
  const int warp_row = threadIdx.x / 32 / WARPS_N * (BM / WARPS_M);
  const int warp_column = threadIdx.x / 32 % WARPS_N * (BN / WARPS_N);
  const int lane = threadIdx.x % 32;
  const i32 tiles = (i32)(n[4] * n[5]), rank = blockIdx.x % CLUSTER;
  const i32 matrix = blockIdx.x / CLUSTER / tiles, tile = blockIdx.x / CLUSTER % tiles;
  const i32 row0 = tile / (i32)n[5] * BM, column0 = tile % (i32)n[5] * BN;
  const i32 slices = ((i32)n[3] + 7) / 8, share = (slices + CLUSTER - 1) / CLUSTER;
  const i32 begin = rank * share;
  const i32 count = begin + share < slices ? share : (begin < slices ? slices - begin : 0);
  LET_NEXT_BEGIN();
  LoadB b(buffers, n, matrix, column0, begin * 8 + threadIdx.x % 8);
  if (!B_IS_WEIGHT) WAIT_FOR_EARLIER();
#pragma unroll
  for (int s = 0; s < STAGES - 1; ++s)
    if (s < count) b.slice(shared + s * STAGE + BM * 128);
  LoadA a(buffers, n, matrix, row0, begin * 8 + threadIdx.x % 8);
  if (B_IS_WEIGHT) WAIT_FOR_EARLIER();
  f32 sums[MI][NI][4] = {};
#pragma unroll
  for (int s = 0; s < STAGES - 1; ++s) {
    if (s < count) a.slice(shared + s * STAGE);
    COMMIT();  // with the first, all of b
  }
  for (i32 step = 0; step < count; ++step) {
    WAIT_BUT(STAGES - 2);
    SHOW_COPIES();
    __syncthreads();
    const u32 tile_a = shared + step % STAGES * STAGE, tile_b = tile_a + BM * 128;
#if WIDE
    start_products(sums[0], tile_a + threadIdx.x / 128 * 64 * 128, tile_b);
#endif
    if (step + STAGES - 1 < count) {
      const u32 next = shared + (step + STAGES - 1) % STAGES * STAGE;
      a.slice(next);
      b.slice(next + BM * 128);
    }
    COMMIT();
#if WIDE
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#else
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      u32 left[MI][4], right[NI / 2][4];
#pragma unroll
      for (int i = 0; i < MI; ++i)
        load_fragments(left[i],
                       chunk_at(tile_a, warp_row + i * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < NI / 2; ++j)
        load_fragments(right[j], chunk_at(tile_b, warp_column + j * 16 + lane / 16 * 8 + lane % 8,
                                          k * 2 + lane / 8 % 2));
#pragma unroll
      for (int i = 0; i < MI; ++i)
#pragma unroll
        for (int j = 0; j < NI; ++j)
          multiply<T>(sums[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
    }
#endif
  }
  WAIT_BUT(0);
  __syncthreads();
  f32* const parts = (f32*)memory;
#pragma unroll
  for (int i = 0; i < MI; ++i)
#pragma unroll
    for (int j = 0; j < NI; ++j) {
      f32* const at = parts + (warp_row + i * 16 + lane / 4) * PITCH + warp_column + j * 8 +
                      lane % 4 * 2;
      at[0] = sums[i][j][0];
      at[1] = sums[i][j][1];
      at[8 * PITCH] = sums[i][j][2];
      at[8 * PITCH + 1] = sums[i][j][3];
    }
  meet();
  T* const result = result_of(buffers, n, matrix);
  const i32 rows = (i32)n[0] - row0, columns = (i32)n[2] - column0;
  for (int unit = threadIdx.x; unit < BM / CLUSTER * (BN / V); unit += THREADS) {
    const int row = rank * (BM / CLUSTER) + unit / (BN / V), column = unit % (BN / V) * V;
    if (row >= rows || column >= columns) continue;
    f32 total[V] = {};
#pragma unroll
    for (int r = 0; r < CLUSTER; ++r)
      add_part(total, parts + row * PITCH + column, shared + (row * PITCH + column) * 4, r);
    Chunk made;
    finish_chunk(buffers, n, (i64)matrix * n[0] + row0 + row, column0 + column, total, made.at);
#pragma unroll
    for (int e = 0; e < V; ++e)
      if (column0 + column + e >= (i32)n[1]) made.at[e] = As<T>::of(0.0f);
    T* const to = result + (i64)(row0 + row) * n[2] + column0 + column;
    if (WHOLE_CHUNKS) {
      *(Chunk*)to = made;
    } else {
#pragma unroll
      for (int e = 0; e < V; ++e)
        if (column + e < columns) to[e] = made.at[e];
    }
  }
  if (CLUSTER > 1) meet();  // others read what is here
}
)";

// A slice is four steps of 32 bytes. Rows of 128 bytes in groups of eight, swizzled as chunk_at()
// does it: descriptors of K-major operands in the layout that PTX calls 128-byte swizzling.
std::string wide_products_text(int64_t columns, std::string_view dtype) {
  const int64_t sums = columns / 2;  // of a thread
  std::string list, operands;
  for (int64_t i = 0; i < sums; ++i) {
    list += fmt::format("{}%{}", i == 0 ? "" : ", ", i);
    operands += fmt::format("{}\"+f\"(sums[{}][{}])", i == 0 ? "" : ", ", i / 4, i % 4);
  }
  return fmt::format(R"(
__device__ inline u64 descriptor_of(u32 place) {{
  return (u64)1 << 62 | (u64)64 << 32 | (u64)1 << 16 | (place & 0x3ffff) >> 4;
}}
__device__ inline void start_products(f32 (&sums)[{1}][4], u32 a, u32 b) {{
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
  for (int k = 0; k < 4; ++k) {{
    asm volatile("{{\n.reg .pred add;\nsetp.ne.b32 add, 1, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n{0}k16.f32.{2}.{2} {{{3}}}, %{4}, %{5}, add, 1, 1, 0, 0;\n}}"
                 : {6}
                 : "l"(descriptor_of(a + k * 32)), "l"(descriptor_of(b + k * 32)));
  }}
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}}
)",
                     columns, columns / 8, dtype, list, sums, sums + 1, operands);
}

const std::string_view tensor_rows_text = R"(
template <int COUNT> struct Rows {
  const T* from;
  i64 stride;
  i32 row, rows, chunk, chunks;
  __device__ Rows(const T* from, i64 stride, i32 row0, i32 rows, i32 chunk, i32 chunks)
      : from(from), stride(stride), row(row0), rows(rows), chunk(chunk), chunks(chunks) {}
  __device__ void slice(u32 shared) {
#pragma unroll
    for (int i = 0; i < COUNT * 8 / THREADS; ++i) {
      const int own = threadIdx.x / 8 + i * (THREADS / 8);
      const bool inside = row + own < rows && chunk < chunks;
      copy_chunk(chunk_at(shared, own, threadIdx.x % 8),
                 inside ? from + (row + own) * stride + chunk * V : from, inside);
    }
    chunk += 8;
  }
};
)";

}  // namespace tenon::cuda
