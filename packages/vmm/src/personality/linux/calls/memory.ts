/** System calls about the process's memory. */
import { HIGHEST, LOWEST, pageUp } from "../address-space.ts"
import { ERRNO } from "../errno.ts"
import { O } from "../files.ts"
import { PAGE, PROTECTION } from "../page-tables.ts"
import type { Process } from "../process.ts"
import { CHUNK, give, int, size } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const MAP = { SHARED: 1, PRIVATE: 2, SHARED_VALIDATE: 3, TYPE: 15, FIXED: 0x10, ANONYMOUS: 0x20, FIXED_NOREPLACE: 0x100000 } as const
const REMAP = { MAYMOVE: 1, FIXED: 2 } as const
const PROT_SEM = 8
const ADVICE = { DONTNEED: 4, FREE: 8 } as const
/** Kinds of advice that exist: those about use and sharing have nothing to do here. */
const KNOWN_ADVICE: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25])
const MS = { ASYNC: 1, INVALIDATE: 2, SYNC: 4 } as const

/** Pages that can be written can be read. */
const protectionOf = (value: bigint): number => {
  const bits = Number(value & 7n)
  return (bits & PROTECTION.write) !== 0 ? bits | PROTECTION.read : bits
}
const isAligned = (address: number) => address % PAGE === 0
const isInRange = (start: number, bytes: number) => start >= LOWEST && bytes > 0 && start + bytes <= HIGHEST

