#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
  enum { N = 500 }; static unsigned char *p[N]; static size_t n[N]; unsigned s = 1, h = 0;
  for (int round = 0; round < 20000; round++) {
    s = s * 1664525u + 1013904223u; unsigned i = (s >> 8) % N;
    if (p[i] && (s & 1)) { for (size_t k = 0; k < n[i]; k += 97) if (p[i][k] != (unsigned char)i) { puts("corrupt"); return 1; } h = h * 33 + (unsigned)n[i]; free(p[i]); p[i] = 0; }
    else { size_t m = (s >> 20) % 64 == 0 ? 300000 : (s >> 12) % 3000 + 1; p[i] = realloc(p[i], m); if (!p[i]) return 2; n[i] = m; memset(p[i], (int)i, m); }
  }
  printf("%u\n", h); void *q = aligned_alloc(4096, 65536); printf("%d\n", (int)((unsigned long)q & 4095)); q = calloc(1000, 1000); printf("%d\n", ((char *)q)[999999]);
  return 0;
}
