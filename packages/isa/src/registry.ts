/** Composes register declarations: slots, layouts, accessors by encoding, and resolved references. Pure; problems are collected, not thrown. */
import { type IdField, implemented } from "./feature.ts"
import type { ControlPair, Gate, ResolvedCheck, ResolvedControl, ResolvedGate, TrapControl } from "./gate.ts"
import { FULL_A64 } from "./gate.ts"
import type { Extension } from "./plugin.ts"
import {
  type Accessor,
  type FieldContribution,
  type FieldReference,
  type FieldTable,
  type Layout,
  levelOf,
  parseBits,
  parseEncoding,
  type Register,
  type RegisterTrap,
  type ResolvedTrap,
  type SystemRegister
} from "./register.ts"

/** A machine may have this many registers with storage. */
export const MAXIMUM_REGISTERS = 1024
const ALL = (1n << 64n) - 1n

export interface Registry {
  readonly registers: readonly Register[]
  readonly byName: ReadonlyMap<string, Register>
  readonly byEncoding: ReadonlyMap<number, Accessor>
  /** Lower-case assembler name to encoding, _EL12 and _EL02 names included. */
  readonly names: ReadonlyMap<string, number>
  /** Declared encodings whose feature is not implemented, for listings. */
  readonly absent: readonly SystemRegister[]
  readonly gates: readonly ResolvedGate[]
  readonly controls: readonly ResolvedControl[]
  readonly fullA64: ControlPair | undefined
}

interface Owned {
  readonly declaration: SystemRegister
  readonly owner: string
}

export const composeRegisters = (extensions: readonly Extension[], features: ReadonlySet<string>, problems: string[]): Registry => {
  const attempt = <T>(owner: string, make: () => T): T | undefined => {
    try {
      return make()
    } catch (error) {
      problems.push(`${owner}: ${(error as Error).message}`)
      return undefined
    }
  }
  const owned = ownersOf(extensions, problems, attempt),
    implementedFeatures = extensions.flatMap((e) => (e.features ?? []).filter((f) => features.has(f.name)))
  checkIdFields(extensions, owned, problems)

  const byName = new Map<string, Register>()
  const added = grouped(
    extensions.flatMap(({ name, fields = [] }) => fields.map((field) => ({ owner: name, ...field }))),
    ({ register }) => register
  )
  const claimed = grouped(
    implementedFeatures.flatMap(({ id = [] }) => id),
    ({ register }) => register
  )
  for (const { declaration, owner } of owned.values()) {
    const kept = attempt(owner, () => implemented(declaration.feature, features))
    if (!kept) continue
    const register = attempt(owner, () =>
      compose(declaration, byName.size, added.get(declaration.name) ?? [], features, claimed.get(declaration.name) ?? [], problems)
    )
    if (register) byName.set(declaration.name, register)
  }
  if (byName.size > MAXIMUM_REGISTERS) problems.push(`The machine would have ${byName.size} registers; the register file holds ${MAXIMUM_REGISTERS}`)

  const resolve = resolver(byName, owned, problems),
    byEncoding = new Map<number, Accessor>(),
    names = new Map<string, number>()
  for (const register of byName.values()) {
    for (const accessor of accessorsOf(register, byName, resolve, owned, problems)) {
      byEncoding.set(accessor.encoding, accessor)
      names.set(accessor.name.toLowerCase(), accessor.encoding)
    }
  }
  const fullA64 = pairOf(FULL_A64, byName),
    controls = resolveControls(extensions, features, byName, problems),
    gates = resolveGates(extensions, features, controls, byName, fullA64, resolve, problems)
  const absent = [...owned.values()].filter(({ declaration }) => !byName.has(declaration.name)).map(({ declaration }) => declaration)
  return { registers: [...byName.values()], byName, byEncoding, names, absent, gates, controls, fullA64 }
}

/** Values by a key of each, in their order. */
const grouped = <T>(values: readonly T[], keyOf: (value: T) => string): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const group = groups.get(keyOf(value))
    if (group) group.push(value)
    else groups.set(keyOf(value), [value])
  }
  return groups
}

/** Declarations by name; a second owner of a name or of an encoding is a problem. */
const ownersOf = (
  extensions: readonly Extension[],
  problems: string[],
  attempt: <T>(owner: string, make: () => T) => T | undefined
): ReadonlyMap<string, Owned> => {
  const owned = new Map<string, Owned>(),
    encodings = new Map<number, { name: string; owner: string }>()
  for (const { name: owner, registers = [] } of extensions)
    for (const declaration of registers) {
      const { name } = declaration,
        other = owned.get(name)
      if (other) {
        problems.push(`Register ${name} has two owners: ${other.owner} and ${owner}`)
        continue
      }
      const encoding = attempt(`${owner}: ${name}`, () => parseEncoding(declaration.encoding))
      if (encoding === undefined) continue
      for (const [spelt, at] of spellings(declaration, encoding)) {
        const taken = encodings.get(at)
        if (taken) problems.push(`Registers ${taken.name} of ${taken.owner} and ${spelt} of ${owner} have the same encoding ${declaration.encoding}`)
        else encodings.set(at, { name: spelt, owner })
      }
      owned.set(name, { declaration, owner })
    }
  return owned
}

