/** What the page of the browser test does: runs guests from values, saves them, restores what the command saved. Answers the server in JSON. */
import * as fpsimd from "@eltwo/plugin-fpsimd"
import * as hvhe from "@eltwo/plugin-hvhe"
import * as nvhe from "@eltwo/plugin-nvhe"
import * as pkvm from "@eltwo/plugin-pkvm"
import * as sve from "@eltwo/plugin-sve"
import * as vhe from "@eltwo/plugin-vhe"
import { textOutput, Vm, type VmConfig, valuesPlatform } from "@eltwo/vmm/promise"

/** One guest: its files, how it runs, where it is saved, and what the command saved there. */
export interface Task {
  readonly guest: string
  readonly files: Readonly<Record<string, string>>
  readonly options: Omit<VmConfig, "guest">
  readonly at: number
  /** Base64. */
  readonly snapshot: string
}
export interface Done {
  readonly guest: string
  /** What the browser saved at the same instruction, base64. */
  readonly snapshot: string
  /** How the guest went on from the command's snapshot: its output and its end. */
  readonly output: string
  /** What a fork of the browser's own guest printed from there. */
  readonly forked: string
  readonly end: string
  /** Milliseconds from the start of the first instruction to the snapshot. */
  readonly milliseconds: number
}

const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
const bytesOf = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

const perform = async ({ guest, files, options, at, snapshot }: Task): Promise<Done> => {
  const platform = valuesPlatform({ files, plugins: { fpsimd, sve, vhe, nvhe, hvhe, pkvm } })
  const vm = await Vm.make({ ...options, guest, platform })
  const begun = performance.now()
  await vm.run({ maxInstructions: at })
  const milliseconds = performance.now() - begun
  const own = base64(vm.snapshot())
  let forked = ""
  const twin = vm.fork({ streams: textOutput((text) => void (forked += text)) })
  vm.close()
  await twin.run()
  twin.close()
  let output = ""
  const restored = await Vm.restore(bytesOf(snapshot), { platform, streams: textOutput((text) => void (output += text)) })
  const end = JSON.stringify(await restored.run())
  restored.close()
  return { guest, snapshot: own, output, forked, end, milliseconds }
}

const main = async (): Promise<unknown> => {
  const tasks = (await (await fetch("/tasks")).json()) as readonly Task[]
  const done: Done[] = []
  for (const task of tasks) done.push(await perform(task))
  return { done }
}
void main()
  .catch((error: unknown) => ({ error: error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error) }))
  .then((answer) => fetch("/answer", { method: "POST", body: JSON.stringify(answer) }))
