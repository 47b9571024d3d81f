/** Recorded guests under a protected host whose processor is the recorded one, as far as hyp code can tell: SVE of 16 to 256 bytes, SME, FPMR. */
import { createBoard } from "@eltwo/cpu"
import { base, composeOrThrow, type Machine } from "@eltwo/isa"
import { createHost, type Host, type KvmEvent, type Mode, type RunExit, VcpuFeature, type Vm } from "@eltwo/kvm"
import { fpmr } from "@eltwo/plugin-fpmr"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { sme } from "@eltwo/plugin-sme"
import { sve } from "@eltwo/plugin-sve"
import { expect } from "vitest"
import { GUEST_RAM, ok, PSCI_0_2 } from "../../vhe/test/machine.ts"
import { type RecordedEvent as AnyRecorded, type RecordedExit, recordedGuest } from "../../vhe/test/recorded.ts"

/** `z`: vectors moved. */
export type RecordedEvent = AnyRecorded & { readonly z?: number }

export const machine: Machine = composeOrThrow([base, fpsimd, sve, sme, fpmr])
const RAM = 0x80000000
const RAM_BYTES = 64 << 20
const GUEST_BYTES = 0x10000
/** Vector lengths in bits: every multiple of 128; streaming ones: every power of two. */
const LENGTHS = { vectorLengths: Array.from({ length: 16 }, (_, i) => 128 * (i + 1)), streamingVectorLengths: [128, 256, 512, 1024, 2048] }
export const bootProtected = (mode: Mode, pes = 1): Host =>
  createHost({ board: createBoard({ isa: machine, ramBase: RAM, ramBytes: RAM_BYTES, pes, ...LENGTHS }), mode })

const PROGRAM = 0x400000
const DATA = 0x500000
const KVM_RUN_PAGE = 0x600000
const SYSTEM_EVENT = 24
const MMIO_ANSWER = 0x1122334455667788n
const D0 = 0xaaaaaaaaaaaaaaaan
const D31 = 0x5555555555555555n

/** Words of a program: one instruction a line, `name:` for labels, `=name` for a label as operand. */
export const assemble = (source: string, address: number): Uint8Array => {
  const labels = new Map<string, number>()
  const lines = source
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  let at = address
  for (const line of lines)
    if (line.endsWith(":")) labels.set(line.slice(0, -1), at)
    else at += 4
  at = address
  const words: number[] = []
  for (const line of lines) {
    if (line.endsWith(":")) continue
    const text = line.replace(/=(\w+)/g, (_, name: string) => `0x${labels.get(name)!.toString(16)}`)
    const word = text.startsWith(".word ") ? Number(text.slice(6)) : machine.table.assemble(text, { address: at })
    if (word === undefined) throw new Error(`Cannot assemble '${line}'`)
    words.push(word)
    at += 4
  }
  return new Uint8Array(Uint32Array.from(words).buffer)
}

/** What the host thread does with its registers before and after each KVM_RUN. */
const FP_THREAD = { before: "ldr d0, [x21]\nldr d31, [x21, #8]", after: "str d0, [x21, #64]\nstr d31, [x21, #72]" }
/** Vectors of ones and twos; afterwards the bytes are summed, as the recorded thread did: a system call keeps the first sixteen. */
const SVE_THREAD = {
  before: "dup z0.b, #1\ndup z31.b, #2",
  after: `
    str d0, [x21, #64]
    ptrue p1.b
    uaddv d1, p1, z0.b
    str d1, [x21, #88]
    uaddv d1, p1, z31.b
    str d1, [x21, #96]
    rdvl x10, #1
    str x10, [x21, #104]`
}
const REPORT_BYTES = 48
const driver = ({ before, after }: typeof FP_THREAD): string => `
  movz x21, #${DATA >> 16}, lsl #16
  movz x0, #${KVM_RUN_PAGE >> 16}, lsl #16
  mov x1, #4096
  mov x2, #3
  mov x3, #1
  mov x4, x20
  mov x5, #0
  mov x8, #222
  svc #0
  mov x19, x0
again:
  ldr x9, [x21, #16]
  str x9, [x19, #40]
  ${before}
  mov x0, x20
  mov x1, #0xae80
  mov x2, #0
  mov x8, #29
  svc #0
  ${after}
  str x0, [x21, #80]
  mov x0, #1
  add x1, x21, #64
  mov x2, #${REPORT_BYTES}
  mov x8, #64
  svc #0
  ldr w9, [x19, #8]
  cmp w9, #${SYSTEM_EVENT}
  b.ne =again
  mov x0, #0
  mov x8, #94
  svc #0`

