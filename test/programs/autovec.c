#include <stdio.h>
#include <stdint.h>
#define N 1003
static float f[N], g[N]; static double d[N]; static int32_t a[N], b[N]; static int8_t c[N]; static uint16_t u[N]; static int64_t l[N];
int main(void) {
  for (int i = 0; i < N; i++) { f[i] = (float)i * 0.37f - 100; g[i] = (float)(N - i) / 7; d[i] = i * 1.01; a[i] = i * 7919 % 1000 - 500; b[i] = i * 31 % 77; c[i] = (int8_t)(i * 37); u[i] = (uint16_t)(i * 1001); l[i] = (int64_t)i * i * 1000003 - 77; }
  float sf = 0; double sd = 0; int64_t si = 0; uint32_t su = 0; int mx = -1000, mn = 1000;
  for (int i = 0; i < N; i++) f[i] = f[i] * g[i] + 1.5f;
  for (int i = 0; i < N; i++) { sf += f[i]; sd += d[i] / (i + 1.0); }
  for (int i = 0; i < N; i++) { si += (int64_t)a[i] * b[i]; su += (uint32_t)u[i] << 3; mx = a[i] > mx ? a[i] : mx; mn = a[i] < mn ? a[i] : mn; }
  for (int i = 0; i < N; i++) { a[i] = b[i] > 30 ? a[i] << 1 : a[i] >> 2; c[i] = (int8_t)(c[i] < 0 ? -c[i] : c[i] + 3); l[i] ^= l[i] >> 5; d[i] = (double)a[i] + (float)c[i]; u[i] = (uint16_t)((u[i] + 2 * i) / 3); }
  int64_t h = 0; for (int i = 0; i < N; i++) h = h * 31 + a[i] + c[i] + l[i] + (int64_t)d[i] + u[i] + (int)f[i];
  printf("%a %a %ld %u %d %d %lx\n", sf, sd, si, su, mx, mn, h);
  return 0;
}
