/**
 * Snapshots that only the holder of a key can read: a whole snapshot, encrypted as one section of another file, whose header is in clear and goes with the
 * ciphertext. The bytes are new each time, because the nonce is: a snapshot has the same bytes for the same state only without a key.
 */
import { type Saved, shape } from "@eltwo/cpu"
import { SnapshotError } from "../errors.ts"
import { encode, sameBytes } from "./codec.ts"
import { type Container, type Hash, open, readValues, valuesSection, writeContainer } from "./container.ts"
import { HEADER, type Header, MAJOR } from "./header.ts"
import { reading, refusal, refuse } from "./refusal.ts"
import { arrange } from "./shape-schema.ts"

/** Bytes of a key: AES-256. */
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = "AES-GCM"
const VERSION = 1
const SEAL = shape({ fields: { cipher: { oneOf: ["aes-256-gcm"] }, nonce: { bytes: NONCE_BYTES } } })
/** Sections of a sealed file, both of them. */
const NAMES = { seal: "seal", content: "sealed" } as const
const HINT = "--key-file names the file with the key it was sealed with."

/** Whether a file is sealed: nothing but its header can be read without the key. */
export const isSealed = ({ header }: Container): boolean => header.sections.some(({ name }) => name === NAMES.content)

/** What the header says of the guest: not the list of sections, which holds the ciphertext's own hash, nor the format, which follows from that list. */
const factsOf = (header: Omit<Header, "format" | "sections">): Uint8Array =>
  encode(arrange(HEADER, { ...header, format: { major: MAJOR, minor: 0 }, sections: [] }, "header"))
/** What the ciphertext is bound to. */
const boundHeader = (header: Omit<Header, "format" | "sections">, seal: Saved<typeof SEAL>): Uint8Array<ArrayBuffer> => {
  const head = factsOf(header)
  const how = encode(arrange(SEAL, seal, NAMES.seal))
  const all = new Uint8Array(head.length + how.length)
  all.set(head)
  all.set(how, head.length)
  return all
}
const importKey = (key: Uint8Array): Promise<CryptoKey> =>
  globalThis.crypto.subtle.importKey("raw", new Uint8Array(key), CIPHER, false, ["encrypt", "decrypt"])
const keyProblem = (key: Uint8Array): SnapshotError | undefined => {
  const wrong = (expected: string, actual: string) => refusal("SNAPSHOT_KEY", { path: "key", expected, actual, hint: HINT })
  // a page of a browser that did not come by a safe way has none
  if ((globalThis.crypto as Partial<Crypto> | undefined)?.subtle === undefined) return wrong("a platform with WebCrypto", "one without")
  return key.length === KEY_BYTES ? undefined : wrong(`${KEY_BYTES} bytes`, `${key.length} bytes`)
}

/** A snapshot, sealed; its bytes are cleared. */
export const seal = async (file: Uint8Array, key: Uint8Array, hash?: Hash): Promise<Uint8Array | SnapshotError> => {
  const problem = keyProblem(key)
  if (problem !== undefined) return problem
  const container = reading(() => open(file, { hash }))
  if (container instanceof SnapshotError) return container
  const { format: _, sections: __, ...header } = container.header
  const how = { cipher: "aes-256-gcm", nonce: globalThis.crypto.getRandomValues(new Uint8Array(NONCE_BYTES)) } as const
  const algorithm = { name: CIPHER, iv: how.nonce, additionalData: boundHeader(header, how) }
  const bytes = new Uint8Array(await globalThis.crypto.subtle.encrypt(algorithm, await importKey(key), new Uint8Array(file)))
  file.fill(0)
  const content = { name: NAMES.content, version: VERSION, required: true, codec: "sealed", rawLength: bytes.length - TAG_BYTES, bytes } as const
  return writeContainer(header, [valuesSection(NAMES.seal, VERSION, SEAL, how), content], hash)
}

/** The parts of a sealed file, checked as far as that goes without the key. Throws SnapshotError. */
export const checkSealed = (container: Container): { readonly how: Saved<typeof SEAL>; readonly content: Uint8Array } => {
  const how = readValues(container, NAMES.seal, VERSION, SEAL)
  const { entry, bytes } = container.section(NAMES.content)
  const names = container.header.sections.map(({ name }) => name)
  if (names.length !== 2 || entry.version !== VERSION || entry.codec !== "sealed" || !entry.required)
    refuse("SNAPSHOT_SECTION", {
      path: `section ${NAMES.content}`,
      expected: `version ${VERSION}, codec sealed, beside section ${NAMES.seal} alone`,
      actual: `version ${entry.version}, codec ${entry.codec}, in ${names.join(", ")}`,
      hint: "Use the eltwo that wrote it, or a later one."
    })
  return { how, content: bytes }
}
/** Refuses a sealed file where no key can be given. Throws SnapshotError. */
export const refuseSealed = (container: Container): void => {
  if (isSealed(container)) refuse("SNAPSHOT_KEY", { path: "file", expected: "a snapshot in clear, or its key", actual: "a sealed one", hint: HINT })
}

/** The snapshot in a file: the file itself without a key, what is sealed in it with one. A file and a key that do not belong together are refused. */
export const unseal = async (file: Uint8Array, key: Uint8Array | undefined, hash?: Hash): Promise<Uint8Array | SnapshotError> => {
  const problem = key && keyProblem(key)
  if (problem !== undefined) return problem
  const checked = reading(() => {
    const container = open(file, { hash })
    if (key === undefined) return refuseSealed(container)
    if (!isSealed(container))
      refuse("SNAPSHOT_KEY", { path: "file", expected: "a snapshot that is sealed", actual: "one in clear", hint: "Leave the key out." })
    return { ...checkSealed(container), header: container.header }
  })
  if (checked instanceof SnapshotError) return checked
  if (key === undefined || checked === undefined) return file
  const { how, content, header } = checked
  const algorithm = { name: CIPHER, iv: new Uint8Array(how.nonce), additionalData: boundHeader(header, how) }
  const clear = await globalThis.crypto.subtle.decrypt(algorithm, await importKey(key), new Uint8Array(content)).catch(() => undefined)
  if (clear === undefined)
    return refusal("SNAPSHOT_KEY", { path: `section ${NAMES.content}`, expected: "what this key sealed", actual: "something else", hint: HINT })
  const inner = new Uint8Array(clear)
  const same = reading(() => checkInner(open(inner, { hash }), header))
  return same instanceof SnapshotError ? same : inner
}
/** What the outside says is what the inside says. */
const checkInner = (inner: Container, outer: Header): void => {
  refuseSealed(inner)
  if (sameBytes(factsOf(inner.header), factsOf(outer))) return
  refuse("SNAPSHOT_CONTENT", {
    path: "header",
    expected: "the header of the snapshot that is sealed",
    actual: "another",
    hint: "The file was not written by eltwo, or was changed."
  })
}
