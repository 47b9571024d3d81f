/** Files for the machine the real kernel boots on: the guests as kvm-program.c reads them, and the archive the kernel unpacks. */
import type { RealKernelGuest } from "./guests/guest.ts"

const FLAG = { nisv: 1, readOnlyPage: 2, log: 4, filter: 8 } as const
const FEATURE = { psci: 1 << 2, sve: 1 << 4 } as const
const NAME_BYTES = 32

const guestBytes = ({ name, image, vcpus, ramPages, sve, oldPsci, ...flags }: RealKernelGuest): Buffer => {
  if (name.length >= NAME_BYTES) throw new Error(`The name ${name} is too long`)
  const head = Buffer.alloc(NAME_BYTES + 20)
  head.write(name)
  const flag = (key: keyof typeof FLAG): number => (flags[key] ? FLAG[key] : 0)
  const words = [
    (oldPsci ? 0 : FEATURE.psci) | (sve ? FEATURE.sve : 0),
    vcpus,
    flag("nisv") | flag("readOnlyPage") | flag("log") | flag("filter"),
    ramPages,
    image.length
  ]
  for (const [i, word] of words.entries()) head.writeUInt32LE(word, NAME_BYTES + 4 * i)
  return Buffer.concat([head, image])
}
export const guestFile = (guests: readonly RealKernelGuest[]): Buffer => {
  const count = Buffer.alloc(4)
  count.writeUInt32LE(guests.length)
  return Buffer.concat([count, ...guests.map(guestBytes)])
}

interface ArchiveEntry {
  readonly name: string
  readonly mode: number
  readonly content: Buffer
}
/** A cpio archive in the format "newc". */
const archive = (entries: readonly ArchiveEntry[]): Buffer => {
  const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
  const field = (value: number): string => value.toString(16).padStart(8, "0")
  return Buffer.concat(
    [...entries, { name: "TRAILER!!!", mode: 0, content: Buffer.alloc(0) }].map(({ name, mode, content }, inode) => {
      const numbers = [inode + 1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0]
      return Buffer.concat([padded(Buffer.from(`070701${numbers.map(field).join("")}${name}\0`)), padded(content)])
    })
  )
}
const FOLDER = 0o40755
const PROGRAM = 0o100755
/** An initial file system of the program as its first process. */
export const initialFiles = (program: Buffer, guests: readonly RealKernelGuest[]): Buffer =>
  archive([
    { name: "dev", mode: FOLDER, content: Buffer.alloc(0) },
    { name: "init", mode: PROGRAM, content: program },
    { name: "guests", mode: PROGRAM, content: guestFile(guests) }
  ])
