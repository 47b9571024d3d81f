#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define PAGE 4096
static sigjmp_buf env;
static volatile int code;
static void on(int s, siginfo_t *i, void *c) { (void)s; (void)c; code = i->si_code; siglongjmp(env, 1); }
static int readable(volatile char *p) { code = 0; if (sigsetjmp(env, 1) == 0) { (void)*p; return 0; } return code; }
static int writable(volatile char *p) { code = 0; if (sigsetjmp(env, 1) == 0) { *p = *p; return 0; } return code; }
int main(void) {
  struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &a, 0);
  char *p = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 7, 8 * PAGE);
  printf("%d %d\n", readable(p), writable(p + 8 * PAGE - 1));
  printf("%d %d %d\n", mprotect(p + PAGE, 2 * PAGE, PROT_READ), writable(p + PAGE), readable(p + PAGE));
  printf("%d %d %d\n", mprotect(p + 2 * PAGE, PAGE, PROT_NONE), readable(p + 2 * PAGE), writable(p + 3 * PAGE));
  printf("%d %d %d\n", mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE), p[2 * PAGE], writable(p + 2 * PAGE));
  printf("%d %d\n", munmap(p + 4 * PAGE, PAGE), readable(p + 4 * PAGE));
  errno = 0;
  int r = mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ);
  printf("%d %d\n", r, errno == ENOMEM);
  char *q = mmap(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  printf("%d %d\n", q == p + 4 * PAGE, *q);
  q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  printf("%d %d\n", q == MAP_FAILED, errno == EEXIST);
  printf("%d %d %d\n", madvise(p, 2 * PAGE, MADV_DONTNEED), p[PAGE], p[5 * PAGE]);
  p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  p[10] = 42;
  q = mremap(p, 4 * PAGE, 2000 * PAGE, MREMAP_MAYMOVE);
  printf("%d %d %d\n", q != MAP_FAILED, q[10], q[1999 * PAGE]);
  printf("%d\n", mremap(q, 2000 * PAGE, PAGE, 0) == q);
  printf("%d\n", readable(q + PAGE));
  printf("%d %d\n", mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, errno == EINVAL);
  printf("%d %d\n", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, 55, 0) == MAP_FAILED, errno == EBADF);
  printf("%d %d\n", munmap(p + 1, PAGE), errno == EINVAL);
  char *b = sbrk(0);
  printf("%d\n", sbrk(10 * PAGE) == b);
  memset(b, 1, 10 * PAGE);
  printf("%d %d\n", brk(b) == 0, sbrk(0) == b);
  unsigned char vec[8];
  printf("%d\n", mincore(q, PAGE, vec) == 0 && (vec[0] & 1));
  unsigned *f = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (unsigned i = 0; i < 3; i++) {
    f[0] = 0x52800000 | (i * 5 + 1) << 5; /* mov w0, #imm */
    f[1] = 0xd65f03c0;
    __builtin___clear_cache((char *)f, (char *)(f + 2));
    printf("%d ", ((int (*)(void))f)());
  }
  puts("");
  return 0;
}
