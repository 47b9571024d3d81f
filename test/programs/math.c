#include <stdio.h>
#include <math.h>
int main(void) {
  double x[] = {0.5, 1.0, 2.0, -0.7, 10.0, 1e-8, 100.25, 0.999999, 7.5};
  for (unsigned i = 0; i < sizeof x / sizeof *x; i++) {
    double v = x[i];
    printf("%a %a %a %a %a\n", sin(v), cos(v), tan(v), atan(v), exp(v));
    printf("%a %a %a %a %a\n", log(fabs(v)), sqrt(fabs(v)), cbrt(v), pow(fabs(v), 1.7), hypot(v, 3));
    printf("%a %a %a %a %a %a\n", floor(v), ceil(v), trunc(v), round(v), rint(v), nearbyint(v));
    printf("%a %a %a %ld %lld %ld\n", fma(v, v, -1), fmod(v, 0.3), remainder(v, 0.3), lround(v), llrint(v), lrintf((float)v));
    printf("%a %a %a %a\n", erf(v), tgamma(fabs(v)), lgamma(fabs(v)), expm1(v));
    float f = (float)v;
    printf("%a %a %a %a %a\n", sinf(f), cosf(f), expf(f), logf(fabsf(f)), powf(fabsf(f), 0.3f));
  }
  printf("%d %d %d\n", fpclassify(NAN), fpclassify(INFINITY), isnan(sqrt(-1)) != 0);
  return 0;
}
