/** The same API as Effects: scopes, interruption, typed failures, streams. */
import { Chunk, Effect, Either, Fiber, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { CurrentVm, Platform, Vm, type VmConfig, valuesPlatform } from "../../src/index.ts"
import { COUNTER, HELLO, PLUGINS } from "./machines.ts"

const perform = <A, E>(effect: Effect.Effect<A, E, Platform>): Promise<A> =>
  Effect.runPromise(Effect.provideService(effect, Platform, valuesPlatform()))
const config = (source: string, more: Partial<VmConfig> = {}): VmConfig => ({ guest: { source }, mem: "4M", plugin: PLUGINS, ...more })

describe("Vm as Effects", () => {
  it("runs to the end and is closed with its scope", async () => {
    const outlived = await perform(
      Effect.scoped(
        Effect.gen(function* () {
          const vm = yield* Vm.make(config(HELLO))
          expect(yield* vm.run()).toEqual({ kind: "exited", status: 7 })
          expect((yield* vm.account).systemCalls).toBe(2)
          return vm
        })
      )
    )
    const late = await Effect.runPromise(Effect.either(outlived.run()))
    expect(Either.isLeft(late) && late.left).toMatchObject({ _tag: "VmStateError", reason: "closed" })
  })
  it("pauses when its fiber is interrupted, and by pause()", async () => {
    await perform(
      Effect.scoped(
        Effect.gen(function* () {
          const vm = yield* Vm.make(config(COUNTER, { kind: "vm" }))
          const fiber = yield* Effect.fork(vm.run())
          yield* Effect.sleep(30)
          yield* Fiber.interrupt(fiber)
          yield* vm.pause()
          expect(yield* vm.run({ maxInstructions: 3 })).toEqual({ kind: "limit" })
          const again = yield* Effect.fork(vm.run())
          yield* Effect.sleep(30)
          yield* vm.pause()
          expect(yield* Fiber.join(again)).toEqual({ kind: "paused" })
        })
      )
    )
  })
  it("is a service of programs that are about one machine", async () => {
    const program = Effect.gen(function* () {
      const vm = yield* CurrentVm
      yield* vm.step(3)
      const twin = yield* vm.fork()
      yield* twin.writeRegister("X0", 77n)
      return [yield* vm.executed, yield* twin.executed, yield* twin.readRegister("X0"), (yield* vm.readRegister("X0")) === 77n]
    })
    expect(await perform(program.pipe(Effect.scoped, Effect.provide(Vm.layer(config(COUNTER, { kind: "vm" })))))).toEqual([3, 3, 77n, false])
  })
  it("has typed failures", async () => {
    const tags = await perform(
      Effect.scoped(
        Effect.gen(function* () {
          const vm = yield* Vm.make(config(COUNTER, { kind: "vm" }))
          const missing = yield* vm.readRegister("Q0").pipe(Effect.catchTag("AccessError", ({ reason }) => Effect.succeed(reason)))
          const outside = yield* vm.readMemory(0, 4).pipe(Effect.catchTag("AccessError", ({ reason }) => Effect.succeed(reason)))
          const refused = yield* Vm.restore(new Uint8Array(9)).pipe(Effect.catchTag("SnapshotError", ({ code }) => Effect.succeed(code)))
          return [missing, outside, refused]
        })
      )
    )
    expect(tags).toEqual(["no-register", "outside-memory", "SNAPSHOT_MAGIC"])
  })
  it("streams events, and goes on without them when the reader has enough", async () => {
    await perform(
      Effect.scoped(
        Effect.gen(function* () {
          const vm = yield* Vm.make(config(COUNTER, { kind: "bare" }))
          const reader = yield* Effect.fork(Stream.runCollect(Stream.take(vm.events(["insn"]), 15_000)))
          yield* Effect.sleep(20)
          expect(yield* vm.run({ maxInstructions: 100_000 })).toEqual({ kind: "limit" })
          const events = Chunk.toReadonlyArray(yield* Fiber.join(reader))
          expect(events).toHaveLength(15_000)
          expect(events[0]).toMatchObject({ type: "insn", step: 0n, text: expect.stringMatching(/^mov\s+x1/) })
        })
      )
    )
  })
})
