/** A guest under qemu-system-aarch64, driven by its monitor (QMP on standard input and output). */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"

export interface QemuGuest {
  /** A flat image, and the address it is put at and started from. */
  readonly image: string
  readonly address: number
  /** MiB of RAM. */
  readonly memory: number
  /** Where its disk for snapshots and its serial line's output are made. */
  readonly folder: string
}
interface Answer {
  readonly QMP?: object
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}

const diskOf = (folder: string): string => join(folder, "disk.qcow2")
/** An empty qcow2 disk: savevm puts snapshots there. */
export const makeDisk = (image: string, folder: string): void => {
  rmSync(diskOf(folder), { force: true })
  execFileSync(image, ["create", "-q", "-f", "qcow2", diskOf(folder), "1G"])
}
/** Bytes the disk takes on the host. */
export const diskBytes = (folder: string): number => statSync(diskOf(folder)).blocks * 512

export class Qemu {
  readonly #child: ChildProcess
  readonly #waiting: { readonly take: (answer: Answer) => void; readonly fail: (error: Error) => void }[] = []
  readonly #serial: string

  private constructor(child: ChildProcess, serial: string) {
    this.#child = child
    this.#serial = serial
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer
      if ("QMP" in answer || "return" in answer || "error" in answer) this.#waiting.shift()?.take(answer)
    })
    child.on("exit", (code) => {
      for (const { fail } of this.#waiting.splice(0)) fail(new Error(`QEMU ended with ${code}`))
    })
  }
  /** Starts it, from a snapshot when one is named, and comes back when the monitor answers. */
  static async start(program: string, { image, address, memory, folder }: QemuGuest, snapshot?: string): Promise<Qemu> {
    const serial = join(folder, "serial")
    rmSync(serial, { force: true })
    const machine = [
      "-M",
      "virt",
      "-cpu",
      "max",
      "-m",
      `${memory}`,
      "-display",
      "none",
      "-monitor",
      "none",
      "-qmp",
      "stdio",
      "-serial",
      `file:${serial}`
    ]
    const guest = ["-device", `loader,file=${image},addr=0x${address.toString(16)},cpu-num=0`]
    const disk = ["-drive", `if=none,id=d,format=qcow2,file=${diskOf(folder)}`, ...(snapshot === undefined ? [] : ["-loadvm", snapshot])]
    const child = spawn(program, [...machine, ...guest, ...disk], { stdio: ["pipe", "pipe", "inherit"] })
    const qemu = new Qemu(child, serial)
    await qemu.#answer()
    await qemu.#execute("qmp_capabilities")
    return qemu
  }
  /** Waits until the guest has printed something. */
  async ready(): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (existsSync(this.#serial) && readFileSync(this.#serial).length > 0) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error("The guest under QEMU printed nothing in half a minute")
  }
  /** A command of the human monitor; rejects when it says anything against it. Milliseconds until its answer. */
  async command(line: string): Promise<number> {
    const begun = performance.now()
    const text = await this.#execute("human-monitor-command", { "command-line": line })
    if (typeof text === "string" && text.trim() !== "") throw new Error(`${line}: ${text}`)
    return performance.now() - begun
  }
  stop(): Promise<unknown> {
    return this.#execute("stop")
  }
  async quit(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve))
    await this.#execute("quit")
    await ended
  }
  async #execute(execute: string, given?: object): Promise<unknown> {
    const answer = this.#answer()
    this.#child.stdin!.write(`${JSON.stringify({ execute, ...(given && { arguments: given }) })}\n`)
    const { error, return: result } = await answer
    if (error !== undefined) throw new Error(`${execute}: ${error.desc}`)
    return result
  }
  #answer(): Promise<Answer> {
    return new Promise((take, fail) => this.#waiting.push({ take, fail }))
  }
}
