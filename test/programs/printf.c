#include <stdio.h>
#include <float.h>
#include <limits.h>
#include <stdint.h>
#include <inttypes.h>
int main(void) {
  printf("%d %u %x %o %lld %llu\n", INT_MIN, UINT_MAX, 0xdeadbeef, 0755, LLONG_MIN, ULLONG_MAX);
  double d[] = {0.0, -0.0, 1.0, 3.141592653589793, 1e300, 1e-300, DBL_MIN, DBL_MAX, 5e-324, 1.0 / 3, 123456789.123456789};
  for (unsigned i = 0; i < sizeof d / sizeof *d; i++) printf("%f %e %g %a %.17g %10.3f|\n", d[i], d[i], d[i], d[i], d[i], d[i]);
  float f[] = {0.1f, FLT_MIN, FLT_MAX, 1e-45f, 16777217.0f};
  for (unsigned i = 0; i < sizeof f / sizeof *f; i++) printf("%.9g %a\n", f[i], f[i]);
  printf("%Lf %Le %La\n", 1.0L / 3, 1e4000L, 0x1p-16000L);
  printf("[%5s|%-5s|%05d|%+d|% d|%c|%%|%5.2s]\n", "ab", "cd", 42, 7, 7, 'x', "xyz");
  printf("%" PRIx64 " %jd %zu\n", UINT64_C(0x123456789abcdef0), (intmax_t)-5, sizeof(long double));
  return 0;
}
