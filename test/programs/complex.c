#include <complex.h>
#include <stdio.h>
int main(void) { double complex z = 0.3 + 0.5 * I; for (int i = 0; i < 50; i++) z = z * z + (-0.4 + 0.6 * I); printf("%a %a\n", creal(z), cimag(z)); z = csqrt(-2 + 3 * I) / cexp(1 + I); printf("%.12f %.12f %.12f\n", creal(z), cimag(z), cabs(z)); float complex f = (1.5f + 2 * I) * (0.1f - I); printf("%a %a\n", crealf(f), cimagf(f)); return 0; }
