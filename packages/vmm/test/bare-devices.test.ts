/** The PL011 and semihosting by themselves: registers, and calls over a memory of bytes. */
import { describe, expect, it } from "vitest"
import { Pl011 } from "../src/personality/bare/pl011.ts"
import { type GuestView, Semihosting } from "../src/personality/bare/semihosting.ts"
import type { HostTree } from "../src/personality/linux/host.ts"

const uartOf = (input = "") => {
  const sent: number[] = []
  const typed = [...new TextEncoder().encode(input)]
  const asserted: boolean[] = []
  const uart = new Pl011({ write: (byte) => sent.push(byte), read: () => typed.shift() }, (level) => asserted.push(level))
  return {
    uart,
    text: () => String.fromCharCode(...sent),
    interrupt: () => asserted.at(-1) ?? false,
    read: (offset: number) => Number(uart.read(offset)),
    write: (offset: number, value: number) => uart.write(offset, 4, BigInt(value))
  }
}
const [DR, FR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, ICR] = [0, 0x18, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38, 0x3c, 0x40, 0x44]
const RX = 1 << 4
const TX = 1 << 5

describe("PL011", () => {
  it("identifies itself", () => {
    const { read } = uartOf()
    expect(Array.from({ length: 8 }, (_, i) => read(0xfe0 + 4 * i))).toEqual([0x11, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1])
  })
  it("registers at reset, and which of their bits can be written", () => {
    const { read, write, uart } = uartOf()
    const values = () => [IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, FR].map((offset) => read(offset!))
    expect(values()).toEqual([0, 0, 0, 0x300, 0x12, 0, 0, 0, 0x97])
    for (const offset of [IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, FR, 0x100]) write(offset!, 0xffff_ffff)
    expect(values()).toEqual([0xffff, 0x3f, 0xff, 0xffff, 0x3f, 0x7ff, 0, 0, 0x97])
    expect(read(0x100)).toBe(0)
    uart.reset()
    expect(values()).toEqual([0, 0, 0, 0x300, 0x12, 0, 0, 0, 0x97])
  })
  it("sends at once, and says so by interrupt", () => {
    const { read, write, text, interrupt } = uartOf()
    write(DR!, 0x141)
    write(DR!, 0x42)
    expect(text()).toBe("AB")
    expect([read(RIS!), read(MIS!), interrupt()]).toEqual([TX, 0, false])
    write(IMSC!, TX)
    expect([read(MIS!), interrupt()]).toEqual([TX, true])
    write(ICR!, TX)
    expect([read(RIS!), interrupt()]).toEqual([0, false])
  })
  it("receives where the guest waits for input: after it was found missing, not at the first look", () => {
    const { read, interrupt, write } = uartOf("xy")
    write(IMSC!, RX)
    expect(read(FR!) & RX).toBe(RX)
    expect(read(FR!) & RX).toBe(0)
    expect([read(RIS!), interrupt()]).toEqual([RX, true])
    expect([read(DR!), interrupt()]).toEqual([0x78, false])
    expect([read(DR!), read(DR!)]).toEqual([0x79, 0])
  })
  it("holds 16 bytes with FIFOs, one without", () => {
    const { uart, read, write } = uartOf("0123456789abcdefghij")
    expect([uart.receive(), uart.receive()]).toEqual([true, false])
    expect(read(FR!) & 0x40).toBe(0x40)
    write(LCR_H!, 1 << 4)
    for (let i = 1; i < 16; i++) expect(uart.receive()).toBe(true)
    expect(uart.receive()).toBe(false)
    expect(Array.from({ length: 16 }, () => String.fromCharCode(read(DR!))).join("")).toBe("0123456789abcdef")
  })
  it("loops back when told to", () => {
    const { read, write, text } = uartOf()
    write(CR!, 0x380)
    write(DR!, 0x5a)
    expect(text()).toBe("")
    expect(read(DR!)).toBe(0x5a)
  })
})

