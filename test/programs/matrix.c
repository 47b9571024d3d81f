#include <stdio.h>
#define N 60
static double a[N][N], b[N][N], c[N][N]; static float x[N][N], y[N][N], z[N][N];
int main(void) { for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) { a[i][j] = 1.0 / (i + j + 1); b[i][j] = (i * j) % 7 - 3; x[i][j] = (float)a[i][j]; y[i][j] = (float)b[i][j]; }
  for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) { double s = 0; float t = 0; for (int k = 0; k < N; k++) { s += a[i][k] * b[k][j]; t += x[i][k] * y[k][j]; } c[i][j] = s; z[i][j] = t; }
  double tr = 0; float tf = 0; for (int i = 0; i < N; i++) { tr += c[i][i] * c[i][N - 1 - i]; tf += z[i][i]; } printf("%a %a\n", tr, tf); return 0; }
