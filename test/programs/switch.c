#include <stdio.h>
static int run(const unsigned char *p) { int acc = 0, x = 1; for (;;) switch (*p++) { case 0: return acc; case 1: acc += x; break; case 2: acc ^= x << 3; break; case 3: x = x * 5 + 1; break; case 4: acc -= x >> 1; break; case 5: x = ~x; break; case 6: acc = (int)((unsigned)acc << 1); break; case 7: x += *p++; break; case 8: if (acc & 1) p++; break; default: acc += p[-1]; } }
int (*volatile table[])(const unsigned char *) = {run, run};
int main(void) { static unsigned char code[5001]; unsigned s = 9; for (int i = 0; i < 5000; i++) { s = s * 1103515245u + 12345; code[i] = (unsigned char)((s >> 16) % 12 + 1); } int h = 0; for (int i = 0; i < 50; i++) h = h * 31 + table[i & 1](code + i); printf("%d\n", h); return 0; }
