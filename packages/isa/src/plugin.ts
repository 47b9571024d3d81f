/** What an extension plugin is: a value. Everything in it is data or pure functions; compose() reads it, nothing registers itself. */
import type { Feature } from "./feature.ts"
import type { Gate, TrapControl } from "./gate.ts"
import type { Instruction } from "./instruction.ts"
import type { FieldContribution, SystemRegister } from "./register.ts"
import type { Component } from "./state.ts"

/** Version of this contract. An extension that says another one is refused. */
export const API_VERSION = 1

export interface Extension {
  readonly kind: "extension"
  /** Lower case, unique among the plugins of a machine. */
  readonly name: string
  readonly apiVersion: number
  /** Names of extensions that must be there too. */
  readonly requires?: readonly string[]
  /** One or two sentences for `eltwo plugins`. */
  readonly doc?: string
  readonly features?: readonly Feature[]
  readonly instructions?: readonly Instruction[]
  readonly registers?: readonly SystemRegister[]
  /** Fields added to registers that another extension owns. */
  readonly fields?: readonly FieldContribution[]
  readonly traps?: readonly TrapControl[]
  readonly gates?: readonly Gate[]
  readonly components?: readonly Component[]
  /** What the kvm package asks of it (one_reg ids, vCPU features, exit handlers); typed there. */
  readonly kvm?: object
}

/** Fills in what every extension has; the checks are compose()'s. */
export const defineExtension = (extension: Omit<Extension, "kind" | "apiVersion"> & { readonly apiVersion?: number }): Extension =>
  Object.freeze({ kind: "extension", apiVersion: API_VERSION, ...extension })
