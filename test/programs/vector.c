#include <arm_neon.h>
#include <stdio.h>
int main(void) {
  float32x4_t a = {1.5f, -2.25f, 3e30f, 1e-40f}, b = {2, 3, 1e10f, 1e-5f}; float out[4]; vst1q_f32(out, vfmaq_f32(a, a, b)); for (int i = 0; i < 4; i++) printf("%a ", out[i]); puts("");
  uint8x16_t t = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, r = vqtbl1q_u8(vmulq_u8(t, t), vrev64q_u8(t)); for (int i = 0; i < 16; i++) printf("%d ", ((unsigned char *)&r)[i]); puts("");
  int16x8_t s = {32767, -32768, 100, -100, 5, -5, 0, 1}; int16x8_t q = vqaddq_s16(s, s), m = vqdmulhq_s16(s, s); for (int i = 0; i < 8; i++) printf("%d/%d ", q[i], m[i]); puts("");
  int32x4_t w = vmull_s16(vget_low_s16(s), vget_high_s16(s)); for (int i = 0; i < 4; i++) printf("%d ", w[i]); printf("%d\n", vaddvq_s32(w));
  uint64x2_t c = vcgtq_u64((uint64x2_t){5, 1}, (uint64x2_t){4, 2}); printf("%lx %lx\n", c[0], c[1]);
  int32x4_t cv = vcvtq_s32_f32((float32x4_t){1.9f, -1.9f, 3e20f, -7.5f}); for (int i = 0; i < 4; i++) printf("%d ", cv[i]); puts("");
  unsigned char d[48]; for (int i = 0; i < 48; i++) d[i] = (unsigned char)i; uint8x16x3_t z = vld3q_u8(d); for (int i = 0; i < 16; i++) printf("%d ", z.val[1][i]); puts("");
  return 0;
}
