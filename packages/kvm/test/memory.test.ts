/** Guest memory: host pages behind stage 2, mapped when touched. */

import { EC } from "@eltwo/isa"
import { REG, type Vcpu } from "@eltwo/kvm"
import { describe, expect, it } from "vitest"
import { assemble, boot, GUEST_RAM, guest, newBoard, ok, PSCI_0_2 } from "../../../plugins/vhe/test/machine.ts"
import { PageTables, type TableMemory } from "../src/host/page-tables.ts"
import { PhysicalPages } from "../src/host/physical-pages.ts"

const x = (vcpu: Vcpu, n: number): bigint => vcpu.getOneReg(REG.x(n)) as bigint
const halt = (immediate: number) => ({ reason: "debug", immediate })
/** Touches `count` pages of 4 KiB from X1 on. */
const TOUCH = "again:\nstrb wzr, [x1]\nadd x1, x1, #4096\nsubs x2, x2, #1\nb.ne =again\nhlt #1"

describe("slots", () => {
  it("are the host's own pages: both sides see each write", () => {
    const { vcpu, vm } = guest("movz x1, #0x5000, lsl #16\nldr x2, [x1]\nstr x2, [x1, #8]\nhlt #1")
    const region = ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x50000000, bytes: 0x3000 }))
    region.bytes.set([1, 2, 3, 4, 5, 6, 7, 8])
    expect(vcpu.run(100)).toEqual(halt(1))
    expect([...region.bytes.subarray(8, 16)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(vm.read(0x50000008, 8)).toEqual(region.bytes.slice(8, 16))
  })
  it("map page by page, or in blocks of 2 MiB where both sides allow", () => {
    const { vcpu, vm, host } = guest(TOUCH)
    const faults = () => host.account.exits.get("DataAbortLower") ?? 0
    const touch = (from: number, pages: number): number => {
      const before = faults()
      vcpu.setOneReg(REG.x(1), BigInt(from))
      vcpu.setOneReg(REG.x(2), BigInt(pages))
      vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM))
      expect(vcpu.run(100_000)).toEqual(halt(1))
      return faults() - before
    }
    ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x50000000, bytes: 4 << 20 }))
    expect(touch(0x50000000, 1024)).toBe(2)
    expect(touch(0x50000000, 1024)).toBe(0)
    // the same offset within a block is missing: single pages
    ok(vm.setMemoryRegion({ slot: 2, guestPhysical: 0x60007000, bytes: 4 << 20 }))
    expect(touch(0x60007000, 64)).toBe(64)
  })
  it("moved or deleted, they are gone from where they were at once", () => {
    const { vcpu, vm } = guest("movz x1, #0x5000, lsl #16\nldrb w2, [x1]\nhlt #1\nldrb w2, [x1]\nhlt #2")
    const region = ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x50000000, bytes: 0x1000 }))
    region.bytes[0] = 7
    expect(vcpu.run(100)).toEqual(halt(1))
    expect(x(vcpu, 2)).toBe(7n)
    ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x51000000, bytes: 0x1000 }))
    vcpu.completeHalt()
    expect(vcpu.run(100)).toMatchObject({ reason: "mmio", physical: 0x50000000 })
    vcpu.setOneReg(REG.x(1), 0x51000000n)
    vcpu.init({ features: PSCI_0_2 })
    vcpu.setOneReg(REG.x(1), 0x51000000n)
    vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM + 12))
    expect(vcpu.run(100)).toEqual(halt(2))
    expect(x(vcpu, 2)).toBe(7n)
    ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0, bytes: 0 }))
    vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM + 12))
    expect(vcpu.run(100)).toMatchObject({ reason: "mmio", physical: 0x51000000 })
  })
  it("a new slot is zero, whatever its pages held before", () => {
    const { vm } = guest("hlt #1")
    const first = ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0x50000000, bytes: 0x4000 }))
    first.bytes.fill(0xff)
    ok(vm.setMemoryRegion({ slot: 1, guestPhysical: 0, bytes: 0 }))
    const second = ok(vm.setMemoryRegion({ slot: 2, guestPhysical: 0x50000000, bytes: 0x4000 }))
    expect(second.bytes.every((b) => b === 0)).toBe(true)
  })
  it("Vm.write changes code that has run", () => {
    const { vcpu, vm } = guest("again:\nmov x1, #1\nhlt #1\nb =again")
    vcpu.run(100)
    vcpu.completeHalt()
    expect(vm.write(GUEST_RAM, assemble("mov x1, #2"))).toBeUndefined()
    expect(vcpu.run(100)).toEqual(halt(1))
    expect(x(vcpu, 1)).toBe(2n)
    expect(vm.write(GUEST_RAM + 0xfff0, new Uint8Array(32))).toBe("EFAULT")
  })
  it("of two VMs do not meet: the same guest addresses, different pages", () => {
    const host = boot()
    const code = "movz x1, #0x4000, lsl #16\nldrb w3, [x1, #256]\nstrb w2, [x1, #256]\nhlt #1"
    const a = guest(code, { host })
    const b = guest(code, { host })
    a.vcpu.setOneReg(REG.x(2), 1n)
    b.vcpu.setOneReg(REG.x(2), 2n)
    for (const { vcpu } of [a, b, a, b]) {
      vcpu.setOneReg(REG.pc, BigInt(GUEST_RAM))
      expect(vcpu.run(100)).toEqual(halt(1))
    }
    expect([x(a.vcpu, 3), x(b.vcpu, 3)]).toEqual([1n, 2n])
  })
  it("two vCPUs of a VM share memory and nothing else", () => {
    const { vcpu, vm } = guest("movz x1, #0x4000, lsl #16\nldrb w3, [x1, #256]\nstrb w2, [x1, #256]\nhlt #1")
    const second = ok(vm.createVcpu(1))
    second.init({ features: PSCI_0_2 })
    second.setOneReg(REG.pc, BigInt(GUEST_RAM))
    vcpu.setOneReg(REG.x(2), 5n)
    vcpu.run(100)
    expect(second.run(100)).toEqual(halt(1))
    expect([x(second, 3), x(second, 2), x(vcpu, 2)]).toEqual([5n, 0n, 5n])
  })
})

