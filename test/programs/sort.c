#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }
static int words(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
int main(void) {
  static double v[20000]; unsigned long s = 88172645463325252ul;
  for (int i = 0; i < 20000; i++) { s ^= s << 13; s ^= s >> 7; s ^= s << 17; v[i] = (double)(long)s / 1e10; }
  qsort(v, 20000, sizeof *v, compare);
  double sum = 0; for (int i = 0; i < 20000; i += 7) sum += v[i] * i;
  printf("%a %f %f\n", sum, v[0], v[19999]);
  char *w[] = {"pear", "apple", "fig", "banana", "date", "cherry"}; qsort(w, 6, sizeof *w, words);
  for (int i = 0; i < 6; i++) puts(w[i]);
  double key = v[777]; printf("%ld\n", (long)((double *)bsearch(&key, v, 20000, sizeof *v, compare) - v));
  return 0;
}
