#include <stdio.h>
int main(void) { puts("before"); fflush(stdout); return *(volatile int *)8; }
