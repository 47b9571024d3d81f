/** Open files as data: what a descriptor refers to by the path under the guest's root and the position there, not its contents. */
import { type Saved, shape } from "@eltwo/cpu"
import { type Device, type Files, MAX_FILES, type OpenFile } from "./files.ts"

const DEVICES: readonly Device[] = ["null", "zero", "full", "urandom"]
const OPEN_FILE = shape({
  kinds: {
    stream: { stream: "u32", flags: "u32" },
    device: { device: { oneOf: DEVICES }, flags: "u32" },
    file: { path: "text", position: "size", flags: "u32" },
    /** `names` while it is being listed. */
    directory: { path: "text", position: "size", flags: "u32", names: { maybe: { list: "text", most: 100_000 } } }
  }
})
export const FILES_STATE = shape({
  fields: {
    /** Duplicates share a file: descriptors name it by its place in `open`. */
    open: { list: OPEN_FILE, most: MAX_FILES },
    table: { list: { fields: { fd: "u32", file: "u32", closeOnExec: "flag" } }, most: MAX_FILES },
    workingDirectory: "text",
    moved: "size",
    umask: "u32",
    limit: "u32"
  }
})
export type FilesState = Saved<typeof FILES_STATE>

export const filesState = (files: Files): FilesState => {
  const { table, closeOnExec } = files.state
  const descriptors = [...table].sort(([a], [b]) => a - b)
  const open = [...new Set(descriptors.map(([, file]) => file))]
  return {
    open: open.map((file) => (file.kind === "directory" ? { ...file, names: file.names === undefined ? null : [...file.names] } : { ...file })),
    table: descriptors.map(([fd, file]) => ({ fd, file: open.indexOf(file), closeOnExec: closeOnExec.has(fd) })),
    workingDirectory: files.workingDirectory,
    moved: files.moved,
    umask: files.umask,
    limit: files.limit
  }
}
const isPath = (path: string): boolean =>
  path.startsWith("/") && !path.includes("\0") && !path.split("/").some((part) => part === "." || part === "..")
/** Why a state is none, or names what is not under this root; undefined when it can be restored. */
export const filesProblem = (files: Files, { open, table, workingDirectory, limit }: FilesState): string | undefined => {
  if (table.some(({ fd, file }) => fd >= MAX_FILES || file >= open.length)) return "a descriptor of no file"
  if (new Set(table.map(({ fd }) => fd)).size !== table.length) return "a descriptor twice"
  if (!isPath(workingDirectory)) return "a working directory that is no path"
  if (limit > MAX_FILES) return `a limit of ${limit} descriptors`
  for (const file of open) {
    if (file.kind === "stream" && file.stream > 2) return `standard stream ${file.stream}`
    if (file.kind !== "file" && file.kind !== "directory") continue
    if (!isPath(file.path)) return "an open file that has no path"
    if (files.tree.status(file.path)?.kind !== file.kind) return `the open ${file.kind} ${file.path}, which is not under this root`
  }
  return undefined
}
export const restoreFiles = (files: Files, state: FilesState): void => {
  const open = state.open.map((file): OpenFile => {
    if (file.kind !== "directory") return { ...file } as OpenFile
    const { names, ...rest } = file
    return names === null ? { ...rest } : { ...rest, names }
  })
  files.restore(
    new Map(state.table.map(({ fd, file }) => [fd, open[file]!])),
    state.table.flatMap(({ fd, closeOnExec }) => (closeOnExec ? [fd] : []))
  )
  files.workingDirectory = state.workingDirectory
  files.moved = state.moved
  files.umask = state.umask
  files.limit = state.limit
}
