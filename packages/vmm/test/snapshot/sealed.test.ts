/** Snapshots that are sealed with a key: the only ones there are of a protected guest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Either } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { SnapshotError } from "../../src/errors.ts"
import { type Guest, type RestoreRequest, restoreGuest } from "../../src/Guest.ts"
import { nodePlatform } from "../../src/node.ts"
import { Vm } from "../../src/promise.ts"
import { decode, encode, type Plain } from "../../src/snapshot/codec.ts"
import { readContainer } from "../../src/snapshot/container.ts"
import { crc32 } from "../../src/snapshot/crc32.ts"
import { verify } from "../../src/snapshot/inspect.ts"
import { unseal } from "../../src/snapshot/seal.ts"
import { sha256 } from "./apart.ts"
import { consoleOf, difference, guestPath, outcome, restore, saved, start } from "./machines.ts"

const folder = mkdtempSync(join(tmpdir(), "eltwo-sealed-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i * 7 + 1)
const OTHER = KEY.map((byte) => byte ^ 1)

/** Fills a page and its registers with a sequence that is not in its image, then counts in memory. */
const SECRETIVE = join(folder, "secretive.s")
writeFileSync(
  SECRETIVE,
  `_start:
  movz x9, #0x4010, lsl #16
  mov x1, #512
  movz x2, #0x1234
  movz x3, #0x7f2d
  movk x3, #0x4c95, lsl #16
  movk x3, #0xf42d, lsl #32
  movk x3, #0x5851, lsl #48
1: madd x2, x2, x3, x3
  str x2, [x9], #8
  subs x1, x1, #1
  b.ne 1b
  ldp x20, x21, [x9, #-16]
  ldp q8, q9, [x9, #-64]
2: add x4, x4, #1
  str x4, [x9]
  b 2b
`
)
const SECRET_BYTES = 4096
const secretOf = (): Uint8Array => {
  const words = new BigUint64Array(SECRET_BYTES / 8)
  let word = 0x1234n
  for (let i = 0; i < words.length; i++) words[i] = word = BigInt.asUintN(64, word * 0x5851f42d4c957f2dn + 0x5851f42d4c957f2dn)
  return new Uint8Array(words.buffer)
}
/** Runs of 16 bytes of the secret that are somewhere in these bytes. */
const found = (bytes: Uint8Array, secret: Uint8Array): number => {
  const place = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let count = 0
  for (let at = 0; at + 16 <= secret.length; at++) if (place.includes(Buffer.from(secret.subarray(at, at + 16)))) count++
  return count
}
const secretive = { guest: SECRETIVE, kind: "vm", mode: "pkvm", protected: true, mem: "2M" } as const
const sealed = (guest: Guest, key = KEY, parents: readonly Uint8Array[] = []): Promise<Uint8Array> =>
  Effect.runPromise(guest.sealed(key, { parents }))
const opened = async (bytes: Uint8Array, key = KEY): Promise<Uint8Array> => {
  const file = await unseal(bytes, key)
  if (file instanceof SnapshotError) throw file
  return file
}
const refusal = async (request: RestoreRequest): Promise<SnapshotError> => {
  const result = await outcome(restoreGuest({ streams: consoleOf(), ...request }))
  if (Either.isRight(result) || !(result.left instanceof SnapshotError)) throw new Error("not refused")
  return result.left
}