export interface Seen {
  readonly exit: RunExit | string
  readonly d0: bigint
  readonly d31: bigint
  readonly result: bigint
  readonly sums: readonly [bigint, bigint]
  readonly vl: bigint
}
export interface ProtectedRun {
  readonly host: Host
  readonly vm: Vm
  readonly seen: readonly Seen[]
  readonly events: readonly KvmEvent[]
}
export interface RunOptions {
  readonly mode: Mode
  readonly isProtected: boolean
  /** The vCPU's largest vector length in bytes; 0: no SVE. */
  readonly maxVl: number
  /** The host thread uses SVE around each run. */
  readonly hostSve: boolean
}
const PROTECTED = 1n << 31n
/** KVM_REG_ARM64_SVE_VLS. */
const SVE_VLS = 0x6060_0000_0015_ffffn
const lengthsUpTo = (bytes: number): bigint => (1n << BigInt(bytes / 16)) - 1n

export const runRecorded = (name: string, { mode, isProtected, maxVl, hostSve }: RunOptions): ProtectedRun => {
  const host = bootProtected(mode)
  const vm = ok(host.createVm({ type: isProtected ? PROTECTED : 0n }))
  ok(vm.setMemoryRegion({ slot: 0, guestPhysical: GUEST_RAM, bytes: GUEST_BYTES }))
  for (const { address, bytes } of [recordedGuest(name), recordedGuest("vectors")]) expect(vm.write(address, bytes)).toBeUndefined()
  const vcpu = ok(vm.createVcpu(0))
  expect(vcpu.init({ features: PSCI_0_2 | (maxVl ? 1 << VcpuFeature.SVE : 0) })).toBeUndefined()
  if (maxVl) {
    expect(vcpu.setOneReg(SVE_VLS, lengthsUpTo(maxVl))).toBeUndefined()
    expect(vcpu.finalize(VcpuFeature.SVE)).toBeUndefined()
  }
  vcpu.registers.pc = BigInt(GUEST_RAM)
  const task = ok(host.createTask())
  ok(host.mapMemory(task, PROGRAM, assemble(driver(hostSve ? SVE_THREAD : FP_THREAD), PROGRAM), { execute: true }))
  ok(host.mapMemory(task, DATA, new Uint8Array(BigUint64Array.of(D0, D31, MMIO_ANSWER).buffer), { write: true }))
  task.registers.pc = BigInt(PROGRAM)
  task.registers.x[20] = BigInt(task.open(vcpu.file))
  const seen: Seen[] = []
  task.files.set(1, {
    write(bytes) {
      const [d0, d31, result, z0, z31, vl] = new BigUint64Array(bytes.slice().buffer)
      seen.push({ exit: vcpu.lastExit, d0: d0!, d31: d31!, result: result!, sums: [z0!, z31!], vl: vl! })
      return bytes.length
    }
  })
  const events: KvmEvent[] = []
  const stop = host.subscribe((e) => events.push(e))
  expect(host.runTask(task, 100_000)).toBe("ended")
  stop()
  expect(task.ended).toEqual({ status: 0 })
  return { host, vm, seen, events }
}

