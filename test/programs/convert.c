#include <stdio.h>
#include <stdint.h>
#include <math.h>
int main(void) { volatile double v[] = {0, 0.5, -0.5, 1e9, -1e9, 4e9, -4e9, 1e19, -1e19, 1e30, NAN, INFINITY, -INFINITY, 2147483647.5, 9007199254740993.0};
  for (unsigned i = 0; i < sizeof v / sizeof *v; i++) { double d = v[i]; float f = (float)d; long l = (long)d; int n = (int)d; unsigned u = (unsigned)(d > 0 ? d : 0); uint64_t w = (uint64_t)(d > 0 ? d : 0); printf("%a %ld %d %u %lu %d\n", f, l, n, u, w, (int)f); }
  volatile int64_t k[] = {0, 1, -1, INT64_MAX, INT64_MIN, 123456789012345678, (1l << 53) + 1}; for (unsigned i = 0; i < 7; i++) printf("%a %a %a %a\n", (double)k[i], (float)k[i], (double)(uint64_t)k[i], (float)(uint64_t)k[i]);
  _Float16 h = (_Float16)1.1f, g = (_Float16)65504.0f; printf("%a %a %a\n", (double)(h * h), (double)(g + g), (double)(h / g)); long double q = 1.0L / 3; printf("%La %a %ld\n", q * q, (double)q, (long)(q * 1e10L)); return 0; }
