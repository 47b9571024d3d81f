#include <stdio.h>
static int solve(int n, unsigned c, unsigned l, unsigned r) { unsigned all = (1u << n) - 1; if (c == all) return 1; int s = 0; for (unsigned p = all & ~(c | l | r); p; p &= p - 1) { unsigned b = p & -p; s += solve(n, c | b, (l | b) << 1, (r | b) >> 1); } return s; }
int main(void) { for (int n = 1; n <= 9; n++) printf("%d ", solve(n, 0, 0, 0)); puts(""); return 0; }
