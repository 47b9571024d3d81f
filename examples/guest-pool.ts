/**
 * Boot once, fork many: a guest that has come as far as its start-up goes is forked for each piece of work, which begins where the guest left off. Pages are
 * copied only where they are written, and a guest that is never asked costs next to nothing.
 *
 *   npx tsx examples/guest-pool.ts
 */
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { vhe } from "@eltwo/plugin-vhe"
import { Vm } from "@eltwo/vmm/promise"

/** Start-up fills a table with squares; then, for ever: takes a number from X0, leaves its square in X1 at `ready`. */
const SERVICE = `
.globl _start
_start:
    mov x2, #0x40100000
    mov x3, #0
fill:
    mul x4, x3, x3
    str x4, [x2, x3, lsl #3]
    add x3, x3, #1
    cmp x3, #4096
    b.ne fill
ready:
    nop
    ldr x1, [x2, x0, lsl #3]
    b ready
`
/** Guest-physical address of `ready`: the eighth instruction of RAM. */
const READY = 0x4000_0000n + 7n * 4n

/** Answers each number by a guest of its own; all of them are forked at once. */
export const squares = async (
  numbers: readonly number[]
): Promise<{ readonly answers: readonly bigint[]; readonly boot: number; readonly each: number }> => {
  const service = await Vm.make({ guest: { source: SERVICE }, kind: "vm", mem: "16M", plugin: [fpsimd, vhe] })
  try {
    await service.run({ until: READY })
    const boot = service.executed
    const pool = numbers.map((number) => ({ number, guest: service.fork() }))
    const answers: bigint[] = []
    let executed = 0
    for (const { number, guest } of pool) {
      guest.writeRegister("X0", BigInt(number))
      await guest.run({ until: READY })
      answers.push(guest.readRegister("X1"))
      executed += guest.executed - boot
      guest.close()
    }
    return { answers, boot, each: executed / numbers.length }
  } finally {
    service.close()
  }
}
if (process.argv[1]?.endsWith("guest-pool.ts"))
  void squares([3, 14, 159]).then(({ answers, boot, each }) => {
    console.log(`started once, in ${boot} instructions; ${each} instructions for each answer`)
    console.log(answers.join(" "))
  })
