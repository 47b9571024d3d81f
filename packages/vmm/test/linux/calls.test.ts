import { describe, expect, it } from "vitest"
import { SYSTEM_CALLS } from "../../src/personality/linux/calls/table.ts"
import { ERRNO, type ErrnoName } from "../../src/personality/linux/errno.ts"
import type { CallResult } from "../../src/personality/linux/process.ts"
import { DATA_AT, DATA_BYTES, type Entries, fakeProcess, fakeTree, randomFrom } from "./fixture.ts"

const NUMBERS = new Map(Object.entries(SYSTEM_CALLS).map(([number, { name }]) => [name, Number(number)]))
const TREE: Entries = { "/file": "contents", "/dir/inner": "x", "/link": { link: "file" }, "/empty": "directory" }
type Fixture = ReturnType<typeof fakeProcess>
type Argument = number | bigint | string

const BAD = 0x10
const UNMAPPED = 0x7777_0000
const CWD = -100
/** Where texts are put, and where results may go. */
const TEXTS = DATA_AT + 0x1000
const OUT = DATA_AT + 0x4000
const END = DATA_AT + DATA_BYTES

/** Makes a call with numbers, or texts that are put into memory; the result as a name, for errors. */
const call = ({ process }: Fixture, name: string, ...given: readonly Argument[]): CallResult | ErrnoName => {
  let at = TEXTS
  const args = given.map((argument) => {
    if (typeof argument !== "string") return BigInt.asUintN(64, BigInt(argument))
    const place = at
    at += process.space.write(place, new TextEncoder().encode(`${argument}\0`))
    return BigInt(place)
  })
  while (args.length < 6) args.push(0n)
  const result = SYSTEM_CALLS[NUMBERS.get(name)!]!.run(process, args)
  if (typeof result === "object" || typeof result === "string" || BigInt(result) >= 0n) return result
  return (Object.entries(ERRNO).find(([, number]) => -BigInt(number) === BigInt(result))?.[0] as ErrnoName) ?? result
}
const words = ({ process }: Fixture, at: number, count: number): bigint[] => [
  ...new BigUint64Array(process.space.read(at, 8 * count)!.slice().buffer)
]
const put = ({ process }: Fixture, at: number, ...values: readonly bigint[]): number => {
  process.space.write(at, new Uint8Array(BigUint64Array.from(values).buffer))
  return at
}
const withTree = (writable = false) => fakeProcess(fakeTree(TREE, writable))