describe.each(["hvhe", "nvhe"])("a protected guest, base %s", (base) => {
  const plugin = [`pkvm,base=${base}`]
  it("goes on exactly from a sealed snapshot", async () => {
    for (const [guest, pieces] of [
      [guestPath("hello-vm"), [40, 7, 700, 300]],
      [SECRETIVE, [1, 2000, 5, 1000]]
    ] as const) {
      const whole = consoleOf()
      const one = await start({ ...secretive, guest, plugin, streams: whole })
      for (const piece of pieces) {
        const bytes = await sealed(one)
        const console = consoleOf()
        const twin = await restore({ snapshots: [bytes], key: KEY, engine: "interp", streams: console })
        expect(difference(await opened(await sealed(twin)), await opened(bytes))).toEqual([])
        const before = whole.output.length
        expect(twin.run(piece)).toEqual(one.run(piece))
        expect(console.output).toBe(whole.output.slice(before))
        expect(twin.account()).toEqual(one.account())
        expect(difference(await opened(await sealed(twin)), await opened(await sealed(one)))).toEqual([])
      }
    }
  })
  it("has nothing of its own in what can be had without the key", async () => {
    const guest = await start({ ...secretive, plugin, streams: consoleOf() })
    guest.run(5000)
    const secret = secretOf()
    const bytes = await sealed(guest)
    expect(found(bytes, secret)).toBe(0)
    // there is something to be found
    expect(found(await opened(bytes), secret)).toBeGreaterThan(4000)
    for (const without of [guest.snapshot(), guest.keep(), guest.snapshot({ sealed: true } as never)]) {
      expect(without).toBeInstanceOf(SnapshotError)
      expect(without).toMatchObject({
        code: "SNAPSHOT_PROTECTED",
        message: "vm: expected a VM whose memory its host can read, found its memory is the guest's alone"
      })
    }
  })
})
describe.each(["hvhe", "nvhe"])("a protected guest on two CPUs, base %s", (base) => {
  const request = { ...secretive, plugin: [`pkvm,base=${base}`], vcpus: 2, pcpus: 2, migration: "random", engine: "jit" } as const
  it("is saved with its host, and goes on exactly", async () => {
    const source = readFileSync(fileURLToPath(new URL("../several-vcpus.s", import.meta.url)), "utf8")
    const guest = join(folder, "several.s")
    writeFileSync(guest, source.replace(".equ ROUNDS, 500", ".equ ROUNDS, 24000"))
    const one = await start({ ...request, guest, streams: consoleOf() })
    // a round each
    for (let piece = 0; piece < 2; piece++) {
      expect(one.run(1)).toBe(undefined)
      const bytes = await sealed(one)
      const twin = await restore({ snapshots: [bytes], key: KEY, engine: "interp", streams: consoleOf() })
      expect(difference(await opened(await sealed(twin)), await opened(bytes))).toEqual([])
      expect([twin.run(1), one.run(1)]).toEqual([undefined, undefined])
      expect(twin.account()).toEqual(one.account())
      expect(difference(await opened(await sealed(twin)), await opened(await sealed(one)))).toEqual([])
    }
  })
  it("is for the holder of the key alone", async () => {
    const image = join(folder, "counts.s")
    writeFileSync(image, readFileSync(SECRETIVE, "utf8").replace(/\n.*ldp q8.*/, ""))
    const guest = await start({ ...request, guest: image, streams: consoleOf() })
    expect(guest.run(1)).toBe(undefined)
    const bytes = await sealed(guest)
    const secret = secretOf().subarray(1000, 1064)
    expect(found(bytes, secret)).toBe(0)
    expect(found(await opened(bytes), secret)).toBe(49)
    expect((await refusal({ snapshots: [bytes] })).code).toBe("SNAPSHOT_KEY")
    for (const without of [guest.snapshot(), guest.keep()])
      expect(without).toMatchObject({
        code: "SNAPSHOT_PROTECTED",
        message: "host: expected VMs whose memory their host can read, found VM 1's memory is the guest's alone"
      })
  })
})
it("a protected machine of the API is forked and saved by nobody", async () => {
  const vm = await Vm.make({ ...secretive, platform: nodePlatform(), streams: consoleOf() })
  await vm.run({ maxInstructions: 5000 })
  expect(() => vm.fork()).toThrow(expect.objectContaining({ code: "SNAPSHOT_PROTECTED" }))
  expect(() => vm.snapshot()).toThrow(expect.objectContaining({ code: "SNAPSHOT_PROTECTED" }))
  const bytes = await vm.sealed(KEY)
  const again = await Vm.restore(bytes, { key: KEY, platform: nodePlatform(), streams: consoleOf() })
  expect(again.executed).toBe(vm.executed)
  await expect(Vm.restore(bytes, { key: OTHER, platform: nodePlatform() })).rejects.toMatchObject({ code: "SNAPSHOT_KEY" })
  again.close()
  vm.close()
})

