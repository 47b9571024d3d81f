import type { Operation } from "../decode-cache.ts"
import type { PendingException } from "../exception.ts"
import { checkAccess } from "../gates.ts"
import { PE, PSTATE } from "../layout.ts"
import type { Pe } from "../pe.ts"

const PSTATE_WORD = PE.PSTATE >> 2
const SVCR_WORD = PE.SVCR >> 2
const SM = 1

/** Access classes whose gate was found open, for as long as nothing it depends on changes: control registers in force, exception level, SVCR. */
export class OpenAccess {
  readonly #pe: Pe
  readonly #open = new Set<string>()
  #version = -1
  #el = -1
  #svcr = -1

  constructor(pe: Pe) {
    this.#pe = pe
  }
  /** The exception the operation's gate raises now, if any. In streaming mode that depends on the instruction too, and is not kept. */
  trap({ access, instruction, word }: Operation): PendingException | undefined {
    const { words, controls } = this.#pe
    const el = words[PSTATE_WORD]! & PSTATE.EL
    const svcr = words[SVCR_WORD]!
    if (controls.version !== this.#version || el !== this.#el || svcr !== this.#svcr) {
      this.#version = controls.version
      this.#el = el
      this.#svcr = svcr
      this.#open.clear()
    } else if (this.#open.has(access)) return undefined
    const trapped = checkAccess(this.#pe, access, instruction!, word)
    if (!trapped && !(svcr & SM)) this.#open.add(access)
    return trapped
  }
}