describe("system calls that cannot be done say why", () => {
  const open = 0
  const cases: readonly (readonly [string, readonly Argument[], ErrnoName | number])[] = [
    ["openat", [CWD, BAD, open], "EFAULT"],
    ["openat", [CWD, "", open], "ENOENT"],
    ["openat", [CWD, "/none", open], "ENOENT"],
    ["openat", [CWD, "/none", 0o100], "EROFS"],
    ["openat", [CWD, "/file", 1], "EROFS"],
    ["openat", [CWD, "/file", 0o40000], "ENOTDIR"],
    ["openat", [CWD, "/dir", 1], "EISDIR"],
    ["openat", [CWD, "/file/x", open], "ENOTDIR"],
    ["openat", [CWD, "/link", 0o100000], "ELOOP"],
    ["openat", [CWD, "/file", 0o300], "EEXIST"],
    ["openat", [CWD, "/dir", 0o20040000], "EOPNOTSUPP"],
    ["openat", [77, "file", open], "EBADF"],
    ["openat", [1, "file", open], "ENOTDIR"],
    ["openat", [CWD, `/${"d/".repeat(2048)}`, open], "ENAMETOOLONG"],
    ["openat", [CWD, "/dev/null", 0o40000], "ENOTDIR"],
    ["close", [99], "EBADF"],
    ["close", [-1], "EBADF"],
    ["dup", [99], "EBADF"],
    ["dup3", [0, 0, 0], "EINVAL"],
    ["dup3", [0, 5000, 0], "EBADF"],
    ["dup3", [0, -1, 0], "EBADF"],
    ["dup3", [0, 5, 1], "EINVAL"],
    ["fcntl", [99, 1, 0], "EBADF"],
    ["fcntl", [0, 0, 5000], "EINVAL"],
    ["fcntl", [0, 12345, 0], "EINVAL"],
    ["ioctl", [99, 0x5401, OUT], "EBADF"],
    ["ioctl", [1, 0x5401, OUT], "ENOTTY"],
    ["read", [1, OUT, 1], "EBADF"],
    ["read", [99, OUT, 1], "EBADF"],
    ["write", [0, OUT, 1], "EBADF"],
    ["write", [1, UNMAPPED, 1], "EFAULT"],
    ["write", [1, -1, 1], "EFAULT"],
    ["writev", [1, OUT, 1025], "EINVAL"],
    ["writev", [1, OUT, -1], "EINVAL"],
    ["writev", [1, UNMAPPED, 1], "EFAULT"],
    ["pread64", [0, OUT, 1, 0], "ESPIPE"],
    ["pread64", [0, OUT, 1, -1], "EINVAL"],
    ["lseek", [0, 0, 0], "ESPIPE"],
    ["lseek", [99, 0, 0], "EBADF"],
    ["ftruncate", [99, 0], "EBADF"],
    ["ftruncate", [1, 0], "EINVAL"],
    ["truncate", ["/file", 0], "EROFS"],
    ["truncate", ["/none", 0], "ENOENT"],
    ["truncate", ["/file", -1], "EINVAL"],
    ["mkdirat", [CWD, "/dir", 0o777], "EEXIST"],
    ["mkdirat", [CWD, "/new", 0o777], "EROFS"],
    ["mkdirat", [CWD, "/none/new", 0o777], "ENOENT"],
    ["unlinkat", [CWD, "/file", 0], "EROFS"],
    ["unlinkat", [CWD, "/none", 0], "ENOENT"],
    ["unlinkat", [CWD, "/file", 1], "EINVAL"],
    ["renameat", [CWD, "/file", CWD, "/other"], "EROFS"],
    ["renameat2", [CWD, "/file", CWD, "/other", 2], "EINVAL"],
    ["newfstatat", [CWD, "/none", OUT, 0], "ENOENT"],
    ["newfstatat", [CWD, "/file", BAD, 0], "EFAULT"],
    ["newfstatat", [CWD, "", OUT, 0], "ENOENT"],
    ["newfstatat", [CWD, "/file", OUT, 1], "EINVAL"],
    ["fstat", [99, OUT], "EBADF"],
    ["fstat", [1, END - 100], "EFAULT"],
    ["statx", [CWD, "/file", 0, 0x7ff, END - 200], "EFAULT"],
    ["faccessat", [CWD, "/file", 2], "EROFS"],
    ["faccessat", [CWD, "/file", 1], "EACCES"],
    ["faccessat", [CWD, "/file", 8], "EINVAL"],
    ["readlinkat", [CWD, "/file", OUT, 100], "EINVAL"],
    ["readlinkat", [CWD, "/none", OUT, 100], "ENOENT"],
    ["readlinkat", [CWD, "/link", OUT, 0], "EINVAL"],
    ["readlinkat", [CWD, "/link", BAD, 10], "EFAULT"],
    ["getdents64", [99, OUT, 100], "EBADF"],
    ["getdents64", [1, OUT, 100], "ENOTDIR"],
    ["getcwd", [OUT, 1], "ERANGE"],
    ["getcwd", [BAD, 10], "EFAULT"],
    ["chdir", ["/file"], "ENOTDIR"],
    ["chdir", ["/none"], "ENOENT"],
    ["fchdir", [1], "ENOTDIR"],
    ["fchdir", [99], "EBADF"],
    ["fchmod", [1, 0o644], "EPERM"],
    ["fchmodat", [CWD, "/file", 0o644], "EROFS"],
    ["utimensat", [CWD, "/file", 0, 0], "EROFS"],
    ["close_range", [5, 4, 0], "EINVAL"],
    ["mmap", [0, 0, 3, 0x22, -1, 0], "EINVAL"],
    ["mmap", [0, 4096, 3, 0x20, -1, 0], "EINVAL"],
    ["mmap", [0, 4096, 3, 0x22, -1, 1], "EINVAL"],
    ["mmap", [0, -1, 3, 0x22, -1, 0], "ENOMEM"],
    ["mmap", [0, 1n << 62n, 3, 0x22, -1, 0], "ENOMEM"],
    ["mmap", [0, 64 << 20, 3, 0x22, -1, 0], "ENOMEM"],
    ["mmap", [DATA_AT + 1, 4096, 3, 0x32, -1, 0], "EINVAL"],
    ["mmap", [0, 4096, 3, 0x32, -1, 0], "EPERM"],
    ["mmap", [0x0000_ffff_ffff_0000, 4096, 3, 0x32, -1, 0], "ENOMEM"],
    ["mmap", [DATA_AT, 4096, 3, 0x100022, -1, 0], "EEXIST"],
    ["mmap", [0, 4096, 3, 2, 99, 0], "EBADF"],
    ["mmap", [0, 4096, 3, 2, 0, 0], "ENODEV"],
    ["mmap", [0, 4096, 3, 2, 1, 0], "EACCES"],
    ["munmap", [1, 4096], "EINVAL"],
    ["munmap", [DATA_AT, 0], "EINVAL"],
    ["munmap", [0x0000_ffff_ffff_e000, 8192], "EINVAL"],
    ["mprotect", [DATA_AT + 1, 1, 1], "EINVAL"],
    ["mprotect", [DATA_AT, 4096, 0x10], "EINVAL"],
    ["mprotect", [UNMAPPED, 4096, 1], "ENOMEM"],
    ["mprotect", [DATA_AT, DATA_BYTES + 1, 1], "ENOMEM"],
    ["mprotect", [DATA_AT, -1, 1], "ENOMEM"],
    ["mremap", [UNMAPPED, 4096, 8192, 1], "EFAULT"],
    ["mremap", [DATA_AT + 1, 4096, 8192, 1], "EINVAL"],
    ["mremap", [DATA_AT, 4096, 0, 1], "EINVAL"],
    ["mremap", [DATA_AT, 4096, 4096, 2, 0], "EINVAL"],
    ["mremap", [DATA_AT, 4096, 1n << 62n, 1], "ENOMEM"],
    ["madvise", [DATA_AT, 4096, 99], "EINVAL"],
    ["madvise", [UNMAPPED, 4096, 4], "ENOMEM"],
    ["mincore", [UNMAPPED, 4096, OUT], "ENOMEM"],
    ["msync", [DATA_AT, 4096, 5], "EINVAL"],
    ["rt_sigaction", [0, 0, 0, 8], "EINVAL"],
    ["rt_sigaction", [65, 0, 0, 8], "EINVAL"],
    ["rt_sigaction", [10, 0, 0, 16], "EINVAL"],
    ["rt_sigaction", [9, OUT, 0, 8], "EINVAL"],
    ["rt_sigaction", [10, UNMAPPED, 0, 8], "EFAULT"],
    ["rt_sigaction", [10, 0, UNMAPPED, 8], "EFAULT"],
    ["rt_sigprocmask", [3, OUT, 0, 8], "EINVAL"],
    ["rt_sigprocmask", [0, OUT, 0, 4], "EINVAL"],
    ["rt_sigprocmask", [0, UNMAPPED, 0, 8], "EFAULT"],
    ["rt_sigpending", [UNMAPPED, 8], "EFAULT"],
    ["rt_sigtimedwait", [OUT, 0, 0, 4], "EINVAL"],
    ["rt_sigsuspend", [UNMAPPED, 8], "EFAULT"],
    ["sigaltstack", [UNMAPPED, 0], "EFAULT"],
    ["kill", [1, 10], "ESRCH"],
    ["kill", [-1, 10], "ESRCH"],
    ["kill", [0, 65], "EINVAL"],
    ["tgkill", [0, 1000, 10], "EINVAL"],
    ["tgkill", [1000, 1001, 10], "ESRCH"],
    ["nanosleep", [UNMAPPED, 0], "EFAULT"],
    ["clock_gettime", [99, OUT], "EINVAL"],
    ["clock_gettime", [0, UNMAPPED], "EFAULT"],
    ["clock_nanosleep", [99, 0, OUT, 0], "EINVAL"],
    ["clock_settime", [0, OUT], "EPERM"],
    ["setitimer", [3, OUT, 0], "EINVAL"],
    ["setitimer", [0, UNMAPPED, 0], "EFAULT"],
    ["getitimer", [-1, OUT], "EINVAL"],
    ["futex", [OUT + 2, 0, 0, 0], "EINVAL"],
    ["futex", [OUT, 0, 1, 0], "EAGAIN"],
    ["futex", [UNMAPPED, 0, 0, 0], "EFAULT"],
    ["futex", [OUT, 6, 0, 0], "ENOSYS"],
    ["ppoll", [UNMAPPED, 1, 0, 0, 0], "EFAULT"],
    ["ppoll", [OUT, 5000, 0, 0, 0], "EINVAL"],
    ["pselect6", [-1, 0, 0, 0, 0, 0], "EINVAL"],
    ["pselect6", [1, UNMAPPED, 0, 0, 0, 0], "EFAULT"],
    ["getrandom", [UNMAPPED, 8, 0], "EFAULT"],
    ["getrandom", [OUT, 8, 8], "EINVAL"],
    ["uname", [UNMAPPED], "EFAULT"],
    ["prctl", [12345, 0], "EINVAL"],
    ["prctl", [15, UNMAPPED], "EFAULT"],
    ["prlimit64", [5, 0, 0, OUT], "ESRCH"],
    ["prlimit64", [0, 16, 0, OUT], "EINVAL"],
    ["prlimit64", [0, -1, 0, OUT], "EINVAL"],
    ["sched_getaffinity", [0, 4, OUT], "EINVAL"],
    ["getrusage", [5, OUT], "EINVAL"],
    ["setuid", [0], "EPERM"],
    ["wait4", [-1, 0, 0, 0], "ECHILD"]
  ]
  it.each(
    cases.map(
      ([name, args, expected]) =>
        [`${name}(${args.map((a) => (typeof a === "string" ? `'${a.slice(0, 20)}'` : a)).join(", ")})`, name, args, expected] as const
    )
  )("%s", (_, name, args, expected) => {
    expect(call(withTree(), name, ...args)).toBe(expected)
  })

  it("with whatever is in the registers: every call ends with a value and the process is whole", () => {
    const random = randomFrom(99)
    const interesting = [
      0n,
      1n,
      2n,
      3n,
      -1n,
      -100n,
      8n,
      16n,
      4096n,
      BigInt(DATA_AT),
      BigInt(OUT),
      BigInt(END - 1),
      BigInt(UNMAPPED),
      1n << 47n,
      1n << 48n,
      1n << 63n,
      (1n << 64n) - 4096n,
      0x7fff_ffffn,
      0xffff_ffffn,
      0xffff_ffff_f000n
    ]
    const names = [...NUMBERS.keys()]
    for (let round = 0; round < 40; round++) {
      const fixture = withTree(round % 2 === 0)
      for (let i = 0; i < 100; i++) {
        const args = Array.from({ length: 6 }, () => (random(3) === 0 ? BigInt(random(1 << 16)) * 4096n : interesting[random(interesting.length)]!))
        const name = names[random(names.length)]!
        const result = call(fixture, name, ...args)
        const isPause = typeof result === "object" && "end" in result
        expect(typeof result === "number" || typeof result === "bigint" || typeof result === "string" || isPause || "exit" in result, name).toBe(true)
        if (typeof result === "number") expect(Number.isSafeInteger(result), name).toBe(true)
      }
      const { space } = fixture.process
      let below = 0
      for (const { start, end } of space.areas) {
        expect(start).toBeGreaterThanOrEqual(below)
        expect(end).toBeGreaterThan(start)
        below = end
      }
    }
  }, 30_000)
})