/** What user space saw of a run, and what the host thread found in its registers. */
export const userSees = ({ exit, d0, d31, sums, vl }: Seen, hostSve: boolean, hostKnown = true): object => {
  const host = !hostKnown
    ? undefined
    : hostSve
      ? { d0: hex(d0), z0sum: Number(sums[0]), z31sum: Number(sums[1]), vl: Number(vl) }
      : { d0: hex(d0), d31: hex(d31) }
  if (typeof exit === "string") return { errno: exit }
  if (exit.reason === "mmio")
    return {
      exit: "MMIO",
      write: Number(exit.isWrite),
      len: exit.bytes,
      addr: hex(exit.physical),
      data: hex(exit.isWrite ? exit.value : MMIO_ANSWER),
      host
    }
  return exit.reason === "systemEvent" ? { exit: "SYSTEM_EVENT", type: exit.type, host } : { exit: exit.reason }
}
/** The same of a recording. */
export const userSaw = ({ exit, write, len, addr, data, type, host }: RecordedExit): object =>
  exit === "MMIO" ? { exit, write, len, addr, data, host } : { exit, type, host }
const hex = (value: bigint | number): string => `0x${value.toString(16)}`

const IN_HYP = new Set(["exc", "eret", "msr", "mrs", "isb", "save", "load"])
const ABORTS: ReadonlySet<number> = new Set([0x20, 0x24])
/** Hyp code's steps of a recording, one line each. Lists of registers are shown the first time only there, so they are compared apart. */
export const recordedLines = (events: readonly RecordedEvent[]): readonly string[] =>
  events
    .filter((e) => IN_HYP.has(e.what) && e.where === "hyp")
    .map((e) => {
      const { what, reg, phys, value } = e
      switch (what) {
        case "exc": {
          const call = e.hcall === undefined ? "" : ` call=${e.hcall}`
          return `exc ${e.from} ec=${e.ec} iss=${e.iss}${e.ipa ? ` ipa=${e.ipa}` : ""}${e.x0 ? ` x0=${e.x0}` : ""}${call}`
        }
        case "eret":
          return `eret ${e.to} cptr=${e.cptr}`
        case "msr":
        case "mrs":
          return `${what} ${reg}${phys && phys !== reg ? `>${phys}` : ""} ${value}`
        case "save":
        case "load":
          return `${what} ${e.mem} ${e.q ? `q=${e.q}` : `z=${e.z}`}`
        default:
          return what
      }
    })
/** The model's, in the same form, without the host's own faults on memory that it has not touched before: a recording counts those together. */
export const modelLines = (events: readonly KvmEvent[]): readonly string[] => {
  let inHostFault = false
  return events.flatMap((e): readonly string[] => {
    if (e.what === "exc" && e.where === "hyp" && e.from !== "guest-el1" && ABORTS.has(e.ec)) inHostFault = true
    const line = inHostFault ? undefined : modelLine(e)
    if (inHostFault && e.what === "eret") inHostFault = false
    return line === undefined ? [] : [line]
  })
}
const modelLine = (e: KvmEvent): string | undefined => {
  if (!("where" in e) || e.where !== "hyp") return undefined
  switch (e.what) {
    case "exc": {
      const parts = [
        `exc ${e.from} ec=${hex(e.ec)} iss=${hex(e.iss)}`,
        e.ipa === undefined ? "" : ` ipa=${hex(e.ipa)}`,
        e.x0 === undefined ? "" : ` x0=${hex(e.x0)}`,
        e.hostCall === undefined ? "" : ` call=${e.hostCall}`
      ]
      return parts.join("")
    }
    case "eret":
      return `eret ${e.to} cptr=${hex(e.cptr)}`
    case "msr":
    case "mrs": {
      const isAddress = (e.register === "VTTBR_EL2" && e.value !== 0n) || (e.physical ?? e.register) === "VBAR_EL2"
      return `${e.what} ${e.register}${e.physical ? `>${e.physical}` : ""} ${isAddress ? "set" : hex(e.value)}`
    }
    case "isb":
      return "isb"
    case "save":
    case "load":
      return `${e.what} ${e.memory} ${e.component === "fpsimd" ? "q=32" : "z=32"}`
    default:
      return undefined
  }
}
