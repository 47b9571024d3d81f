#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <ctype.h>
int main(void) {
  static char a[5000], b[5000];
  unsigned h = 1;
  for (int n = 0; n < 300; n++) for (int off = 0; off < 20; off += 3) {
    memset(a, 'x', sizeof a); memset(b, 0, sizeof b);
    for (int i = 0; i < n; i++) a[off + i] = (char)('a' + (i * 7 + n) % 26);
    a[off + n] = 0;
    h = h * 31 + (unsigned)strlen(a + off);
    memcpy(b + 1, a + off, (size_t)n + 1); h = h * 31 + (unsigned)(strcmp(a + off, b + 1) == 0);
    memmove(b + 5, b + 1, (size_t)n + 1); h = h * 31 + (unsigned char)b[5 + n / 2];
    char *c = strchr(a + off, 'q'); h = h * 31 + (unsigned)(c ? c - a : 9999);
    c = strrchr(a + off, 'e'); h = h * 31 + (unsigned)(c ? c - a : 9999);
    c = memchr(a, 'z', sizeof a); h = h * 31 + (unsigned)(c ? c - a : 9999);
    b[5 + n / 3] ^= 1; int k = strncmp(a + off, b + 5, (size_t)n); h = h * 31 + (unsigned)(k < 0 ? 1 : k > 0 ? 2 : 3);
    k = memcmp(a + off, b + 5, (size_t)n); h = h * 31 + (unsigned)(k < 0 ? 1 : k > 0 ? 2 : 3);
  }
  printf("%08x\n", h);
  char t[] = "one,two;;three  four"; for (char *p = strtok(t, ",; "); p; p = strtok(0, ",; ")) { for (char *q = p; *q; q++) *q = (char)toupper(*q); puts(p); }
  printf("%ld %lu %f %d\n", strtol("-0x7fzz", 0, 0), strtoul("777", 0, 8), strtod("1.5e-7", 0), atoi("  42 "));
  printf("%s\n", strstr("the quick brown fox", "brown"));
  return 0;
}
