/** Where a run's events go: lines of text or of JSON, to a descriptor or a stream of the command. */
import { closeSync, openSync, writeSync } from "node:fs"
import { EVENT_SCHEMA, FileError, type HostStreams, type TraceEvent, traceJson, traceText } from "@eltwo/vmm"
import { reasonOf } from "./failure.ts"

/** Characters kept before they are written. */
const BUFFER = 1 << 16

/** Lines on their way out. A failure to write stops the writing, not the run; `close` gives the first one. */
export interface LineWriter {
  line(text: string): void
  flush(): void
  close(): Error | undefined
}
export const lineWriter = (write: (text: string) => void, end: () => void = () => {}): LineWriter => {
  let buffer = ""
  let failure: Error | undefined
  const attempt = (act: () => void) => {
    try {
      if (failure === undefined) act()
    } catch (error) {
      failure = error as Error
    }
  }
  const flush = () => {
    const text = buffer
    buffer = ""
    if (text !== "") attempt(() => write(text))
  }
  return {
    line: (text) => {
      buffer += `${text}\n`
      if (buffer.length >= BUFFER) flush()
    },
    flush,
    close: () => {
      flush()
      attempt(end)
      return failure
    }
  }
}
export const fileError = (path: string, error: Error): FileError =>
  new FileError({ path, message: `cannot write ${path}: ${reasonOf(error.message)}`, hint: "--trace-file names a file that can be written." })
/** A new file; throws when there cannot be one. */
export const fileWriter = (path: string): LineWriter => {
  const fd = openSync(path, "w")
  return lineWriter(
    (text) => {
      const bytes = new TextEncoder().encode(text)
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    },
    () => closeSync(fd)
  )
}

export const eventText = (event: TraceEvent, json: boolean): string => (json ? traceJson(event) : traceText(event))
export const helloLine = (version: string, guest: string): string => JSON.stringify({ type: "hello", schema: EVENT_SCHEMA, version, guest })

/** The guest's output as events: text where it is UTF-8 from end to end, else base64. */
export const consoleEvents = (streams: HostStreams, lines: LineWriter): HostStreams => ({
  ...streams,
  writeOutput: (stream, bytes) => {
    lines.line(JSON.stringify({ type: "console", stream, ...contentOf(bytes) }))
    lines.flush()
    return true
  },
  isTerminal: (stream) => stream === 0 && streams.isTerminal(0)
})
const contentOf = (bytes: Uint8Array): { readonly text: string } | { readonly base64: string } => {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") }
  }
}
