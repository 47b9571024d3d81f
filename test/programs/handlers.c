#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
static volatile sig_atomic_t count, last, inside, deepest, raises;
static char alternate[65536] __attribute__((aligned(16)));
static volatile int on_alternate;
static void plain(int s) { count++; last = s; }
static void nested(int s) { if (++inside > deepest) deepest = inside; if (raises++ < 3) raise(s); inside--; }
static void info(int s, siginfo_t *i, void *c) { (void)c; last = s; printf("%d code %d value %d self %d\n", s, i->si_code, i->si_value.sival_int, i->si_pid == getpid()); }
static void where(int s) { char here; (void)s; on_alternate = &here > alternate && &here < alternate + sizeof alternate; }
static void spoil(int s) { (void)s; volatile double x = 1.5; for (int i = 0; i < 100; i++) x = x * 1.01 + i; feclearexcept(FE_ALL_EXCEPT); fesetround(FE_UPWARD); count++; }
static void skip(int s, siginfo_t *i, void *c) { (void)s; (void)i; ucontext_t *u = c; u->uc_mcontext.regs[19] = 99; u->uc_mcontext.pc += 4; }
static void set(int s, void (*f)(int), int flags) { struct sigaction a; memset(&a, 0, sizeof a); a.sa_handler = f; a.sa_flags = flags; sigaction(s, &a, 0); }
int main(void) {
  set(SIGUSR1, plain, 0);
  raise(SIGUSR1); kill(getpid(), SIGUSR1);
  printf("%d %d\n", count, last);
  set(SIGUSR2, nested, SA_NODEFER); raise(SIGUSR2); printf("%d\n", deepest);
  deepest = raises = 0; set(SIGUSR2, nested, 0); raise(SIGUSR2); printf("%d\n", deepest);
  set(SIGTERM, plain, SA_RESETHAND); raise(SIGTERM); struct sigaction old; sigaction(SIGTERM, 0, &old); printf("%d\n", old.sa_handler == SIG_DFL);
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = info; a.sa_flags = SA_SIGINFO;
  sigaction(SIGRTMIN, &a, 0); sigaction(SIGRTMIN + 1, &a, 0);
  sigset_t all, was, pending; sigfillset(&all); sigprocmask(SIG_SETMASK, &all, &was);
  union sigval v; for (int i = 3; i > 0; i--) { v.sival_int = i; sigqueue(getpid(), SIGRTMIN + i % 2, v); }
  raise(SIGUSR1); raise(SIGUSR1); sigpending(&pending); printf("pending %d %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGUSR2));
  count = 0; sigprocmask(SIG_SETMASK, &was, 0); printf("%d\n", count);
  sigprocmask(SIG_BLOCK, &all, 0); raise(SIGUSR2); sigset_t one; sigemptyset(&one); sigaddset(&one, SIGUSR2); siginfo_t got; struct timespec none = {0, 1000};
  printf("%d\n", sigwaitinfo(&one, &got) == SIGUSR2); printf("%d %d\n", sigtimedwait(&one, &got, &none), errno == EAGAIN);
  sigprocmask(SIG_SETMASK, &was, 0);
  stack_t st = {.ss_sp = alternate, .ss_size = sizeof alternate}; printf("%d\n", sigaltstack(&st, 0)); set(SIGUSR2, where, SA_ONSTACK); raise(SIGUSR2); printf("%d\n", on_alternate); set(SIGUSR2, where, 0); raise(SIGUSR2); printf("%d\n", on_alternate);
  st.ss_flags = 0; st.ss_size = 100; printf("%d %d\n", sigaltstack(&st, 0), errno == ENOMEM);
  set(SIGUSR1, spoil, 0); volatile double x = 1, y = 3; fesetround(FE_TOWARDZERO); double q = x / y; int before = fetestexcept(FE_ALL_EXCEPT); raise(SIGUSR1); printf("%a %d %d %a\n", q, before == fetestexcept(FE_ALL_EXCEPT), fegetround() == FE_TOWARDZERO, x / y); fesetround(FE_TONEAREST);
  a.sa_sigaction = skip; sigaction(SIGILL, &a, 0); register long r asm("x19") = 1; asm volatile(".inst 0x00000000" : "+r"(r)); printf("%ld\n", r);
  count = 0; set(SIGALRM, plain, 0); struct itimerval t = {{0, 2000}, {0, 2000}}; setitimer(ITIMER_REAL, &t, 0); while (count < 3) pause(); memset(&t, 0, sizeof t); setitimer(ITIMER_REAL, &t, 0); printf("%d\n", count >= 3);
  alarm(1); struct timespec d = {5, 0}, left; int e = nanosleep(&d, &left); printf("%d %d %d\n", e, errno == EINTR, left.tv_sec >= 3 && left.tv_sec < 5);
  set(SIGUSR1, SIG_IGN, 0); raise(SIGUSR1); set(SIGCHLD, SIG_DFL, 0); raise(SIGCHLD); puts("alive");
  set(SIGUSR1, SIG_DFL, 0); fflush(stdout); raise(SIGUSR1); puts("dead"); return 0;
}
