/** Input for images: a UART or debug console has no way to say "not yet" that leaves the run deterministic, so the reader waits. */
import type { PlatformService } from "../platform.ts"
import type { HostStreams } from "./linux/host.ts"

/** Made when it is needed: not every page of a browser may have shared memory. */
let cell: Int32Array<SharedArrayBuffer> | undefined
const POLL = 3

/** The same streams; reading waits until there is something or the end. A signal that comes meanwhile ends the process: nothing else could hear it. */
export const blocking = (streams: HostStreams, { withoutListeners }: Pick<PlatformService, "withoutListeners">): HostStreams => ({
  ...streams,
  readInput: (bytes) => {
    const there = streams.readInput(bytes)
    if (there !== undefined) return there
    const listenAgain = withoutListeners?.()
    for (;;) {
      Atomics.wait((cell ??= new Int32Array(new SharedArrayBuffer(4))), 0, 0, POLL)
      const data = streams.readInput(bytes)
      if (data === undefined) continue
      listenAgain?.()
      return data
    }
  }
})