describe("a guest with its own translation", () => {
  it("runs with stage 1 over stage 2: faults of either stage, and of stage 1 walks through stage 2", () => {
    // one 2 MiB block maps the guest's code flat, another VA 0x80000000 to 0x40200000
    const { vcpu, vm, host } = guest(
      `movz x1, #0x4001, lsl #16
       msr ttbr0_el1, x1
       mov x1, #0x3519
       movk x1, #0x80, lsl #16
       msr tcr_el1, x1
       mov x1, #0xff
       msr mair_el1, x1
       isb
       mrs x2, sctlr_el1
       orr x2, x2, #1
       msr sctlr_el1, x2
       isb
       movz x3, #0x8000, lsl #16
       mov x4, #77
       str x4, [x3, #16]
       ldr x5, [x3, #16]
       hlt #1`,
      { bytes: 8 << 20 }
    )
    const table = GUEST_RAM + 0x10000
    const next = GUEST_RAM + 0x11000
    const second = GUEST_RAM + 0x12000
    const put = (address: number, value: bigint) => vm.write(address, new Uint8Array(BigUint64Array.of(value).buffer))
    const block = 0x701n | (1n << 54n)
    put(table + 8 * 1, BigInt(next) | 3n)
    put(table + 8 * 2, BigInt(second) | 3n)
    put(next, BigInt(GUEST_RAM) | 0x701n)
    put(second, BigInt(GUEST_RAM + 0x200000) | block)
    expect(vcpu.run(1000)).toEqual(halt(1))
    expect(x(vcpu, 5)).toBe(77n)
    expect(vm.read(GUEST_RAM + 0x200010, 1)).toEqual(Uint8Array.of(77))
    expect(host.account.exits.get("InstructionAbortLower")).toBeGreaterThanOrEqual(1)
  })
})

