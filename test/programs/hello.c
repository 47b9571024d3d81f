#include <stdio.h>
int main(int argc, char **argv) { printf("hello from %d argument%s\n", argc - 1, argc == 2 ? "" : "s"); for (int i = 1; i < argc; i++) puts(argv[i]); return argc > 1 ? 3 : 0; }
