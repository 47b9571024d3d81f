#include <stdio.h>
#include <stdint.h>
static uint64_t s = 42; static uint64_t next(void) { s ^= s << 13; s ^= s >> 7; s ^= s << 17; return s; }
int main(void) {
  uint64_t h = 0; __int128 big = 1; unsigned __int128 ubig = 1;
  for (int i = 0; i < 20000; i++) {
    uint64_t a = next(), b = next() >> (i % 60); int64_t x = (int64_t)a, y = (int64_t)b; int32_t p = (int32_t)a, q = (int32_t)b; if (!b) b = 1; if (y == 0) y = 1; if (q == 0) q = 1;
    h = h * 1000003 + a / b + a % b + (uint64_t)(x / y) + (uint64_t)(x % y) + (uint64_t)(int64_t)(q == -1 ? p : p / q) + (uint64_t)__builtin_clzll(b) + (uint64_t)__builtin_ctzll(b) * 3 + (uint64_t)__builtin_popcountll(a);
    h ^= __builtin_bswap64(a) + __builtin_bswap32((uint32_t)b) + __builtin_bswap16((uint16_t)a); h += (uint64_t)(((unsigned __int128)a * b) >> 64); h += (uint64_t)(((__int128)x * y) >> 64);
    int64_t o; h += (uint64_t)__builtin_add_overflow(x, y, &o) + (uint64_t)__builtin_mul_overflow(x, y, &o) * 2 + (uint64_t)__builtin_sub_overflow(p, q, &p) * 4; h = (h << (a & 63)) | (h >> (-a & 63)); h += (uint64_t)(x >> (b & 63)); h += (uint32_t)a >> (b & 31);
    big = big * x + y; ubig = ubig * a + b; if (i % 50 == 0) h += (uint64_t)(big / (y | 1)) + (uint64_t)(ubig % (b | 1));
  }
  printf("%016lx %016lx\n", h, (uint64_t)(ubig >> 64)); return 0;
}
