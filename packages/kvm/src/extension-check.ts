/** What the `kvm` parts of a machine's extensions must be: they come from plugins, so nothing of them is believed before a host is made. */
import type { Machine } from "@eltwo/isa"
import { type KvmPart, RESERVED_FEATURES, VCPU_FEATURES } from "./extension.ts"
import { Coprocessor } from "./one-reg-id.ts"

type Fields = Readonly<Record<string, unknown>>
/** What is wrong with a value, behind the name of its place; undefined: nothing. */
type Check = (value: unknown) => string | undefined

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value)
const number =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : ` is ${String(value)}, not a number from ${least} to ${most}`
const text: Check = (value) => (typeof value === "string" && value !== "" ? undefined : ` is ${String(value)}, not a name`)
const flag: Check = (value) => (typeof value === "boolean" ? undefined : ` is ${String(value)}, not true or false`)
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value)
const listOf =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return " is not a list"
    for (const [i, item] of value.entries()) {
      const problem = check(item)
      if (problem) return `[${i}]${problem}`
    }
    return undefined
  }
/** Exactly these fields. */
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) => {
    if (!isFields(value)) return " is not an object"
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name))
    if (unknown !== undefined) return `.${unknown} is not a field of it`
    for (const [name, check] of Object.entries(fields)) {
      const problem = check(value[name])
      if (problem) return `.${name}${problem}`
    }
    return undefined
  }
const either =
  (field: string, withIt: Check, without: Check): Check =>
  (value) =>
    isFields(value) && field in value ? withIt(value) : without(value)

const INDEX = number(0, 0xffff)
const FEATURE = number(0, VCPU_FEATURES - 1)
const BIT = number(0, 63)
const PART: Check = object({
  vcpuFeature: optional(
    object({
      bit: FEATURE,
      requires: text,
      vectors: optional(
        object({
          coprocessor: INDEX,
          lengthsIndex: INDEX,
          files: listOf(object({ index: INDEX, registers: number(1, 32), sliceLog2: number(2, 8), vectorBytesPerByte: number(1, 16) }))
        })
      )
    })
  ),
  registers: optional(
    listOf(object({ name: text, visible: either("vcpuFeature", object({ vcpuFeature: FEATURE }), object({ idRegister: text, low: number(0, 60) })) }))
  ),
  hiddenFields: optional(
    listOf(object({ register: text, low: BIT, width: optional(number(1, 64)), unless: optional(FEATURE), fixed: optional(flag) }))
  )
})

/** What a part claims for itself alone, and how a message says it. */
const claims = ({ vcpuFeature, registers = [] }: KvmPart): readonly string[] => [
  ...(vcpuFeature ? [`vCPU feature ${vcpuFeature.bit}`] : []),
  ...(vcpuFeature?.vectors ? [`coprocessor 0x${vcpuFeature.vectors.coprocessor.toString(16)} of ONE_REG`] : []),
  ...registers.map(({ name }) => `register ${name}`)
]
const KERNELS: ReadonlySet<string> = new Set([
  ...RESERVED_FEATURES.map((bit) => `vCPU feature ${bit}`),
  ...Object.values(Coprocessor).map((number) => `coprocessor 0x${number.toString(16)} of ONE_REG`)
])
/** Indices of one coprocessor that two files, or a file and the lengths, both have. */
const doubleIndex = ({ vcpuFeature }: KvmPart): number | undefined => {
  if (!vcpuFeature?.vectors) return undefined
  const { lengthsIndex, files } = vcpuFeature.vectors
  const seen = new Set<number>([lengthsIndex])
  for (const { index, registers } of files)
    for (let n = 0; n < registers; n++) {
      const own = index + (n << 5)
      if (seen.has(own)) return own
      seen.add(own)
    }
  return undefined
}

/** The first thing that is wrong with the extensions' parts: one is malformed, or two want the same. Undefined: nothing is. */
export const kvmPartProblem = ({ extensions }: Pick<Machine, "extensions">): string | undefined => {
  const owners = new Map<string, string>()
  for (const { name, kvm } of extensions) {
    if (kvm === undefined) continue
    const malformed = PART(kvm)
    if (malformed) return `Extension ${name}: kvm${malformed}`
    const part = kvm as KvmPart
    const index = doubleIndex(part)
    if (index !== undefined) return `Extension ${name}: kvm has index 0x${index.toString(16)} of its vectors twice`
    for (const claim of claims(part)) {
      const owner = KERNELS.has(claim) ? "the kernel" : owners.get(claim)
      if (owner !== undefined) return `Extension ${name}: kvm claims ${claim}, which is ${owner === "the kernel" ? owner : `extension ${owner}`}'s`
      owners.set(claim, name)
    }
  }
  return undefined
}
