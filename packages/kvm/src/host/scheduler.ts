/** Which thread runs on which CPU, and when: deterministic by a seed. */
import type { Host } from "./host.ts"
import type { Task } from "./task.ts"

export class Scheduler {
  readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  /** Ends a thread's sleep. One that does not sleep is not touched. */
  wake({ schedule }: Task): void {
    if (schedule?.state !== "sleeping") return
    schedule.state = "runnable"
    schedule.wakeAt = undefined
  }
}