describe("tables", () => {
  /** Table memory in a map. */
  const memory = (): TableMemory & { pages: Set<number>; words: Map<number, bigint> } => {
    const pages = new Set<number>()
    const words = new Map<number, bigint>()
    let next = 0x100000
    return {
      pages,
      words,
      allocate: () => {
        next += 4096
        pages.add(next)
        return next
      },
      free: (page) => {
        expect(pages.delete(page)).toBe(true)
        for (let i = 0; i < 512; i++) words.delete(page + 8 * i)
      },
      read: (at) => words.get(at) ?? 0n,
      write: (at, descriptor) => void words.set(at, descriptor)
    }
  }
  it("find what was mapped, at any size", () => {
    const tables = new PageTables(memory(), 0x1000, 1, 40)
    expect(tables.map(0x40000000, 0x80000000, 2 ** 30, 0x400n)).toBe(true)
    expect(tables.leaf(0x40123456)).toEqual({ physical: 0x80123456, bytes: 2 ** 30, attributes: 0x400n })
    expect(tables.map(0x8000000000, 0x200000, 0x201000, 0x400n)).toBe(true)
    expect(tables.leaf(0x8000000000 + 0x1ff000)).toMatchObject({ physical: 0x3ff000, bytes: 2 ** 21 })
    expect(tables.leaf(0x8000000000 + 0x200ffc)).toMatchObject({ physical: 0x400ffc, bytes: 4096 })
    expect(tables.leaf(0x8000000000 + 0x201000)).toBeUndefined()
  })
  it("split a block when a page in it changes, and give tables back when a block replaces them", () => {
    const m = memory()
    const tables = new PageTables(m, 0x1000, 1, 40)
    tables.map(0, 0x40000000, 2 ** 21, 0x400n)
    tables.map(0x3000, 0x7000, 4096, 0x480n)
    expect(tables.leaf(0x3010)).toEqual({ physical: 0x7010, bytes: 4096, attributes: 0x480n })
    expect(tables.leaf(0x4010)).toEqual({ physical: 0x40004010, bytes: 4096, attributes: 0x400n })
    const before = m.pages.size
    tables.map(0, 0x40000000, 2 ** 21, 0x400n)
    expect(m.pages.size).toBe(before - 1)
    expect(tables.unmap(0, 2 ** 21)).toBe(true)
    expect(tables.unmap(0, 2 ** 21)).toBe(false)
    tables.destroy()
    expect(m.pages.size).toBe(0)
  })
  it("are refused when there is no page for them", () => {
    const m = { ...memory(), allocate: () => undefined }
    expect(new PageTables(m, 0x1000, 1, 40).map(0, 0, 4096, 0n)).toBe(false)
  })
})

describe("physical pages", () => {
  it("are handed out once, aligned as asked, and joined when they come back", () => {
    const board = newBoard()
    const pages = new PhysicalPages(board)
    const all = pages.available
    const one = ok(pages.allocate(4096))
    const block = ok(pages.allocate(2 << 20, 2 << 20))
    const other = ok(pages.allocate(5000))
    expect(block % (2 << 20)).toBe(0)
    expect(new Set([one, block, other]).size).toBe(3)
    expect(pages.available).toBe(all - 1 - 512 - 2)
    expect(pages.allocate(board.ram.bytes)).toBeUndefined()
    pages.view(other, 5000).fill(1)
    pages.free(other, 5000)
    expect(pages.view(ok(pages.allocate(8192)), 8192).every((b) => b === 0)).toBe(true)
    pages.free(other, 8192)
    pages.free(one, 4096)
    pages.free(block, 2 << 20)
    expect(pages.available).toBe(all)
    expect(pages.allocate(board.ram.bytes)).toBe(board.ram.base)
  })
})

describe("the account", () => {
  it("counts exits by class and transfers by bytes", () => {
    const { vcpu, host } = guest("mov x0, #0x300000\nmsr cpacr_el1, x0\nisb\nfmov d0, x0\nmovz x0, #0x8400, lsl #16\nhvc #0\nfmov d1, x0\nhlt #1")
    const before = { saves: host.account.saves, loads: host.account.loads }
    expect(vcpu.run(100)).toEqual(halt(1))
    const { account } = host
    expect(account.exits.get(EC[EC.FPAccess] as "FPAccess")).toBe(1)
    expect(account.exits.get("HVC64")).toBe(1)
    expect(account.exits.get("InstructionAbortLower")).toBe(1)
    expect(account.exits.get("IRQ")).toBe(1)
    expect(account.fpTraps).toBe(1)
    // host saved at load, guest at put; guest loaded at its trap, host on return
    expect([account.saves - before.saves, account.loads - before.loads]).toEqual([2, 2])
    expect(account.savedBytes).toBe(528 * account.saves)
    expect(account.runs.get("debug")).toBe(1)
    expect(account.entries).toBe(4)
  })
})
