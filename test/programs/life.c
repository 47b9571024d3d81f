#include <stdio.h>
#include <string.h>
#define W 64
int main(void) { static unsigned char g[W][W], n[W][W]; unsigned s = 5; for (int i = 0; i < W * W; i++) { s = s * 1103515245u + 12345; g[i / W][i % W] = (s >> 16) % 3 == 0; } for (int t = 0; t < 60; t++) { for (int y = 0; y < W; y++) for (int x = 0; x < W; x++) { int c = 0; for (int dy = -1; dy < 2; dy++) for (int dx = -1; dx < 2; dx++) c += g[(y + dy + W) % W][(x + dx + W) % W]; c -= g[y][x]; n[y][x] = c == 3 || (c == 2 && g[y][x]); } memcpy(g, n, sizeof g); } int alive = 0; for (int i = 0; i < W * W; i++) alive += g[i / W][i % W]; printf("%d\n", alive); return 0; }
