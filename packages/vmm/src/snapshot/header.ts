/** The header of a snapshot: what one has to know before anything else is read. */
import { type Saved, shape } from "@eltwo/cpu"

/** Another major version is another format; a minor one adds what older readers can do without, or sections they are told to refuse. */
export const MAJOR = 1
export const MINOR = 2
/**
 * What the id at the end of a file is the SHA-256 of. `header`, since 1.2: everything up to the end of the header, which has the hashes of all the rest.
 * `file`: everything before it.
 */
export const idCovers = (minor: number): "header" | "file" => (minor >= 2 ? "header" : "file")
/** Whether a file of this minor version may have these sections; 1.1 was for those with a whole host only. */
export const isMinorFor = (minor: number, sections: readonly { readonly name: string }[]): boolean =>
  minor >= 2 || minor === (sections.some(({ name }) => name === "host") ? 1 : 0)
/** Who writes it, in the header. */
export const WRITER = { name: "eltwo", version: "0.1.0" } as const

const SECTION = shape({
  fields: {
    name: "text",
    version: "u32",
    required: "flag",
    /** `lines`: see lines.ts. `sealed`: see seal.ts. */
    codec: { oneOf: ["none", "lines", "sealed"] },
    rawLength: "size",
    length: "size",
    sha256: { bytes: 32 }
  }
})
export type SectionEntry = Saved<typeof SECTION>

export const HEADER = shape({
  fields: {
    format: { fields: { major: "u32", minor: "u32" } },
    writer: { fields: { name: "text", version: "text" } },
    /** What runs: a Linux program, an image at EL1 of a VM, an image without a modelled kernel, a host for whoever made it. */
    kind: { oneOf: ["linux", "vm", "bare", "host"] },
    /** Virtual time in nanoseconds, and instructions the guest retired. */
    time: "u64",
    instructions: "u64",
    machine: {
      fields: {
        /** Empty for a bare image: there is no modelled kernel. */
        mode: "text",
        era: "text",
        /** Bytes of guest RAM. */
        memory: "size",
        seed: "u32",
        /** FEAT_ names, sorted. */
        features: { list: "text", most: 1000 },
        /** Every length the machine has, in bits, ascending. */
        vectorLengths: { list: "u32", most: 16 },
        streamingVectorLengths: { list: "u32", most: 16 },
        plugins: { list: { fields: { name: "text", apiVersion: "u32" } }, most: 100 }
      }
    },
    /** Last part of the guest's path. */
    guest: "text",
    /** Id of the snapshot this one is the changes to. */
    parent: { maybe: { bytes: 32 } },
    sections: { list: SECTION, most: 1000 }
  }
})
export type Header = Saved<typeof HEADER>
