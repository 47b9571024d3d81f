/** Calls of PSCI, of SMCCC services, and those user space takes. */
import { DATA, RAM, TAG } from "../guest-assembler.ts"
import { callWithAll, guest, psci, psciWide, type RealKernelGuest, range, smccc } from "./guest.ts"

export const FIRMWARE_GUESTS: readonly RealKernelGuest[] = [
  guest(
    "psci",
    [
      psci(0),
      ...range(24).map((f) => psci(10, [0x84000000 + f])),
      ...range(24).map((f) => psci(10, [0xc4000000 + f])),
      psci(10, [0x80000000]),
      psci(10, [0x80000001]),
      psci(10, [0x95c1ba5e]),
      psci(3, [7, RAM]),
      psci(3, [0, RAM]),
      psciWide(3, [0, RAM]),
      psciWide(3, [0x1_0000_0000_0000n, RAM]),
      psci(4, [0, 0]),
      psci(4, [0, 3]),
      psci(4, [0, 4]),
      psci(4, [0x100, 0]),
      psciWide(4, [0, 1]),
      psciWide(4, [0x100, 1]),
      psci(6),
      psci(5),
      psci(7),
      psciWide(6),
      psci(14, [RAM]),
      psci(15),
      psciWide(18, [1]),
      psci(18, [1]),
      psciWide(21, [2]),
      psciWide(21, [0, 1]),
      psci(31),
      smccc(0x84000020),
      smccc(0x95c1ba5e),
      smccc(0x95c1ba5f),
      smccc(0x95c1ba60),
      smccc(0x84000000, [9, 9, 9], "smc #0"),
      smccc(0x84000000, [9, 9, 9], "smc #7"),
      smccc(0x84000000, [9, 9, 9], "hvc #7")
    ].join("\n")
  ),
  guest(
    "hypercalls",
    [
      callWithAll(0x80000000),
      ...[0x80000000, 0x80000001, 0x80000002, 0x80008000, 0x80007fff, 0x80003fff, 0xc5000020, 0x84000000, 0x80000003].map((f) =>
        smccc(0x80000001, [f])
      ),
      ...[0x80000002, 0x80000003, 0x80008000, 0x80007fff, 0x80003fff].map((f) => smccc(f)),
      callWithAll(0x8600ff01),
      callWithAll(0x86000000),
      smccc(0x86000001, [7]),
      ...[2, 3, 4, 7, 0x40, 0x41, 0xff00, 0xff03].map((f) => smccc(0x86000000 + f)),
      ...[0x50, 0x51].map((f) => callWithAll(0x84000000 + f, [0x84000053])),
      ...[64, 0, 193].map((bits) => smccc(0xc4000053, [bits], "hvc #0", false)),
      ...[1, 96, 97].map((bits) => smccc(0x84000053, [bits], "hvc #0", false)),
      callWithAll(0x84000052),
      smccc(0xc5000020, [0xc5000021]),
      smccc(0xc5000021),
      ...[0x82000000, 0x83000000, 0x85000000, 0xb2000000, 0xbf00ff01, 0, 1, 0xffffffff, 0xc6000000, 0x86ffffff].map((f) => smccc(f))
    ].join("\n")
  ),
  guest("off", `${psci(8)}`),
  guest("reset", psci(9)),
  guest("reset2", psciWide(18, [0, 5])),
  guest("reset2-vendor", psci(18, [0x80000001])),
  guest("off2", psciWide(21, [1])),
  guest("off2-zero", psci(21, [0])),
  guest(
    "two-vcpus",
    `
    mrs x1, mpidr_el1
    and x1, x1, #0xff
    cbnz x1, =second
    mrs x0, mpidr_el1
    report x0
    ${psci(4, [1])}
    set x3, 0x1234
    set x0, 0xc4000003
    set x1, 1
    set x2, ${RAM}
    hvc #0
    report x0
    ${psci(4, [1])}
    ${psciWide(3, [1, RAM])}
    fmov d9, #3.0
    set x5, ${DATA}
    set x6, 0x77
    str x6, [x5]
    report xzr, ${TAG.switch}
    fmov x0, d9
    report x0
    ldr x0, [x5]
    report x0
    ldr x0, [x5, #8]
    report x0
    report xzr, ${TAG.switch}
    ${psci(4, [1])}
    ${psci(8)}
    second:
    mrs x0, mpidr_el1
    report x0
    fmov x0, d9
    report x0
    set x5, ${DATA}
    ldr x0, [x5]
    report x0
    set x6, 0x99
    str x6, [x5]
    mrs x0, sp_el0
    report x0
    report x3
    fmov d9, #7.0
    report xzr, ${TAG.switch}
    fmov x0, d9
    report x0
    ${psci(4, [0])}`,
    { vcpus: 2 }
  ),
  guest(
    "filtered-calls",
    `
    ${[0xc6000000, 0xc6000003, 0xc6000004, 0xc7000000, 0xc7000001].map((f) => smccc(f)).join("\n")}
    ${smccc(0xc6000001, [1, 2, 3], "smc #0")}
    ${smccc(0xc6000001, [1, 2, 3], "hvc #5")}
    ${smccc(0x84000000)}`,
    { filter: true }
  ),
  guest(
    "psci-0-1",
    `
    ${[0x84000000, 0x84000004, 0x84000006, 0x8400000a, 0x95c1ba5e, 0x95c1ba60, 0x95c1ba61, 0x80000000].map((f) => smccc(f)).join("\n")}
    ${smccc(0x80000001, [0x84000000])}
    ${smccc(0x95c1ba60, [0, RAM])}`,
    { oldPsci: true }
  )
]
