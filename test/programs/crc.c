#include <stdio.h>
#include <arm_acle.h>
#ifdef __ARM_FEATURE_CRC32
#define HW 1
#endif
#include <stdint.h>
static uint32_t table[256];
int main(void) {
  for (uint32_t i = 0; i < 256; i++) { uint32_t c = i; for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1; table[i] = c; }
  static unsigned char b[65536]; for (int i = 0; i < 65536; i++) b[i] = (unsigned char)(i * i + 3 * i); uint32_t c = ~0u; for (int i = 0; i < 65536; i++) c = table[(c ^ b[i]) & 255] ^ (c >> 8); printf("%08x\n", ~c); return 0;
}
