#include <stdio.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/stat.h>
int main(void) {
  FILE *f = fopen("/no/such/file", "r"); printf("%d %s\n", f == 0, strerror(errno));
  printf("%zd %d\n", write(99, "x", 1), errno == EBADF);
  char line[100]; int n = 0; while (fgets(line, sizeof line, stdin)) n++; printf("%d lines\n", n); fprintf(stderr, "to stderr\n"); fflush(stdout); printf("unflushed at exit"); return 9;
}
