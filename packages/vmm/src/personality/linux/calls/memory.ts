import { HIGHEST, LOWEST, pageUp } from "../address-space.ts"
import { ERRNO } from "../errno.ts"
import { PAGE, PROTECTION } from "../page-tables.ts"
import type { Process } from "../process.ts"
import { int, size } from "./arguments.ts"
import type { SystemCalls } from "./table.ts"

const MAP = { SHARED: 1, PRIVATE: 2, SHARED_VALIDATE: 3, TYPE: 15, FIXED: 0x10, ANONYMOUS: 0x20, FIXED_NOREPLACE: 0x100000 } as const
const REMAP = { MAYMOVE: 1, FIXED: 2 } as const

/** PROT_BTI and PROT_MTE are accepted and mean nothing here; writable pages are readable, as on the hardware. */
const protectionOf = (value: bigint): number | undefined => {
  const bits = Number(value & 0xffffffffn)
  if ((bits & ~0x37) !== 0) return undefined
  return (bits & 7) === PROTECTION.none ? PROTECTION.none : (bits & 7) | PROTECTION.read
}
const aligned = (address: number) => address % PAGE === 0
const inRange = (start: number, bytes: number) => start >= LOWEST && bytes > 0 && start + bytes <= HIGHEST

const mmap = (process: Process, [at, count, prot, flagBits, fd, offset]: readonly bigint[]): number => {
  const { space } = process
  const flags = int(flagBits!)
  const bytes = pageUp(size(count!))
  const protection = protectionOf(prot!)
  if (protection === undefined || bytes === 0 || size(offset!) % PAGE !== 0) return -ERRNO.EINVAL
  if (bytes > HIGHEST) return -ERRNO.ENOMEM
  const type = flags & MAP.TYPE
  if (type !== MAP.PRIVATE && type !== MAP.SHARED && type !== MAP.SHARED_VALIDATE) return -ERRNO.EINVAL
  let contents: Uint8Array | undefined
  if ((flags & MAP.ANONYMOUS) === 0) {
    const file = process.files.get(int(fd!))
    if (file === undefined) return -ERRNO.EBADF
    if (file.kind !== "file") return -ERRNO.EACCES
    if (type !== MAP.PRIVATE && (protection & PROTECTION.write) !== 0) return -ERRNO.EACCES
    contents = process.files.tree?.read(file.path, size(offset!), Math.min(size(count!), process.cpu.memory.bytes.length))
    if (contents === undefined) return -ERRNO.EIO
  }
  let start = size(at!)
  if ((flags & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0) {
    if (!aligned(start)) return -ERRNO.EINVAL
    if (!inRange(start, bytes)) return -ERRNO.ENOMEM
    if ((flags & MAP.FIXED_NOREPLACE) !== 0 && !space.isFree(start, bytes)) return -ERRNO.EEXIST
  } else {
    start -= start % PAGE
    if (start < LOWEST || !inRange(start, bytes) || !space.isFree(start, bytes)) {
      const free = space.findFree(bytes)
      if (free === undefined) return -ERRNO.ENOMEM
      start = free
    }
  }
  space.map(start, bytes, protection)
  if (contents !== undefined && space.write(start, contents, true) !== contents.length) {
    space.unmap(start, bytes)
    return -ERRNO.ENOMEM
  }
  return start
}

const mremap = (process: Process, [at, oldCount, newCount, flagBits]: readonly bigint[]): number => {
  const { space } = process
  const start = size(at!)
  const from = pageUp(size(oldCount!))
  const to = pageUp(size(newCount!))
  if (!aligned(start) || to === 0 || from === 0 || (int(flagBits!) & REMAP.FIXED) !== 0) return -ERRNO.EINVAL
  const area = space.areaAt(start)
  if (area === undefined || start + from > area.end) return -ERRNO.EFAULT
  if (to <= from) {
    if (to < from) space.unmap(start + to, from - to)
    return start
  }
  if (inRange(start, to) && space.isFree(start + from, to - from)) {
    space.map(start + from, to - from, area.protection)
    return start
  }
  if ((int(flagBits!) & REMAP.MAYMOVE) === 0) return -ERRNO.ENOMEM
  const free = to > HIGHEST ? undefined : space.findFree(to)
  if (free === undefined) return -ERRNO.ENOMEM
  space.map(free + from, to - from, area.protection)
  space.move(start, from, free, area.protection)
  return free
}

export const memoryCalls: SystemCalls = {
  214: { name: "brk", run: ({ space }, [to]) => space.moveBreak(size(to!)) },
  215: {
    name: "munmap",
    run: ({ space }, [at, count]) => {
      const start = size(at!)
      const bytes = pageUp(size(count!))
      if (!aligned(start) || bytes === 0 || start + bytes > HIGHEST) return -ERRNO.EINVAL
      space.unmap(start, bytes)
      return 0
    }
  },
  216: { name: "mremap", run: mremap },
  222: { name: "mmap", run: mmap },
  226: {
    name: "mprotect",
    run: ({ space }, [at, count, prot]) => {
      const start = size(at!)
      const bytes = pageUp(size(count!))
      const protection = protectionOf(prot!)
      if (!aligned(start) || protection === undefined) return -ERRNO.EINVAL
      if (bytes === 0) return 0
      return start + bytes <= HIGHEST && space.protect(start, bytes, protection) ? 0 : -ERRNO.ENOMEM
    }
  },
  227: { name: "msync", run: () => 0 },
  228: { name: "mlock", run: () => 0 },
  229: { name: "munlock", run: () => 0 },
  233: {
    name: "madvise",
    run: ({ space }, [at, count, advice]) => {
      const start = size(at!)
      const bytes = pageUp(size(count!))
      if (!aligned(start)) return -ERRNO.EINVAL
      // MADV_DONTNEED: private anonymous pages read as zero afterwards.
      if (int(advice!) === 4 && start + bytes <= HIGHEST) space.discard(start, bytes)
      return 0
    }
  }
}