describe("files", () => {
  it("are read through descriptors that share a position", () => {
    const fixture = withTree()
    expect(call(fixture, "openat", CWD, "/link", 0)).toBe(3)
    expect(call(fixture, "read", 3, OUT, 3)).toBe(3)
    expect(call(fixture, "dup", 3)).toBe(4)
    expect(call(fixture, "read", 4, OUT + 3, 100)).toBe(5)
    expect(new TextDecoder().decode(fixture.process.space.read(OUT, 8)!)).toBe("contents")
    expect(call(fixture, "read", 3, OUT, 100)).toBe(0)
    expect(call(fixture, "lseek", 3, -2, 2)).toBe(6)
    expect(call(fixture, "pread64", 3, OUT, 2, 1)).toBe(2)
    expect(call(fixture, "read", 4, OUT, 100)).toBe(2)
    expect(call(fixture, "lseek", 3, 1, 4)).toBe(8)
    expect(call(fixture, "lseek", 3, 8, 3)).toBe("ENXIO")
    expect(call(fixture, "close", 3)).toBe(0)
    expect(call(fixture, "lseek", 4, 0, 1)).toBe(8)
  })
  it("give no byte to memory that cannot take it, and take none from memory that cannot be read", () => {
    const fixture = withTree()
    call(fixture, "openat", CWD, "/file", 0)
    expect(call(fixture, "read", 3, UNMAPPED, 4)).toBe("EFAULT")
    expect(call(fixture, "read", 3, END - 3, 8)).toBe(3)
    expect(call(fixture, "lseek", 3, 0, 1)).toBe(3)
    fixture.host.input.push(new TextEncoder().encode("line"))
    expect(call(fixture, "read", 0, UNMAPPED, 4)).toBe("EFAULT")
    expect(call(fixture, "read", 0, OUT, 10)).toBe(4)
    fixture.process.space.write(END - 2, new TextEncoder().encode("ok"))
    expect(call(fixture, "write", 1, END - 2, 100)).toBe(2)
    expect(fixture.host.written[1]).toBe("ok")
  })
  it("can be changed where the tree allows it", () => {
    const tree = fakeTree(TREE, true)
    const fixture = fakeProcess(tree)
    expect(call(fixture, "openat", CWD, "/new", 0o102, 0o644)).toBe(3)
    put(fixture, OUT, 0x4443_4241n)
    expect(call(fixture, "write", 3, OUT, 4)).toBe(4)
    expect(call(fixture, "pwrite64", 3, OUT, 2, 6)).toBe(2)
    expect(tree.files.get("/new")).toBe("ABCD\0\0AB")
    expect(call(fixture, "ftruncate", 3, 2)).toBe(0)
    expect(call(fixture, "renameat", CWD, "/new", CWD, "/dir/inner")).toBe(0)
    expect(tree.files.get("/dir/inner")).toBe("AB")
    expect(call(fixture, "unlinkat", CWD, "/dir", 0x200)).toBe("ENOTEMPTY")
    expect(call(fixture, "unlinkat", CWD, "/dir", 0)).toBe("EISDIR")
    expect(call(fixture, "unlinkat", CWD, "/file", 0x200)).toBe("ENOTDIR")
    expect(call(fixture, "unlinkat", CWD, "/empty", 0x200)).toBe(0)
    expect(call(fixture, "renameat", CWD, "/dir", CWD, "/dir/deeper")).toBe("EINVAL")
    expect(call(fixture, "mkdirat", CWD, "/fresh/", 0o755)).toBe(0)
    expect(call(fixture, "openat", CWD, "/file", 0o2001)).toBe(4)
    expect(call(fixture, "write", 4, OUT, 1)).toBe(1)
    expect(tree.files.get("/file")).toBe("contentsA")
  })
  it("are listed in pieces as large as asked for", () => {
    const fixture = withTree()
    call(fixture, "openat", CWD, "/", 0o40000)
    const names: string[] = []
    for (;;) {
      const bytes = call(fixture, "getdents64", 3, OUT, 50)
      if (bytes === 0) break
      const view = new DataView(fixture.process.space.read(OUT, Number(bytes))!.slice().buffer)
      for (let at = 0; at < Number(bytes); at += view.getUint16(at + 16, true)) {
        const name = new Uint8Array(view.buffer, at + 19)
        names.push(`${new TextDecoder().decode(name.subarray(0, name.indexOf(0)))}:${view.getUint8(at + 18)}`)
      }
    }
    expect(names.sort()).toEqual(["..:4", ".:4", "dir:4", "empty:4", "file:8", "link:10"])
    expect(call(fixture, "lseek", 3, 0, 0)).toBe(0)
    expect(call(fixture, "getdents64", 3, OUT, 10)).toBe("EINVAL")
  })
  it("run out of descriptors, and give the lowest one again", () => {
    const fixture = withTree()
    for (let fd = 3; fd < 1024; fd++) expect(call(fixture, "openat", CWD, "/file", 0)).toBe(fd)
    expect(call(fixture, "openat", CWD, "/file", 0)).toBe("EMFILE")
    expect(call(fixture, "dup", 0)).toBe("EMFILE")
    call(fixture, "close", 500)
    expect(call(fixture, "openat", CWD, "/file", 0)).toBe(500)
    expect(call(fixture, "close_range", 3, 0xffff_ffff, 0)).toBe(0)
    expect(call(fixture, "fcntl", 0, 1030, 10)).toBe(10)
    expect(call(fixture, "fcntl", 10, 1, 0)).toBe(1)
    put(fixture, OUT, 4n, 1024n)
    expect(call(fixture, "prlimit64", 0, 7, OUT, 0)).toBe(0)
    expect([call(fixture, "dup", 0), call(fixture, "dup", 0)]).toEqual([3, "EMFILE"])
    put(fixture, OUT, 4n, 2048n)
    expect(call(fixture, "prlimit64", 0, 7, OUT, 0)).toBe("EPERM")
  })
  it("tell the program its own absolute path", () => {
    const fixture = withTree()
    expect(call(fixture, "readlinkat", CWD, "/proc/self/exe", OUT, 100)).toBe(9)
    expect(new TextDecoder().decode(fixture.process.space.read(OUT, 9)!)).toBe("/bin/test")
  })
})

