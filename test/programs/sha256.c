#include <stdint.h>
#include <stdio.h>
#include <string.h>
static const uint32_t k0[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static uint32_t K[64], h[8]; static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }
static void block(const uint8_t *p) { uint32_t w[64], s[8]; for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++) w[i] = w[i - 16] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] + (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
  memcpy(s, h, 32); for (int i = 0; i < 64; i++) { uint32_t t = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i], u = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])); memmove(s + 1, s, 28); s[4] += t; s[0] = t + u; } for (int i = 0; i < 8; i++) h[i] += s[i]; }
#include <math.h>
int main(void) { int n = 0; for (int p = 2; n < 64; p++) { int prime = 1; for (int q = 2; q * q <= p; q++) if (p % q == 0) prime = 0; if (prime) { double c = cbrt(p); K[n++] = (uint32_t)((c - floor(c)) * 4294967296.0); } }
  memcpy(h, k0, 32); uint8_t b[64]; for (int r = 0; r < 2000; r++) { for (int i = 0; i < 64; i++) b[i] = (uint8_t)(r * i + i); block(b); } for (int i = 0; i < 8; i++) printf("%08x", h[i]); puts(""); return 0; }
