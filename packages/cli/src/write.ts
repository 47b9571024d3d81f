/** Synchronous writing to a descriptor that may be a full pipe. */
import { writeSync } from "node:fs"

const cell = new Int32Array(new SharedArrayBuffer(4))
/** Writes all of it, waiting where the reader is slow; gives up silently when there is no reader. Gives what else it failed with. */
export const writeAll = (fd: number, content: string | Uint8Array): Error | undefined => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  for (let done = 0; done < bytes.length; )
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EPIPE") return undefined
      if (code !== "EAGAIN") return error as Error
      Atomics.wait(cell, 0, 0, 1)
    }
  return undefined
}
