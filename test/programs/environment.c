#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>
int main(void) { printf("%lu %d\n", getauxval(AT_PAGESZ), getauxval(AT_RANDOM) != 0); printf("%ld\n", sysconf(_SC_PAGESIZE)); printf("%d %d\n", (getauxval(AT_HWCAP) & 3) == 3, getauxval(AT_ENTRY) != 0); setenv("ELTWO_X", "y", 1); puts(getenv("ELTWO_X")); char c[100]; printf("%d\n", getcwd(c, sizeof c) != 0); return 0; }
