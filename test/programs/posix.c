#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
int main(void) {
  struct utsname u; printf("%d %s %s\n", uname(&u), u.sysname, u.machine);
  struct rlimit l; printf("%d %d\n", getrlimit(RLIMIT_NOFILE, &l), l.rlim_cur > 100);
  printf("%d %d\n", prctl(PR_SET_NAME, "a name that is too long"), 0); char name[17] = ""; prctl(PR_GET_NAME, name); puts(name);
  char a[] = "gathered ", b[] = "from ", c[] = "pieces\n"; struct iovec v[] = {{a, 9}, {b, 5}, {0, 0}, {c, 7}}; fflush(stdout); printf("%zd\n", writev(1, v, 4));
  int fd = open("/dev/null", O_RDWR); printf("%zd %zd %d\n", write(fd, a, 5), read(fd, a, 5), isatty(fd)); struct stat s; printf("%d %d\n", fstat(fd, &s), S_ISCHR(s.st_mode) != 0);
  int d = dup(fd), e = dup2(fd, 77); printf("%d %d %d\n", d > fd, e, fcntl(77, F_GETFD)); fcntl(d, F_SETFD, FD_CLOEXEC); printf("%d\n", fcntl(d, F_GETFD)); close(d); printf("%d %d\n", close(d), errno == EBADF);
  fd = open("/dev/zero", O_RDONLY); char z[100]; memset(z, 1, 100); printf("%zd %d\n", read(fd, z, 100), z[99]);
  printf("%d %d\n", open("/dev/null/x", O_RDONLY), errno == ENOTDIR || errno == ENOENT); printf("%d\n", getrandom(z, 100, 0) == 100);
  struct pollfd p[] = {{1, POLLOUT, 0}, {-1, POLLIN, 0}, {500, POLLIN, 0}}; printf("%d %d %d\n", poll(p, 3, 0), p[0].revents, p[2].revents); printf("%d\n", poll(0, 0, 5));
  fd_set w; FD_ZERO(&w); FD_SET(1, &w); struct timeval tv = {0, 1000}; printf("%d %d\n", select(2, 0, &w, 0, &tv), FD_ISSET(1, &w) != 0); printf("%d\n", select(0, 0, 0, 0, &tv));
  struct timespec t0, t1, delay = {0, 3000000}; clock_gettime(CLOCK_MONOTONIC, &t0); clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, 0); clock_gettime(CLOCK_MONOTONIC, &t1); printf("%d\n", (t1.tv_sec - t0.tv_sec) * 1000000000l + t1.tv_nsec - t0.tv_nsec >= 3000000); printf("%d %d\n", clock_nanosleep(99, 0, &delay, 0) == EINVAL, nanosleep(&(struct timespec){0, 2000000000}, 0));
  printf("%d %d %d\n", sched_yield(), sched_get_priority_max(SCHED_FIFO), sched_get_priority_min(SCHED_OTHER)); printf("%ld %d\n", sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK) == 100);
  char line[100]; printf("%d\n", (int)read(0, line, 1)); printf("%d\n", (int)read(0, line, 100)); printf("%d\n", (int)read(0, line, 100)); printf("%d %d\n", (int)lseek(1, 0, SEEK_CUR), errno == ESPIPE);
  printf("%d %d\n", (int)write(1, (void *)8, 5), errno == EFAULT); printf("%d %d\n", chdir("/"), getppid() > 0); printf("%d\n", setlocale(LC_ALL, "C") != 0); wprintf(L"");
  qsort(line, 3, 1, (int (*)(const void *, const void *))strcmp); srand(7); printf("%d %d\n", rand(), rand()); printf("%s\n", strerror(EAGAIN)); char *end; printf("%g %ld\n", strtod("0x1.8p3z", &end), strtol("-077", 0, 0));
  return atexit((void (*)(void))fflush) == 0 ? 5 : 6;
}
