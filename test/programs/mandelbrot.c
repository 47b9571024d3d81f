#include <stdio.h>
int main(void) { for (int y = 0; y < 24; y++) { char l[80]; int x; for (x = 0; x < 78; x++) { double cr = x / 26.0 - 2.2, ci = y / 10.0 - 1.15, r = 0, i = 0; int n = 0; while (n < 200 && r * r + i * i < 4) { double t = r * r - i * i + cr; i = 2 * r * i + ci; r = t; n++; } l[x] = " .:-=+*#%@"[n % 10]; } l[x] = 0; puts(l); } return 0; }