/** A tree of files in memory. */
const treeOf = (contents: Record<string, string>, writable: boolean): HostTree => {
  const files = new Map(Object.entries(contents).map(([path, text]) => [path, new TextEncoder().encode(text)]))
  const put = (path: string, offset: number, bytes: Uint8Array): boolean => {
    const old = files.get(path)
    if (!old) return false
    const grown = new Uint8Array(Math.max(old.length, offset + bytes.length))
    grown.set(old)
    grown.set(bytes, offset)
    files.set(path, grown)
    return true
  }
  return {
    status: (path) => {
      const file = files.get(path)
      if (file) return { kind: "file", size: file.length, mode: 0o644, inode: 1, modified: 0 }
      return path === "/" ? { kind: "directory", size: 0, mode: 0o755, inode: 2, modified: 0 } : undefined
    },
    readLink: () => undefined,
    read: (path, offset, bytes) => files.get(path)?.slice(offset, offset + bytes),
    list: () => [...files.keys()],
    ...(writable && {
      change: {
        write: put,
        truncate: (path, size) => files.set(path, (files.get(path) ?? new Uint8Array(0)).slice(0, size)) !== undefined,
        create: (path) => files.set(path, new Uint8Array(0)) !== undefined,
        makeDirectory: () => false,
        remove: (path) => files.delete(path),
        setMode: () => true,
        setModified: () => true,
        rename: (from, to) => {
          const file = files.get(from)
          if (!file) return false
          files.set(to, file)
          return files.delete(from)
        }
      }
    })
  }
}
const MEMORY = 0x4000
const hostOf = (input: string, tree?: HostTree) => {
  const bytes = new Uint8Array(MEMORY)
  const inside = (address: bigint, length: number) => address >= 0n && address + BigInt(length) <= BigInt(MEMORY)
  const memory: GuestView = {
    read: (address, length) => (inside(address, length) ? bytes.slice(Number(address), Number(address) + length) : undefined),
    write: (address, data) => {
      if (!inside(address, data.length)) return false
      bytes.set(data, Number(address))
      return true
    }
  }
  let output = ""
  let errors = ""
  const typed = [...new TextEncoder().encode(input)]
  const semihosting = new Semihosting({
    host: {
      streams: {
        readInput: () => new Uint8Array(0),
        writeOutput: (_stream, data) => {
          errors += new TextDecoder().decode(data)
          return true
        },
        isTerminal: (stream) => stream === 0
      },
      tree,
      startTime: 1_700_000_000_000_000_000n,
      random: (length) => new Uint8Array(length)
    },
    memory,
    nanoseconds: () => 2_345_678_901n,
    commandLine: "guest a b",
    heap: { heapBase: 1n, heapLimit: 2n, stackBase: 3n, stackLimit: 4n },
    console: {
      write: (byte) => {
        output += String.fromCharCode(byte)
      },
      flush: () => {},
      read: () => typed.shift()
    }
  })
  const view = new DataView(bytes.buffer)
  /** Calls with a block of words at 0x100. */
  const call = (operation: number, ...words: (number | bigint)[]): bigint => {
    for (const [i, word] of words.entries()) view.setBigUint64(0x100 + 8 * i, BigInt.asUintN(64, BigInt(word)), true)
    const result = semihosting.call(operation, 0x100n)
    return result.kind === "return" ? BigInt.asIntN(64, result.value) : BigInt(result.status)
  }
  const put = (address: number, text: string): number => {
    bytes.set(new TextEncoder().encode(`${text}\0`), address)
    return text.length
  }
  return {
    call,
    semihosting,
    put,
    open: (name: string, mode: number) => call(0x01, 0x200, mode, put(0x200, name)),
    text: (address: number, length: number) => new TextDecoder().decode(bytes.subarray(address, address + length)),
    word: (address: number) => view.getBigUint64(address, true),
    output: () => output,
    errors: () => errors
  }
}
const [OPEN, CLOSE, WRITE, READ, ISERROR, ISTTY, SEEK, FLEN, REMOVE, RENAME, ERRNO] = [1, 2, 5, 6, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x13]
const ENOENT = 2n
const EBADF = 9n
const EFAULT = 14n

