/** Linux programs that wait in a system call, for a signal or for input: saved or forked there, they go on waiting, and go on when it comes. */
import { describe, expect, it } from "vitest"
import type { SnapshotError } from "../../src/errors.ts"
import { Vm } from "../../src/promise.ts"
import { decode, type Plain } from "../../src/snapshot/codec.ts"
import { open, type Section, writeContainer } from "../../src/snapshot/container.ts"
import { consoleOf } from "../snapshot/machines.ts"
import { failureOf, PLUGINS } from "./machines.ts"

/** Makes a call with SIGUSR1 handled (with flags), then ends with the low bits of what it gave, and 64 more if the handler has been called. */
const program = (call: string, flags = 0): string => `
  .text
  .globl _start
_start:
  mov x0, #10
  adr x1, action
  mov x2, #0
  mov x3, #8
  mov x8, #134
  svc #0
  mov x19, #0
  mov x4, #0
  mov x5, #0
  ${call}
  svc #0
  and x0, x0, #63
  add x0, x0, x19
  mov x8, #94
  svc #0
handler:
  mov x19, #64
  str x19, [x2, #336]	// X19 in the frame
  ret
  .balign 8
action: .quad handler, ${SA_SIGINFO + flags}, 0, 0
usr1: .quad 1 << 9
none: .quad 0
word: .word 5
  .bss
buffer: .skip 64
`
const SA_SIGINFO = 4
const SA_RESTART = 0x10000000
const INTERRUPTED = (-4 & 63) + 64
const SIGUSR1 = 10
const READ = "mov x0, #0\n adr x1, buffer\n mov x2, #60\n mov x8, #63"
const FUTEX = "adr x0, word\n mov x1, #0\n mov x2, #5\n mov x3, #0\n mov x8, #98"

/** Input that nobody has typed yet. */
const keyboard = () => {
  let typed: Uint8Array | undefined
  return {
    streams: { ...consoleOf(), readInput: () => typed },
    type: (text: string) => {
      typed = new TextEncoder().encode(text)
    }
  }
}
/** A guest that waits, another one that was restored, and one that was forked from it. */
const waiting = async (source: string, what: "signal" | "input", mode: "vhe" | "pkvm") => {
  const keyboards = [keyboard(), keyboard(), keyboard()] as const
  const vm = await Vm.make({ guest: { source }, mode, mem: "2M", plugin: PLUGINS, streams: keyboards[0].streams })
  expect(await vm.run()).toEqual({ kind: "waiting", for: what })
  const file = vm.snapshot()
  const twin = await Vm.restore(file, { plugin: PLUGINS, streams: keyboards[1].streams })
  const fork = vm.fork({ streams: keyboards[2].streams })
  const all = [vm, twin, fork]
  for (const each of all) {
    expect(Buffer.compare(each.snapshot(), file)).toBe(0)
    expect(await each.run()).toEqual({ kind: "waiting", for: what })
    expect(Buffer.compare(each.snapshot(), file)).toBe(0)
  }
  return { all, keyboards, file }
}
/** They go on in the same way. */
const ends = async (all: readonly Vm[]): Promise<unknown> => {
  const results: unknown[] = []
  for (const vm of all) {
    const end = await vm.run()
    results.push({ end, account: vm.account, executed: vm.executed })
    vm.close()
  }
  expect(results.slice(1)).toEqual([results[0], results[0]])
  return (results[0] as { readonly end: unknown }).end
}