/** The register's own name and encoding, and those of its _EL12 or _EL02 alias. */
const spellings = (declaration: SystemRegister, encoding: number): readonly (readonly [string, number])[] =>
  declaration.alias
    ? [
        [declaration.name, encoding],
        [declaration.name.replace(/_EL[01]$/, `_${declaration.alias}`), (encoding & ~(7 << 11)) | (5 << 11)]
      ]
    : [[declaration.name, encoding]]

const checkIdFields = (extensions: readonly Extension[], owned: ReadonlyMap<string, Owned>, problems: string[]) => {
  for (const { name, features = [] } of extensions)
    for (const feature of features)
      for (const { register } of feature.id ?? [])
        if (!owned.get(register)?.declaration.identification)
          problems.push(`${name}: feature ${feature.name} shows itself in ${register}, which is not an ID register of this machine`)
}

const compose = (
  declaration: SystemRegister,
  slot: number,
  added: readonly (FieldContribution & { readonly owner: string })[],
  features: ReadonlySet<string>,
  claimed: readonly IdField[],
  problems: string[]
): Register => {
  const layout = (own: FieldTable | undefined, tables: readonly (readonly [string, FieldTable | undefined])[], ones: bigint): Layout => {
      const fields = new Map<string, { low: number; width: number }>()
      let writable = own || tables.some(([, t]) => t) ? 0n : ALL
      for (const [owner, table] of [["", own] as const, ...tables])
        for (const [name, bits] of Object.entries(table ?? {})) {
          const { low, width, feature } = parseBits(bits)
          if (!implemented(feature, features)) continue
          const mask = ((1n << BigInt(width)) - 1n) << BigInt(low)
          if (owner !== "" && (fields.has(name) || writable & mask))
            problems.push(`${owner}: field ${declaration.name}.${name} overlaps a field that is there already`)
          fields.set(name, { low, width })
          writable |= mask
        }
      return { writable, ones: ones & ~writable, fields }
    },
    plain = layout(
      declaration.fields,
      added.map((a) => [a.owner, a.fields] as const),
      declaration.ones ?? 0n
    )
  return {
    name: declaration.name,
    slot,
    control: declaration.control ?? false,
    layout: plain,
    e2hLayout: declaration.e2h
      ? layout(
          declaration.e2h.fields,
          added.map((a) => [a.owner, a.e2h] as const),
          declaration.e2h.ones ?? 0n
        )
      : undefined,
    reset: declaration.identification ? idValue(declaration, claimed) : (declaration.reset ?? 0n) | plain.ones,
    declaration
  }
}

/** Value of an ID register: its own constant, and every field some implemented feature claims. */
const idValue = (declaration: SystemRegister, claimed: readonly IdField[]): bigint => {
  let value = declaration.reset ?? 0n
  for (const { low, width = 4 } of claimed) {
    const largest = Math.max(...claimed.filter((f) => f.low === low).map((f) => f.value)),
      mask = ((1n << BigInt(width)) - 1n) << BigInt(low)
    value = (value & ~mask) | (BigInt(largest) << BigInt(low))
  }
  return value
}

type Resolve = (owner: string, reference: string) => FieldReference | undefined

/** "SCTLR_EL1.UCT" to its place. Nothing when the register or field belongs to a feature this machine lacks; a problem when nobody declares it. */
const resolver =
  (byName: ReadonlyMap<string, Register>, owned: ReadonlyMap<string, Owned>, problems: string[]): Resolve =>
  (owner, reference) => {
    const [registerName = "", field = ""] = reference.split("."),
      register = byName.get(registerName)
    if (!register) {
      if (!owned.has(registerName)) problems.push(`${owner} refers to ${reference}, but no plugin declares ${registerName}`)
      return undefined
    }
    const found = referenceTo(register, field),
      tables = [register.declaration.fields, register.declaration.e2h?.fields]
    if (!found && !tables.some((t) => t?.[field] !== undefined)) problems.push(`${owner} refers to ${reference}, which ${registerName} does not have`)
    return found
  }

const referenceTo = (register: Register, field: string): FieldReference | undefined => {
  const plain = register.layout.fields.get(field),
    e2h = register.e2hLayout?.fields.get(field)
  if (!plain && !e2h) return undefined
  return { register, ...(plain ?? { low: 0, width: 0 }), ...(register.e2hLayout ? { e2h: e2h ?? { low: 0, width: 0 } } : {}) }
}

const resolveTrap = (owner: string, trap: RegisterTrap, resolve: Resolve, problems: string[]): ResolvedTrap | undefined => {
  const control = resolve(owner, trap.control),
    host = trap.host === undefined ? undefined : resolve(owner, trap.host)
  if (!control) return undefined
  for (const { register } of host ? [control, host] : [control])
    if (!register.control) problems.push(`${owner} is trapped by ${register.name}, which is not declared as a control register`)
  const { control: _, host: __, ...rest } = trap
  return { ...rest, control, host, target: control.register.name.endsWith("_EL2") ? 2 : 1 }
}

