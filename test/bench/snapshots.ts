/**
 * How long snapshots take here and under QEMU, with the same guest of 128 MiB that has written 24 of them (snapshot-guest). Part of `npm run bench`; alone:
 *
 *     npx tsx test/bench/snapshots.ts [--runs N]
 *
 * Each number is the least of some runs, in milliseconds. QEMU is `qemu-system-aarch64 -M virt -cpu max -m 128`, its snapshots are savevm and loadvm on a qcow2
 * disk in the same folder; `-` without it (found as test/conformance/oracle.ts says).
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { assemble, base, composeOrThrow } from "@eltwo/isa"
import { fpsimd } from "@eltwo/plugin-fpsimd"
import { nodePlatform } from "@eltwo/vmm/node"
import { Vm } from "@eltwo/vmm/promise"
import { oracleTool } from "../conformance/oracle.ts"
import { diskBytes, makeDisk, Qemu } from "./qemu-monitor.ts"

const MEMORY = 128
const GUEST = fileURLToPath(new URL("snapshot-guest", import.meta.url))
/** Instructions until it has written its memory and counts; and between two incremental snapshots. */
const UNTIL_READY = 20_000_000
const BETWEEN = 100_000
const command = fileURLToPath(new URL("../../packages/cli/bin/eltwo.js", import.meta.url))
const built = existsSync(fileURLToPath(new URL("../../packages/cli/dist/main.cjs", import.meta.url)))

/** What is measured; undefined: not here. */
interface Figures {
  readonly save: number
  /** To a file that survives a crash of the machine. */
  readonly saveFile: number
  readonly incremental: number
  /** Into a new machine, and into the one that is there. */
  readonly restore: number
  readonly load: number
  readonly process: number | undefined
  readonly fork: number
  readonly firstUse: number
  readonly bytes: number
  readonly incrementalBytes: number
}
interface Peer {
  readonly save: number
  readonly again: number
  readonly restore: number
  readonly process: number
  readonly bytes: number
}

