/** Machines without files: plugins in hand, guests as source. */
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { hvhe } from "@eltwo/plugin-hvhe"
import { nvhe } from "@eltwo/plugin-nvhe"
import { protectedMode } from "@eltwo/plugin-pkvm"
import { sve } from "@eltwo/plugin-sve"
import { vhe } from "@eltwo/plugin-vhe"
import { textOutput, Vm, type VmConfig } from "../../src/promise.ts"

export const PLUGINS = [fpsimd, vhe, nvhe, hvhe, protectedMode("hvhe"), sve]

/** A program that prints, uses vectors, and ends with status 7. */
export const HELLO = `
.globl _start
_start:
    mov x0, #1
    adr x1, text
    mov x2, #6
    mov x8, #64
    svc #0
    fmov d3, #1.5
    fadd d3, d3, d3
after:
    mov x0, #7
    mov x8, #93
    svc #0
text: .ascii "hello\\n"
`
/** An image that counts in X0 for ever, and in memory at 0x40100000. */
export const COUNTER = `
.globl _start
_start:
    mov x1, #0x40100000
    mov x0, #0
again:
    add x0, x0, #1
    str x0, [x1]
    b again
`
/** A machine of 4 MiB and what it printed. */
export const make = async (config: VmConfig): Promise<{ readonly vm: Vm; readonly output: () => string }> => {
  let output = ""
  const streams = textOutput((text) => {
    output += text
  })
  const vm = await Vm.make({ mem: "4M", plugin: PLUGINS, streams, ...config })
  return { vm, output: () => output }
}
/** The failure of a call that must not succeed. */
export const failureOf = async (call: () => unknown): Promise<{ readonly _tag: string; readonly code: string; readonly reason?: string }> => {
  try {
    await call()
  } catch (error) {
    return error as { readonly _tag: string; readonly code: string }
  }
  throw new Error("it did not fail")
}
