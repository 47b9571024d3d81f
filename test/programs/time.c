#include <stdio.h>
#include <time.h>
#include <sys/time.h>
#include <unistd.h>
int main(void) { struct timespec a, b; clock_gettime(CLOCK_MONOTONIC, &a); struct timespec d = {0, 2000000}; nanosleep(&d, 0); clock_gettime(CLOCK_MONOTONIC, &b); long ns = (b.tv_sec - a.tv_sec) * 1000000000l + b.tv_nsec - a.tv_nsec; printf("%d\n", ns >= 2000000); time_t t = 1000000000; struct tm *m = gmtime(&t); char s[64]; strftime(s, sizeof s, "%F %T", m); puts(s); struct timeval v; printf("%d %d\n", gettimeofday(&v, 0), v.tv_sec > 1000000000); printf("%d\n", getpid() > 0); return 0; }