/** Milliseconds of the fastest of some runs. */
const least = async (runs: number, once: (run: number) => Promise<number> | number): Promise<number> => {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) best = Math.min(best, await once(run))
  return best
}
const timed = async (act: () => unknown): Promise<number> => {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}
const spawned = (program: string, args: readonly string[]): void => {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`)
}

const ours = async (folder: string, runs: number): Promise<Figures> => {
  const platform = nodePlatform()
  const vm = await Vm.make({ guest: GUEST, mem: MEMORY << 20, platform })
  await vm.run({ maxInstructions: UNTIL_READY })
  const full = vm.snapshot()
  const path = join(folder, "full.el2")
  const save = await least(runs, () => timed(() => vm.snapshot()))
  const saveFile = await least(runs, () => timed(() => vm.save(path, { force: true })))
  const chain = [full]
  const incremental = await least(runs + 1, async () => {
    await vm.run({ maxInstructions: BETWEEN })
    return timed(() => chain.push(vm.snapshot({ parents: chain })))
  })
  const restore = await least(runs, async () => {
    let other: Vm | undefined
    const time = await timed(async () => {
      other = await Vm.restore(full, { platform })
    })
    other?.close()
    return time
  })
  const load = await least(runs, async () => {
    await vm.run({ maxInstructions: BETWEEN })
    return timed(() => vm.load(full))
  })
  let firstUse = Number.POSITIVE_INFINITY
  const fork = await least(Math.max(runs, 10), async () => {
    await vm.run({ maxInstructions: BETWEEN })
    let child: Vm | undefined
    const time = await timed(() => {
      child = vm.fork()
    })
    firstUse = Math.min(firstUse, await timed(() => child!.run({ maxInstructions: 1 })))
    child!.close()
    return time
  })
  vm.close()
  const process = built ? await least(runs, () => timed(() => spawned(globalThis.process.execPath, [command, "restore", path]))) : undefined
  return { save, saveFile, incremental, restore, load, process, fork, firstUse, bytes: statSync(path).size, incrementalBytes: chain.at(-1)!.length }
}

/** The same guest as a flat image. */
const flatImage = (path: string): string => {
  const { assembly, problems } = assemble(readFileSync(join(GUEST, "program.s"), "utf8"), { isa: composeOrThrow([base, fpsimd]), origin: RAM })
  if (problems !== undefined) throw new Error(problems.map(({ message }) => message).join("\n"))
  writeFileSync(path, assembly.sections.find(({ name }) => name === ".text")!.bytes)
  return path
}
const RAM = 0x4000_0000
/** Behind the device tree that QEMU puts at the start of RAM; the guest does not care where it is. */
const ADDRESS = RAM + 0x20_0000

const theirs = async (program: string, disk: string, folder: string, runs: number): Promise<Peer> => {
  makeDisk(disk, folder)
  const guest = { image: flatImage(join(folder, "guest.bin")), address: ADDRESS, memory: MEMORY, folder }
  const qemu = await Qemu.start(program, guest)
  await qemu.ready()
  await qemu.stop()
  const empty = diskBytes(folder)
  let bytes = 0
  const save = await least(runs, async (run) => {
    const time = await qemu.command(`savevm full${run}`)
    if (run === 0) bytes = diskBytes(folder) - empty
    return time
  })
  const again = await least(runs, async (run) => {
    await qemu.command("cont")
    await new Promise((resolve) => setTimeout(resolve, 5))
    await qemu.stop()
    return qemu.command(`savevm again${run}`)
  })
  const restore = await least(runs, (run) => qemu.command(`loadvm full${run}`))
  await qemu.quit()
  const process = await least(runs, async () => {
    let other: Qemu | undefined
    const time = await timed(async () => {
      other = await Qemu.start(program, guest, "full0")
    })
    await other!.quit()
    return time
  })
  return { save, again, restore, process, bytes }
}

const number = (value: number | undefined): string => (value === undefined ? "-" : value < 10 ? value.toFixed(2) : value.toFixed(0))
const size = (bytes: number | undefined): string =>
  bytes === undefined ? "-" : bytes < 1 << 20 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
const sum = (...parts: readonly (number | undefined)[]): number | undefined =>
  parts.every((part) => part !== undefined) ? parts.reduce((a, b) => a + b, 0) : undefined

/** Measures and prints a table in Markdown. */
export const benchSnapshots = async (runs: number): Promise<void> => {
  const program = oracleTool("qemu-system-aarch64")
  const disk = oracleTool("qemu-img")
  if (program === undefined || disk === undefined) console.log("No qemu-system-aarch64 and qemu-img: eltwo's snapshots alone.")
  const folder = mkdtempSync(join(tmpdir(), "eltwo-bench-"))
  try {
    const mine = await ours(folder, runs)
    const peer = program === undefined || disk === undefined ? undefined : await theirs(program, disk, folder, runs)
    const rows: readonly (readonly [string, string, string])[] = [
      ["full save, in memory", number(mine.save), "-"],
      ["full save, to a file (savevm)", number(mine.saveFile), number(peer?.save)],
      ["incremental save, in memory; one page changed (savevm has no such thing: all again)", number(mine.incremental), number(peer?.again)],
      ["load into the machine that is there (loadvm)", number(mine.load), number(peer?.restore)],
      ["restore as a new machine in a running process (QEMU has one machine)", number(mine.restore), "-"],
      ["restore in a new process, from its start (-loadvm)", number(mine.process), number(peer?.process)],
      ["fork (QEMU: savevm, and another process with -loadvm)", number(mine.fork), number(sum(peer?.save, peer?.process))],
      ["first use of a fork", number(mine.firstUse), "-"],
      ["size of the full snapshot", size(mine.bytes), size(peer?.bytes)],
      ["size of the incremental one", size(mine.incrementalBytes), "-"]
    ]
    console.log(`${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}, least of ${runs} runs, milliseconds`)
    console.log("| snapshots of a guest of 128 MiB, 24 of them written | eltwo | QEMU |\n| --- | --- | --- |")
    for (const row of rows) console.log(`| ${row.join(" | ")} |`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1]?.endsWith("snapshots.ts")) {
  const { values } = parseArgs({ options: { runs: { type: "string", default: "5" } } })
  await benchSnapshots(Math.max(1, Number(values.runs) || 1))
}
