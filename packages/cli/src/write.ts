/** Synchronous writing to a descriptor that may be a full pipe. */
import { writeSync } from "node:fs"

const cell = new Int32Array(new SharedArrayBuffer(4))
/** Writes all of it, waiting where the reader is slow; gives up silently when there is no reader. */
export const writeAll = (fd: number, content: string | Uint8Array): void => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  for (let done = 0; done < bytes.length; )
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return
      Atomics.wait(cell, 0, 0, 1)
    }
}
