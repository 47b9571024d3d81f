#include <stdatomic.h>
#include <stdio.h>
#include <stdint.h>
int main(void) { _Atomic uint64_t a = 5; _Atomic uint32_t b = 7; _Atomic uint16_t c = 9; _Atomic uint8_t d = 250; for (int i = 0; i < 100; i++) { a += (uint64_t)i * 3; b ^= (uint32_t)i << 4; atomic_fetch_or(&c, (uint16_t)i); atomic_fetch_sub(&d, 7); } uint64_t e = 10; int r = atomic_compare_exchange_strong(&a, &e, 1); uint32_t x = atomic_exchange(&b, 77); printf("%lu %u %u %u %d %lu %u\n", a, b, c, d, r, e, x); __int128 v = 3; __int128 *p = &v; unsigned __int128 w = 3, n = ((unsigned __int128)9 << 64) | 4; r = __atomic_compare_exchange((unsigned __int128 *)p, &w, &n, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); printf("%d %lx %lx\n", r, (uint64_t)(v >> 64), (uint64_t)v); return 0; }
