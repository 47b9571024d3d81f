import { describe, expect, it } from "vitest"
import { drive, type Runnable } from "../src/drive.ts"
import { SignalClock } from "../src/signal-schedule.ts"
import { fakePlatform } from "./platform.ts"

type End = { readonly kind: "exited"; readonly status: number }
/** A guest that exits after `length` instructions, each of which takes 10 nanoseconds of the platform's clock. */
const counter = (platform: { time: number }, length: number, slowness = 1) => {
  const slices: number[] = []
  const signals: { signal: number; at: number }[] = []
  let executed = 0
  const guest: Runnable<End> = {
    executed: () => executed,
    run: (instructions) => {
      const count = Math.min(instructions, length - executed)
      slices.push(count)
      executed += count
      platform.time += (slowness * count) / 100_000
      return executed === length ? { kind: "exited", status: 0 } : undefined
    },
    signal: (signal) => signals.push({ signal, at: executed })
  }
  return { guest, slices, signals }
}
const unlimited = { instructions: undefined, milliseconds: undefined }

describe("driving a guest", () => {
  it("runs it to its end", async () => {
    const platform = fakePlatform({})
    const { guest, slices } = counter(platform, 100_000_000)
    expect(await drive(guest, unlimited, new SignalClock([]), platform)).toEqual({ kind: "exited", status: 0 })
    expect(slices.reduce((a, b) => a + b)).toBe(100_000_000)
  })
  it("ends one that knows no signals when the process gets one that ends it", async () => {
    const platform = fakePlatform({})
    const { guest } = counter(platform, 1_000_000_000)
    const { signal: _, ...image } = guest
    const send = [28, 18, 2]
    const run = image.run
    const ended = await drive(
      {
        ...image,
        run: (instructions) => {
          for (const signal of send.splice(0, 1)) platform.signal(signal)
          return run(instructions)
        }
      },
      unlimited,
      new SignalClock([]),
      platform
    )
    expect(ended).toEqual({ kind: "interrupted", signal: 2 })
    expect(guest.executed()).toBe(30_000_000)
  })
  it("stops exactly at the limit of instructions", async () => {
    const platform = fakePlatform({})
    const { guest } = counter(platform, 10_000_000)
    expect(await drive(guest, { ...unlimited, instructions: 1_234_567 }, new SignalClock([]), platform)).toEqual({
      kind: "limit",
      limit: "instructions"
    })
    expect(guest.executed()).toBe(1_234_567)
  })
  it("stops soon after the limit of time", async () => {
    const platform = fakePlatform({})
    const { guest } = counter(platform, 1e12)
    expect(await drive(guest, { ...unlimited, milliseconds: 500 }, new SignalClock([]), platform)).toEqual({ kind: "limit", limit: "time" })
    expect(platform.time).toBeLessThan(600)
  })
  it("lets the event loop turn between slices, and cuts a run the same way at any speed", async () => {
    const cuts = async (slowness: number) => {
      const turns: number[] = []
      const platform = fakePlatform({ onTurn: () => turns.push(platform.time) })
      const { guest, slices } = counter(platform, 200_000_000, slowness)
      await drive(guest, unlimited, new SignalClock([]), platform)
      return { turns: turns.length, slices }
    }
    const slow = await cuts(10)
    const fast = await cuts(0.1)
    expect(slow.turns).toBeGreaterThan(10)
    expect(slow.slices).toEqual(fast.slices)
  })
  it("sends scheduled signals at their instruction", async () => {
    const platform = fakePlatform({})
    const { guest, signals } = counter(platform, 5_000_000)
    const schedule = [
      { signal: 10, at: 1_000_000, every: 1_500_000 },
      { signal: 15, at: 2_500_000, every: undefined }
    ]
    await drive(guest, unlimited, new SignalClock(schedule), platform)
    expect(signals).toEqual([
      { signal: 10, at: 1_000_000 },
      { signal: 10, at: 2_500_000 },
      { signal: 15, at: 2_500_000 },
      { signal: 10, at: 4_000_000 }
    ])
  })
  it("forwards signals of the process while it runs, and not after", async () => {
    let sent = false
    const platform = fakePlatform({
      onTurn: () => {
        if (!sent) platform.signal(12)
        sent = true
      }
    })
    const { guest, signals } = counter(platform, 50_000_000)
    await drive(guest, unlimited, new SignalClock([]), platform)
    platform.signal(12)
    expect(signals).toHaveLength(1)
  })
  it("waits for a signal or input without executing", async () => {
    const turns: (number | undefined)[] = []
    const platform = fakePlatform({
      onTurn: (milliseconds) => {
        turns.push(milliseconds)
        if (turns.length === 5) platform.signal(10)
      }
    })
    let got = 0
    const guest: Runnable<End> = {
      executed: () => 5,
      run: () => (got > 0 ? { kind: "exited", status: got } : { kind: "waiting", for: "input" }),
      signal: (signal) => {
        got = signal
      }
    }
    expect(await drive(guest, unlimited, new SignalClock([]), platform)).toEqual({ kind: "exited", status: 10 })
    expect(turns).toEqual([1, 3, 7, 15, 20])
  })
  it("gives a waiting guest its next scheduled signal at once", async () => {
    const platform = fakePlatform({})
    const got: number[] = []
    const guest: Runnable<End> = {
      executed: () => 5,
      run: () => (got.length === 2 ? { kind: "exited", status: 0 } : { kind: "waiting", for: "signal" }),
      signal: (signal) => got.push(signal)
    }
    await drive(guest, unlimited, new SignalClock([{ signal: 10, at: 1000, every: 1000 }]), platform)
    expect(got).toEqual([10, 10])
  })
})

describe("the schedule of signals", () => {
  it("skips times that have passed", () => {
    const clock = new SignalClock([{ signal: 1, at: 10, every: 10 }])
    expect(clock.take(45)).toEqual([1])
    expect(clock.until(45)).toBe(5)
    expect(clock.take(50)).toEqual([1])
  })
})
