/** What an extension plugin is: a value. Everything in it is data or pure functions; compose() reads it, nothing registers itself. */
import type { Feature } from "./feature.ts"
import type { Gate, TrapControl } from "./gate.ts"
import type { Instruction } from "./instruction.ts"
import type { FieldContribution, SystemRegister } from "./register.ts"
import type { Component } from "./state.ts"

/** Version of this contract. An extension that says another one is refused. */
export const API_VERSION = 1

/** A plugin that teaches words to the machine: see defineExtension(). */
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

/** An option that a plugin takes, written `--plugin NAME,option=value`. */
export type PluginOption =
  | { readonly type: "boolean"; readonly default: boolean; readonly doc: string }
  | { readonly type: "integer"; readonly default: number; readonly minimum: number; readonly maximum: number; readonly doc: string }
  | { readonly type: "choice"; readonly default: string; readonly choices: readonly string[]; readonly doc: string }
  | { readonly type: "text"; readonly default: string; readonly doc: string }
/** Options of a plugin by name. */
export interface PluginOptions {
  readonly [name: string]: PluginOption
}
/** Values of a plugin's options, as create() gets them. */
export type OptionValues<Options extends PluginOptions> = { readonly [Name in keyof Options]: Options[Name]["default"] }

/** A plugin that takes options: what it is depends on them. */
export interface PluginFactory<Plugin = Extension> {
  readonly kind: "factory"
  readonly name: string
  readonly apiVersion: number
  readonly doc?: string
  readonly options: PluginOptions
  /** Called once, with a checked value for every option. */
  readonly create: (options: Readonly<Record<string, boolean | number | string>>) => Plugin
}
/** A plugin with options; `create` sees them typed. */
export const definePlugin = <const Options extends PluginOptions, Plugin = Extension>(factory: {
  readonly name: string
  readonly apiVersion?: number
  readonly doc?: string
  readonly options: Options
  readonly create: (options: OptionValues<Options>) => Plugin
}): PluginFactory<Plugin> =>
  // The loader checks the values against `options` before it calls `create`.
  Object.freeze({ kind: "factory", apiVersion: API_VERSION, ...factory, create: factory.create as PluginFactory<Plugin>["create"] })
