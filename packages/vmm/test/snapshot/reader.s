// reads a line that nobody types
  .text
  .globl _start
_start:
  mov x0, #0
  adr x1, buffer
  mov x2, #60
  mov x8, #63
  svc #0
  mov x8, #94
  svc #0
  .bss
buffer: .skip 64
