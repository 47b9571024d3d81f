#include <stdio.h>
static int ackermann(int m, int n) { return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)); }
static unsigned long fib(int n) { return n < 2 ? (unsigned long)n : fib(n - 1) + fib(n - 2); }
static int big(int n) { volatile char pad[4096]; pad[0] = (char)n; return n ? big(n - 1) + pad[0] : 0; }
int main(void) { printf("%d %lu %d\n", ackermann(2, 9), fib(24), big(1000)); return 0; }