describe.each(["vhe", "pkvm"] as const)("a program that waits, under %s", (mode) => {
  it.each([
    ["rt_sigsuspend", program("adr x0, none\n mov x1, #8\n mov x8, #133"), INTERRUPTED],
    ["ppoll", program("mov x0, #0\n mov x1, #0\n mov x2, #0\n adr x3, none\n mov x4, #8\n mov x8, #73"), INTERRUPTED],
    ["pselect6", program("mov x0, #0\n mov x1, #0\n mov x2, #0\n mov x3, #0\n mov x8, #72"), INTERRUPTED],
    ["futex", program(FUTEX), INTERRUPTED],
    ["rt_sigtimedwait", program("adr x0, usr1\n mov x1, #0\n mov x2, #0\n mov x3, #8\n mov x8, #137"), SIGUSR1],
    ["read, which a signal ends", program(READ), INTERRUPTED]
  ])("in %s goes on when a signal comes", async (name, source, status) => {
    const { all } = await waiting(source, name.startsWith("read") ? "input" : "signal", mode)
    for (const vm of all) vm.signal(SIGUSR1)
    expect(await ends(all)).toEqual({ kind: "exited", status })
  })
  it("in a read goes on when input comes, also behind a signal that lets it begin again", async () => {
    const { all, keyboards } = await waiting(program(READ, SA_RESTART), "input", mode)
    for (const vm of all) {
      vm.signal(SIGUSR1)
      expect(await vm.run()).toEqual({ kind: "waiting", for: "input" })
    }
    for (const { type } of keyboards) type("hello")
    expect(await ends(all)).toEqual({ kind: "exited", status: 5 + 64 })
  })
})
it.each([
  ["anywhere", "mov x0, #33\n mov x9, #20000\n1: subs x9, x9, #1\n b.ne 1b\n mov x8, #172", 5000],
  ["in a call that waits", FUTEX, Number.POSITIVE_INFINITY]
])("a program that SIGSTOP has stopped %s goes on with SIGCONT", async (_, call, maxInstructions) => {
  const vm = await Vm.make({ guest: { source: program(call) }, mem: "2M", plugin: PLUGINS, streams: keyboard().streams })
  await vm.run({ maxInstructions })
  vm.signal(19)
  expect(await vm.run()).toEqual({ kind: "waiting", for: "signal" })
  const file = vm.snapshot()
  const all = [vm, await Vm.restore(file, { plugin: PLUGINS, streams: keyboard().streams }), vm.fork({ streams: keyboard().streams })]
  for (const each of all) {
    expect(Buffer.compare(each.snapshot(), file)).toBe(0)
    if (call === FUTEX) {
      // it goes on waiting
      each.signal(18)
      expect(await each.run()).toEqual({ kind: "waiting", for: "signal" })
      each.signal(SIGUSR1)
    } else {
      // another signal does not make it go on
      each.signal(SIGUSR1)
      expect(await each.run()).toEqual({ kind: "waiting", for: "signal" })
      each.signal(18)
    }
  }
  const end = await ends(all)
  expect(end).toEqual({ kind: "exited", status: call === FUTEX ? INTERRUPTED : (1000 & 63) + 64 })
})
it("a wait that its registers do not say, or that lasts for something else, is refused", async () => {
  const { all, file } = await waiting(program(FUTEX), "signal", "vhe")
  for (const vm of all) vm.close()
  const container = open(file)
  const { format: _, sections: listed, ...header } = container.header
  /** The file with other values of a section. */
  const changed = (name: string, change: (bytes: Uint8Array) => Uint8Array): Uint8Array => {
    const sections = listed.map(({ sha256: __, length: ___, ...entry }): Section => {
      const { bytes } = container.section(entry.name)
      const own = entry.name === name ? change(bytes) : bytes
      return { ...entry, rawLength: entry.codec === "none" ? own.length : entry.rawLength, bytes: own }
    })
    return writeContainer(header, sections)
  }
  const refusal = async (bytes: Uint8Array) => (await failureOf(() => Vm.restore(bytes, { plugin: PLUGINS }))) as unknown as SnapshotError
  const text = (from: string, to: string) => (bytes: Uint8Array) =>
    new Uint8Array(Buffer.from(Buffer.from(bytes).toString("latin1").replace(from, to), "latin1"))
  expect(decode(container.section("wait").bytes, "wait") as Plain).toEqual({ for: "signal" })
  expect((await refusal(changed("wait", text("\xa6signal", "\xa5input")))).message).toBe("section wait: system call 98 that waits for input")
  expect((await refusal(changed("wait", text("\xa6signal", "\xa6nobody")))).code).toBe("SNAPSHOT_SCHEMA")
  // X8 is 97, no call that waits
  const general = (bytes: Uint8Array) => {
    const copy = bytes.slice()
    const place = Buffer.from(copy).indexOf(Buffer.concat([Buffer.from(new BigUint64Array([5n]).buffer), Buffer.alloc(8)]))
    expect(place).toBeGreaterThan(0)
    copy[place + 8 * 6] = 97
    return copy
  }
  expect((await refusal(changed("vm", general))).message).toBe("section wait: system call 97 that waits for signal")
})
