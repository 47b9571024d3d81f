#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static sigjmp_buf env; static volatile int got, code; static void *volatile where;
static void on(int s, siginfo_t *i, void *c) { (void)c; got = s; code = i->si_code; where = i->si_addr; siglongjmp(env, 1); }
static volatile int usr; static void onusr(int s) { usr += s; }
static double through(double x) { raise(SIGUSR1); return x * 3; }
int main(void) {
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = on; a.sa_flags = SA_SIGINFO; sigaction(SIGSEGV, &a, 0); sigaction(SIGILL, &a, 0); sigaction(SIGBUS, &a, 0); sigaction(SIGTRAP, &a, 0);
  if (!sigsetjmp(env, 1)) *(volatile int *)16 = 1; else printf("signal %d code %d at %p\n", got, code, where);
  char *p = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!sigsetjmp(env, 1)) p[100] = 1; else printf("signal %d code %d at +%ld\n", got, code, (long)((char *)where - p));
  mprotect(p, 4096, PROT_READ | PROT_WRITE); p[100] = 5; printf("%d\n", p[100]);
  munmap(p + 4096, 4096); if (!sigsetjmp(env, 1)) p[4096] = 1; else printf("signal %d code %d at +%ld\n", got, code, (long)((char *)where - p));
  if (!sigsetjmp(env, 1)) __asm__ volatile(".inst 0x00000000"); else printf("signal %d code %d\n", got, code);
  if (!sigsetjmp(env, 1)) __asm__ volatile("brk #5"); else printf("signal %d code %d\n", got, code);
  struct sigaction u; memset(&u, 0, sizeof u); u.sa_handler = onusr; sigaction(SIGUSR1, &u, 0);
  double x = through(1.25); printf("%f %d\n", x, usr);
  sigset_t s, o; sigemptyset(&s); sigaddset(&s, SIGUSR1); sigprocmask(SIG_BLOCK, &s, &o); raise(SIGUSR1); printf("%d\n", usr); sigpending(&o); printf("%d\n", sigismember(&o, SIGUSR1)); sigprocmask(SIG_UNBLOCK, &s, 0); printf("%d\n", usr);
  stack_t st = {.ss_sp = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = 65536}; sigaltstack(&st, 0); a.sa_flags |= SA_ONSTACK; sigaction(SIGSEGV, &a, 0);
  if (!sigsetjmp(env, 1)) *(volatile int *)24 = 1; else printf("alternate stack %d\n", got);
  return 0;
}