describe("memory", () => {
  it("is given where it is free, and taken back", () => {
    const fixture = withTree()
    const at = Number(call(fixture, "mmap", 0, 3 * 4096, 3, 0x22, -1, 0))
    expect(at % 4096).toBe(0)
    expect(call(fixture, "mmap", at, 4096, 3, 0x22, -1, 0)).not.toBe(at)
    put(fixture, at, 5n)
    expect(call(fixture, "mprotect", at, 4096, 1)).toBe(0)
    expect(call(fixture, "read", 0, at, 1)).toBe("EFAULT")
    expect(call(fixture, "munmap", at + 4096, 4096)).toBe(0)
    expect(call(fixture, "mprotect", at, 3 * 4096, 1)).toBe("ENOMEM")
    const moved = Number(call(fixture, "mremap", at, 4096, 2 * 4096, 1))
    expect(words(fixture, moved, 1)).toEqual([5n])
    expect(call(fixture, "mremap", moved, 8192, 4096, 0)).toBe(moved)
    expect(call(fixture, "mremap", moved, 4096, 4096, 3, at + (1 << 20))).toBe(at + (1 << 20))
    expect(words(fixture, at + (1 << 20), 1)).toEqual([5n])
    expect(call(fixture, "madvise", at + (1 << 20), 4096, 4)).toBe(0)
    expect(words(fixture, at + (1 << 20), 1)).toEqual([0n])
  })
  it("shows files, whose contents advice does not forget", () => {
    const fixture = withTree()
    call(fixture, "openat", CWD, "/file", 0)
    const at = Number(call(fixture, "mmap", 0, 100, 3, 2, 3, 0))
    expect(call(fixture, "madvise", at, 4096, 4)).toBe(0)
    expect(new TextDecoder().decode(fixture.process.space.read(at, 9)!)).toBe("contents\0")
    expect(call(fixture, "mmap", 0, 100, 3, 1, 3, 0)).toBe("EACCES")
  })
  it("is not divided into more ranges than Linux allows", () => {
    const fixture = withTree()
    let made = 0
    while (made < 70_000 && typeof call(fixture, "mmap", 0x1_0000_0000 + made * 8192, 4096, made % 2 === 0 ? 1 : 4, 0x22, -1, 0) === "number") made++
    expect(made).toBeGreaterThan(65_000)
    expect(made).toBeLessThan(65_530)
    expect(call(fixture, "munmap", 0x1_0000_0000, 1 << 30)).toBe("ENOMEM")
  }, 20_000)
})

describe("time", () => {
  it("is virtual, in all its clocks", () => {
    const fixture = withTree()
    fixture.cpu.time = Object.assign(fixture.cpu.time, { retired: 1_500_000_000n, idle: 3_000_000_000n })
    call(fixture, "clock_gettime", 1, OUT)
    expect(words(fixture, OUT, 2)).toEqual([4n, 500_000_000n])
    call(fixture, "clock_gettime", 2, OUT)
    expect(words(fixture, OUT, 2)).toEqual([1n, 500_000_000n])
    call(fixture, "gettimeofday", OUT, 0)
    expect(words(fixture, OUT, 2)).toEqual([1_000_000_004n, 500_000n])
    expect(call(fixture, "times", OUT)).toBe(450n)
    expect(words(fixture, OUT, 1)).toEqual([150n])
  })
})
