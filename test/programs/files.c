#include <stdio.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/stat.h>
int main(void) {
  FILE *f = fopen("/no/such/file", "r"); printf("%d %s\n", f == 0, strerror(errno));
  printf("%zd %d\n", write(99, "x", 1), errno == EBADF); printf("%ld %d\n", (long)lseek(1, 0, SEEK_CUR) == -1 ? -1L : 0L, 0);
  char line[100]; int n = 0; while (fgets(line, sizeof line, stdin)) n++; printf("%d lines\n", n); fprintf(stderr, "to stderr\n"); fflush(stdout); printf("unflushed at exit"); return 9;
}
