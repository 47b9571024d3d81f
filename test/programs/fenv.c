#include <fenv.h>
#include <stdio.h>
#include <math.h>
#pragma STDC FENV_ACCESS ON
static volatile double one = 1, three = 3, tiny = 0x1p-1074, huge = 0x1.fffffffffffffp1023, zero;
static volatile float fone = 1, fthree = 3;
int main(void) {
  int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  for (int i = 0; i < 4; i++) {
    fesetround(modes[i]);
    feclearexcept(FE_ALL_EXCEPT);
    double a = one / three, b = huge * 2, c = tiny / 2, d = sqrt(three), e = rint(2.5), f = rint(-0.5), g = -one / three;
    float h = fone / fthree, k = (float)(one / three);
    long l = lrint(2.5);
    printf("%d: %a %a %a %a %a %a %a %a %a %ld flags %x\n", fegetround(), a, b, c, d, e, f, g, h, k, l, fetestexcept(FE_ALL_EXCEPT));
  }
  fesetround(FE_TONEAREST);
  feclearexcept(FE_ALL_EXCEPT);
  volatile double r = one / zero; printf("%x\n", fetestexcept(FE_ALL_EXCEPT));
  feclearexcept(FE_ALL_EXCEPT); r = zero / zero; printf("%x %d\n", fetestexcept(FE_ALL_EXCEPT), isnan(r) != 0);
  feclearexcept(FE_ALL_EXCEPT); r = huge * huge; printf("%x\n", fetestexcept(FE_ALL_EXCEPT));
  feclearexcept(FE_ALL_EXCEPT); r = tiny * 0.3; printf("%x\n", fetestexcept(FE_ALL_EXCEPT));
  feclearexcept(FE_ALL_EXCEPT); r = one + one; printf("%x\n", fetestexcept(FE_ALL_EXCEPT));
  feclearexcept(FE_ALL_EXCEPT); volatile int n = (int)(huge); printf("%x %d\n", fetestexcept(FE_ALL_EXCEPT), n);
  (void)r;
  return 0;
}