describe("a sealed snapshot", () => {
  const make = async () => {
    const guest = await start({ guest: guestPath("hello-vm"), mem: "2M", streams: consoleOf() })
    guest.run(60)
    return guest
  }
  it("may be an ordinary guest's; nothing but the nonce makes two of them different", async () => {
    const guest = await make()
    const [one, other] = [await sealed(guest), await sealed(guest)]
    expect(Buffer.compare(one, other)).not.toBe(0)
    expect(difference(await opened(one), saved(guest))).toEqual([])
    expect(difference(await opened(other), saved(guest))).toEqual([])
    const container = readContainer(one)
    expect(container instanceof SnapshotError || verify(container)).toBe(undefined)
  })
  it("builds on sealed ones", async () => {
    const guest = await make()
    const full = await sealed(guest)
    guest.run(500)
    const changes = await sealed(guest, KEY, [full])
    expect(changes.length).toBeLessThan(full.length + 3000)
    const twin = await restore({ snapshots: [full, changes], key: KEY, streams: consoleOf() })
    expect(difference(saved(twin), saved(guest))).toEqual([])
    expect((await refusal({ snapshots: [changes], key: KEY })).code).toBe("SNAPSHOT_PARENT")
  })
  it("is refused without its key, with another one, and where a key has no business", async () => {
    const guest = await make()
    const bytes = await sealed(guest)
    const messages = await Promise.all(
      [
        { snapshots: [bytes] },
        { snapshots: [bytes], key: OTHER },
        { snapshots: [bytes], key: KEY.subarray(1) },
        { snapshots: [saved(guest)], key: KEY }
      ].map(async (request) => {
        const { code, message } = await refusal(request)
        return `${code} ${message}`
      })
    )
    expect(messages).toEqual([
      "SNAPSHOT_KEY file: expected a snapshot in clear, or its key, found a sealed one",
      "SNAPSHOT_KEY section sealed: expected what this key sealed, found something else",
      "SNAPSHOT_KEY key: expected 32 bytes, found 31 bytes",
      "SNAPSHOT_KEY file: expected a snapshot that is sealed, found one in clear"
    ])
  })
  it("is refused when anything of it was changed, though every checksum is right", async () => {
    const guest = await make()
    const [bytes, second] = [await sealed(guest), await sealed(guest)]
    const changes: readonly ((header: Header, sections: Uint8Array[]) => void)[] = [
      (header) => void (header["guest"] = "another"),
      (header) => void (header["time"] = 1n),
      (header) => void (header["instructions"] = 1n),
      (header) => void ((header["machine"] as Header)["mode"] = "pkvm"),
      (header) => void ((header["writer"] as Header)["version"] = "0.2.0"),
      (header) => void (header["parent"] = new Uint8Array(32)),
      (_, sections) => void (sections[0]![sections[0]!.length - 1]! ^= 1),
      (_, sections) => void (sections[1]![0]! ^= 1),
      (_, sections) => void (sections[1]![sections[1]!.length - 1]! ^= 128),
      (_, sections) => void (sections[1] = sections[1]!.slice(0, -1)),
      (_, sections) => void (sections[1] = sectionsOf(second).sections[1]!),
      (_, sections) => void (sections[1] = new Uint8Array(16))
    ]
    for (const [i, change] of changes.entries()) {
      const { header, sections } = sectionsOf(bytes)
      change(header, sections)
      expect([i, (await refusal({ snapshots: [sealedAgain(header, sections)], key: KEY })).code]).toEqual([i, "SNAPSHOT_KEY"])
    }
    const { header, sections } = sectionsOf(bytes)
    expect(sealedAgain(header, sections)).toEqual(bytes)
  })
})

type Header = Record<string, Plain>
const PREFIX = 16
const sectionsOf = (file: Uint8Array): { header: Header; sections: Uint8Array[] } => {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(8, true)
  const header = decode(file.slice(PREFIX, PREFIX + length), "header") as Header
  let at = PREFIX + length
  const sections = (header["sections"] as readonly Header[]).map((entry) => file.slice(at, (at += Number(entry["length"]))))
  return { header, sections }
}
/** A file of these parts, every checksum right. */
const sealedAgain = (header: Header, sections: readonly Uint8Array[]): Uint8Array => {
  const entries = (header["sections"] as readonly Header[]).map((entry, i) => {
    const { length } = sections[i]!
    return { ...entry, rawLength: entry["codec"] === "sealed" ? length - 16 : length, length, sha256: sha256(sections[i]!) }
  })
  const head = encode({ ...header, sections: entries })
  const prefix = new Uint8Array(PREFIX)
  prefix.set(new TextEncoder().encode("EL2SNAP"))
  prefix[7] = 1
  const view = new DataView(prefix.buffer)
  view.setUint32(8, head.length, true)
  view.setUint32(12, crc32(head), true)
  const front = new Uint8Array(Buffer.concat([prefix, head]))
  return new Uint8Array(Buffer.concat([front, ...sections, sha256(front)]))
}