/** Where a new mapping goes; a negative errno when it cannot go anywhere. */
const placeFor = ({ space }: Process, wanted: number, bytes: number, flags: number): number => {
  if ((flags & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0) {
    if (!isAligned(wanted)) return -ERRNO.EINVAL
    if (!isInRange(wanted, bytes)) return wanted < LOWEST ? -ERRNO.EPERM : -ERRNO.ENOMEM
    return (flags & MAP.FIXED_NOREPLACE) !== 0 && !space.isFree(wanted, bytes) ? -ERRNO.EEXIST : wanted
  }
  const hint = pageUp(wanted)
  if (isInRange(hint, bytes) && space.isFree(hint, bytes)) return hint
  return space.findFree(bytes) ?? -ERRNO.ENOMEM
}
/** The file a mapping shows; undefined: none. A number is a negative errno. */
const fileFor = (process: Process, fd: bigint, flags: number, protection: number): { readonly path: string } | number | undefined => {
  if ((flags & MAP.ANONYMOUS) !== 0) return undefined
  const file = process.files.get(int(fd))
  if (file === undefined || (file.flags & O.PATH) !== 0) return -ERRNO.EBADF
  if ((file.flags & O.WRONLY) !== 0) return -ERRNO.EACCES
  if (file.kind === "device" && file.device === "zero") return undefined
  const isShared = (flags & MAP.TYPE) !== MAP.PRIVATE
  // Writes to a shared mapping would have to reach the file: nothing here does that.
  return file.kind !== "file" ? -ERRNO.ENODEV : isShared && (protection & PROTECTION.write) !== 0 ? -ERRNO.EACCES : file
}
/** Copies a file's bytes to where it is mapped. False: no memory, or the file cannot be read. */
const loadFile = ({ space, files }: Process, path: string, offset: number, start: number, bytes: number): boolean => {
  for (let done = 0; done < bytes; ) {
    const data = files.tree.read(path, offset + done, Math.min(CHUNK, bytes - done))
    if (data === undefined || space.load(start + done, data) !== data.length) return false
    if (data.length === 0) return true
    done += data.length
  }
  return true
}

const mmap = (process: Process, [at, count, prot, flagBits, fd, offset]: readonly bigint[]): number => {
  const { space } = process
  const flags = int(flagBits!)
  const bytes = pageUp(size(count!))
  const protection = protectionOf(prot!)
  if (bytes === 0 || size(offset!) % PAGE !== 0 || (flags & MAP.TYPE) === 0 || (flags & MAP.TYPE) > MAP.SHARED_VALIDATE) return -ERRNO.EINVAL
  if (bytes > HIGHEST) return -ERRNO.ENOMEM
  const file = fileFor(process, fd!, flags, protection)
  if (typeof file === "number") return file
  const start = placeFor(process, size(at!), bytes, flags)
  if (start < 0) return start
  if (!space.hasRoom || !space.isPlausible(bytes, protection)) return -ERRNO.ENOMEM
  space.map(start, bytes, protection, file === undefined)
  if (file === undefined || loadFile(process, file.path, size(offset!), start, bytes)) return start
  space.unmap(start, bytes)
  return -ERRNO.ENOMEM
}

const mremap = (process: Process, [at, oldCount, newCount, flagBits, target]: readonly bigint[]): number => {
  const { space } = process
  const flags = int(flagBits!)
  const start = size(at!)
  const from = pageUp(size(oldCount!))
  const to = pageUp(size(newCount!))
  const isFixed = (flags & REMAP.FIXED) !== 0
  if ((flags & ~3) !== 0 || flags === REMAP.FIXED || !isAligned(start) || to === 0 || from === 0) return -ERRNO.EINVAL
  if (isFixed && (!isAligned(size(target!)) || !isInRange(size(target!), to))) return -ERRNO.EINVAL
  if (isFixed && size(target!) < start + from && start < size(target!) + to) return -ERRNO.EINVAL
  const area = space.areaAt(start)
  if (area === undefined || start + from > area.end) return -ERRNO.EFAULT
  if (!space.hasRoom) return -ERRNO.ENOMEM
  if (to > HIGHEST || !space.isPlausible(Math.max(0, to - from), area.protection)) return -ERRNO.ENOMEM
  if (to < from) space.unmap(start + to, from - to)
  if (!isFixed && to <= from) return start
  if (!isFixed && isInRange(start, to) && space.isFree(start + from, to - from)) {
    space.map(start + from, to - from, area.protection, area.anonymous)
    return start
  }
  if ((flags & REMAP.MAYMOVE) === 0) return -ERRNO.ENOMEM
  const place = isFixed ? size(target!) : space.findFree(to)
  if (place === undefined) return -ERRNO.ENOMEM
  if (isFixed) space.unmap(place, to)
  space.move(start, Math.min(from, to), place, to, area)
  return place
}

const munmap = ({ space }: Process, [at, count]: readonly bigint[]): number => {
  const start = size(at!)
  const bytes = pageUp(size(count!))
  if (!isAligned(start) || bytes === 0 || start + bytes > HIGHEST) return -ERRNO.EINVAL
  if (!space.hasRoom) return -ERRNO.ENOMEM
  space.unmap(start, bytes)
  return 0
}
const mprotect = ({ space }: Process, [at, count, prot]: readonly bigint[]): number => {
  const start = size(at!)
  const bytes = pageUp(size(count!))
  const protection = protectionOf(prot!)
  if (!isAligned(start) || (prot! & ~BigInt(7 | PROT_SEM) & 0xffff_ffffn) !== 0n) return -ERRNO.EINVAL
  if (bytes === 0) return 0
  if (start + bytes > HIGHEST || !space.hasRoom) return -ERRNO.ENOMEM
  return space.protect(start, bytes, protection) ? 0 : -ERRNO.ENOMEM
}
const madvise = ({ space }: Process, [at, count, advice]: readonly bigint[]): number => {
  const start = size(at!)
  const bytes = pageUp(size(count!))
  if (!isAligned(start) || !KNOWN_ADVICE.has(int(advice!)) || start + bytes > 2 ** 48) return -ERRNO.EINVAL
  if (bytes === 0) return 0
  const forgets = int(advice!) === ADVICE.DONTNEED || int(advice!) === ADVICE.FREE
  const covered = forgets ? space.discard(start, bytes) : space.areas.covers(start, start + bytes)
  return covered ? 0 : -ERRNO.ENOMEM
}
/** Whether pages are in memory: one byte each. */
const mincore = (process: Process, [at, count, out]: readonly bigint[]): number => {
  const { space } = process
  const start = size(at!)
  const bytes = pageUp(size(count!))
  if (!isAligned(start)) return -ERRNO.EINVAL
  if (bytes > HIGHEST || !space.areas.covers(start, start + bytes)) return -ERRNO.ENOMEM
  const pages = Math.min(bytes / PAGE, CHUNK)
  const present = new Uint8Array(pages)
  for (const [page] of space.tables.pages(start, start + pages * PAGE)) present[(page - start) / PAGE] = 1
  return give(process, out!, present)
}
const isMapped = ({ space }: Process, at: bigint, count: bigint): number =>
  space.areas.covers(size(at) - (size(at) % PAGE), size(at) + size(count)) ? 0 : -ERRNO.ENOMEM

export const memoryCalls: SystemCalls = {
  214: { name: "brk", run: ({ space }, [to]) => space.moveBreak(size(to!)) },
  215: { name: "munmap", run: munmap },
  216: { name: "mremap", run: mremap },
  222: { name: "mmap", run: mmap },
  226: { name: "mprotect", run: mprotect },
  227: {
    name: "msync",
    run: (process, [at, count, flags]) => {
      const both = MS.ASYNC | MS.SYNC
      if (!isAligned(size(at!)) || (int(flags!) & ~(both | MS.INVALIDATE)) !== 0 || (int(flags!) & both) === both) return -ERRNO.EINVAL
      return isMapped(process, at!, count!)
    }
  },
  228: { name: "mlock", run: (process, [at, count]) => isMapped(process, at!, count!) },
  229: { name: "munlock", run: (process, [at, count]) => isMapped(process, at!, count!) },
  230: { name: "mlockall", run: () => 0 },
  231: { name: "munlockall", run: () => 0 },
  232: { name: "mincore", run: mincore },
  233: { name: "madvise", run: madvise },
  284: { name: "mlock2", run: (process, [at, count]) => isMapped(process, at!, count!) }
}