const accessorsOf = (
  register: Register,
  byName: ReadonlyMap<string, Register>,
  resolve: Resolve,
  owned: ReadonlyMap<string, Owned>,
  problems: string[]
): readonly Accessor[] => {
  const { declaration } = register,
    encoding = parseEncoding(declaration.encoding),
    level = levelOf(encoding),
    other = (name: string | undefined): Register | undefined => {
      if (name !== undefined && !owned.has(name)) problems.push(`Register ${register.name} refers to ${name}, which no plugin declares`)
      return name === undefined ? undefined : byName.get(name)
    },
    [[name] = [register.name], alias] = spellings(declaration, encoding),
    plain: Accessor = {
      name: name ?? register.name,
      encoding,
      read: declaration.read ?? level,
      write: declaration.write ?? (declaration.identification ? 3 : level),
      register,
      atEL2: register,
      atHost: other(declaration.host) ?? register,
      virtual: other(declaration.virtual),
      traps: (declaration.traps ?? []).flatMap((t) => resolveTrap(register.name, t, resolve, problems) ?? []),
      fine: declaration.fine,
      access: declaration.access
    }
  if (!alias) return [plain]
  return [plain, { ...plain, name: alias[0], encoding: alias[1], read: 2, write: 2, atEL2: undefined, atHost: register, virtual: undefined }]
}

const pairOf = (pair: { readonly el1: string; readonly el2: string }, byName: ReadonlyMap<string, Register>): ControlPair | undefined => {
  const [el1, el2] = [pair.el1, pair.el2].map((reference) => {
    const [name = "", field = ""] = reference.split("."),
      register = byName.get(name)
    return register && referenceTo(register, field)
  })
  return el1 && el2 ? { el1, el2 } : undefined
}

const resolveControls = (
  extensions: readonly Extension[],
  features: ReadonlySet<string>,
  byName: ReadonlyMap<string, Register>,
  problems: string[]
): readonly ResolvedControl[] => {
  const out = new Map<string, ResolvedControl>()
  for (const { name: owner, traps = [] } of extensions)
    for (const trap of traps) {
      if (!implemented(trap.feature, features)) continue
      const cpacrRegister = byName.get("CPACR_EL1"),
        cptrRegister = byName.get("CPTR_EL2"),
        cpacr = cpacrRegister && referenceTo(cpacrRegister, trap.enable),
        plain = cptrRegister?.layout.fields.get(trap.trap),
        e2h = cptrRegister?.e2hLayout?.fields.get(trap.enable)
      if (out.has(trap.id)) problems.push(`${owner}: trap control ${trap.id} is declared twice`)
      else if (cpacr && cptrRegister && plain && e2h) out.set(trap.id, { ...trap, cpacr, cptr: { register: cptrRegister, ...plain, e2h } })
      else problems.push(`${owner}: trap control ${trap.id} needs CPACR_EL1.${trap.enable}, CPTR_EL2.${trap.enable} and CPTR_EL2.${trap.trap}`)
    }
  return [...out.values()]
}

const resolveGates = (
  extensions: readonly Extension[],
  features: ReadonlySet<string>,
  controls: readonly ResolvedControl[],
  byName: ReadonlyMap<string, Register>,
  fullA64: ControlPair | undefined,
  resolve: Resolve,
  problems: string[]
): readonly ResolvedGate[] => {
  const out: ResolvedGate[] = [],
    add = (owner: string, { access, variants }: Gate) => {
      if (access === "none" || out.some((g) => g.access === access)) {
        problems.push(`${owner}: access class ${access} has two gates`)
        return
      }
      out.push({
        access,
        index: out.length,
        variants: variants
          .filter((v) => implemented(v.having, features) && (v.lacking === undefined || !implemented(v.lacking, features)))
          .map((v) => ({
            streaming: v.streaming,
            before: (v.before ?? []).flatMap((t) => resolveTrap(`Gate ${access}`, t, resolve, problems) ?? []),
            controls: v.controls.flatMap((id) => {
              const control = controls.find((c) => c.id === id)
              if (!control) problems.push(`${owner}: gate ${access} uses trap control ${id}, which no plugin declares`)
              return control ?? []
            }),
            checks: (v.checks ?? []).map(
              (c): ResolvedCheck => ({
                needs: c.needs,
                syndrome: c.syndrome,
                pair: c.needs === "controls" ? pairOf(c, byName) : c.needs === "legalInStreaming" ? fullA64 : undefined
              })
            )
          }))
      })
    }
  for (const { name, gates = [] } of extensions) for (const gate of gates) add(name, gate)
  return out
}

/** Trap controls as data are also wanted by modes: which bits to program for a set of ids. */
export const controlById = (controls: readonly ResolvedControl[], id: string): TrapControl | undefined => controls.find((c) => c.id === id)
