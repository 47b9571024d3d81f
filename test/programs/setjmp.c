#include <setjmp.h>
#include <stdio.h>
static jmp_buf env;
static double deep(int n, double x) { if (n == 0) longjmp(env, 7); return deep(n - 1, x * 1.5) + 1; }
int main(void) { volatile int count = 0; double keep = 2.25; for (int i = 0; i < 5; i++) { int r = setjmp(env); if (r == 0) deep(10 * i, 1.0); count += r; } printf("%d %f\n", count, keep * count); return 0; }