describe("semihosting", () => {
  it("console: standard output and error, a line of input, terminals", () => {
    const { call, open, put, output, errors, text } = hostOf("one\ntwo")
    const [input, out, error] = [open(":tt", 0), open(":tt", 4), open(":tt", 8)]
    expect(call(WRITE!, out, 0x300, put(0x300, "hello"))).toBe(0n)
    expect(call(WRITE!, error, 0x300, 4)).toBe(0n)
    expect([output(), errors()]).toEqual(["hello", "hell"])
    expect(call(READ!, input, 0x300, 10)).toBe(6n)
    expect(text(0x300, 4)).toBe("one\n")
    expect(call(READ!, input, 0x300, 10)).toBe(7n)
    expect(call(READ!, input, 0x300, 10)).toBe(10n)
    expect([call(ISTTY!, input), call(ISTTY!, out), call(ISTTY!, 77)]).toEqual([1n, 0n, -1n])
    expect([call(READ!, out, 0x300, 10), call(ERRNO!)]).toEqual([10n, EBADF])
    expect([call(CLOSE!, input), call(CLOSE!, input)]).toEqual([0n, -1n])
  })
  it("files of the tree, read-only", () => {
    const { call, open, text } = hostOf("", treeOf({ "/a.txt": "0123456789" }, false))
    const file = open("/a.txt", 0)
    expect(file).toBeGreaterThan(0n)
    expect(call(FLEN!, file)).toBe(10n)
    expect(call(READ!, file, 0x300, 4)).toBe(0n)
    expect(text(0x300, 4)).toBe("0123")
    expect(call(SEEK!, file, 8)).toBe(0n)
    expect(call(READ!, file, 0x300, 4)).toBe(2n)
    expect(text(0x300, 4)).toBe("8923")
    expect(call(READ!, file, 0x300, 4)).toBe(4n)
    expect([open("/b.txt", 0), call(ERRNO!)]).toEqual([-1n, ENOENT])
    expect([open("/../../a.txt", 0) > 0n, open("/a.txt", 4)]).toEqual([true, -1n])
    expect(call(REMOVE!, 0x200, 6)).toBe(-1n)
  })
  it("files of the tree, writable", () => {
    const { call, open, put, text } = hostOf("", treeOf({ "/a.txt": "old" }, true))
    const file = open("/new", 6)
    expect(call(WRITE!, file, 0x300, put(0x300, "contents"))).toBe(0n)
    expect(call(SEEK!, file, 3)).toBe(0n)
    expect(call(READ!, file, 0x300, 16)).toBe(11n)
    expect(text(0x300, 5)).toBe("tents")
    const appended = open("/a.txt", 8)
    expect(call(WRITE!, appended, 0x300, 2)).toBe(0n)
    expect(call(FLEN!, appended)).toBe(5n)
    put(0x200, "/a.txt")
    put(0x280, "/b.txt")
    expect(call(RENAME!, 0x200, 6, 0x280, 6)).toBe(0n)
    expect([open("/a.txt", 0), open("/b.txt", 0) > 0n]).toEqual([-1n, true])
    put(0x200, "/b.txt")
    expect([call(REMOVE!, 0x200, 6), open("/b.txt", 0)]).toEqual([0n, -1n])
  })
  it("without a tree there are no files", () => expect(hostOf("").open("/etc/passwd", 0)).toBe(-1n))
  it("says what it can do", () => {
    const { call, open, text } = hostOf("")
    const features = open(":semihosting-features", 0)
    expect(call(FLEN!, features)).toBe(5n)
    expect(call(READ!, features, 0x300, 5)).toBe(0n)
    expect(text(0x300, 5)).toBe("SHFB\x03")
    expect(open(":semihosting-features", 4)).toBe(-1n)
  })
  it("single characters and texts", () => {
    const { semihosting, put, output } = hostOf("q")
    put(0x300, "text")
    semihosting.call(3, 0x300n)
    semihosting.call(4, 0x301n)
    semihosting.call(4, 0x9999n)
    expect(output()).toBe("text")
    expect([semihosting.call(7, 0n), semihosting.call(7, 0n)]).toEqual([
      { kind: "return", value: 0x71n },
      { kind: "return", value: 0xffff_ffff_ffff_ffffn }
    ])
  })
  it("time, command line, heap", () => {
    const { call, word, text } = hostOf("")
    expect([call(0x10), call(0x11), call(0x31)]).toEqual([234n, 1_700_000_002n, 1_000_000_000n])
    expect([call(0x30), word(0x100)]).toEqual([0n, 2_345_678_901n])
    expect(call(0x15, 0x300, 10)).toBe(0n)
    expect([text(0x300, 10), word(0x108)]).toEqual(["guest a b\0", 9n])
    expect(call(0x15, 0x300, 9)).toBe(-1n)
    expect(call(0x16, 0x300)).toBe(0n)
    expect([0x300, 0x308, 0x310, 0x318].map(word)).toEqual([1n, 2n, 3n, 4n])
  })
  it("ends with a status of the program's own, or 1", () => {
    const { call } = hostOf("")
    expect([call(0x18, 0x20026, 42), call(0x20, 0x20026, -1), call(0x18, 0x20024, 0), call(0x18, 0, 0)]).toEqual([42n, -1n, 1n, 1n])
  })
  it("bad addresses, lengths, handles and operations fail alone", () => {
    const { call, semihosting, open } = hostOf("")
    const out = open(":tt", 4)
    expect([call(OPEN!, 0x9_0000, 0, 3), call(ERRNO!)]).toEqual([-1n, EFAULT])
    expect(call(OPEN!, 0x200, 0, 2n ** 63n)).toBe(-1n)
    expect(call(OPEN!, 0x200, 99, 3)).toBe(-1n)
    expect(call(WRITE!, out, 0x9_0000, 16)).toBe(16n)
    expect(call(WRITE!, out, 0, 2n ** 40n)).toBe(2n ** 40n)
    expect(call(READ!, 99, 0x300, 16)).toBe(16n)
    expect([call(SEEK!, out, 0), call(FLEN!, out), call(0x99), call(0x12), call(0x0d)]).toEqual([-1n, -1n, -1n, -1n, -1n])
    expect([call(ISERROR!, -5), call(ISERROR!, 5)]).toEqual([1n, 0n])
    for (let operation = 0; operation < 0x40; operation++)
      for (const parameter of [2n ** 64n - 1n, 0x3ff9n, 2n ** 63n]) expect(() => semihosting.call(operation, parameter)).not.toThrow()
  })
})
