#include <arm_neon.h>
#include <stdio.h>
__attribute__((target("+fp16"))) static void run(void) { float16x8_t a = {1, 2, 3.5, -4, 65504, 1e-7, 0.1, -0.3}, b = {0.5, 0.25, 7, 9, 2, 1e-7, 0.7, 11}; float16x8_t r[] = {vaddq_f16(a, b), vmulq_f16(a, b), vdivq_f16(a, b), vfmaq_f16(a, a, b), vsqrtq_f16(vabsq_f16(a)), vmaxq_f16(a, b), vrndnq_f16(a)}; for (int k = 0; k < 7; k++) { for (int i = 0; i < 8; i++) printf("%a ", (double)r[k][i]); puts(""); } }
int main(void) { run(); return 0; }
