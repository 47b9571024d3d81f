/** What happens at the switch path, as values. Nothing is made while nobody listens. */

/** Where something happens: EL0 of the host, the host kernel, hyp code, or a guest by exception level. */
export type Place = "host-el0" | "host" | "hyp" | "guest-el0" | "guest-el1"

/** What the scheduler did: threads by name, CPUs by number. `until` is virtual time. */
export type SchedulerStep =
  | { readonly kind: "switch"; readonly from: string; readonly to: string }
  | { readonly kind: "wake"; readonly thread: string }
  | { readonly kind: "sleep"; readonly thread: string; readonly until?: bigint }
  | { readonly kind: "migrate"; readonly thread: string; readonly from: number; readonly to: number }
  | { readonly kind: "preempt-in-kvm"; readonly thread: string; readonly vcpu: string }
  /** The CPU of the event went or came. */
  | { readonly kind: "offline" | "online" | "suspend" | "resume" }

/** Something that the modelled kernel or hyp code did: on which CPU, and when (`time`: retired instructions). */
export type KvmEvent = { readonly time: bigint; readonly cpu: number } & (
  | {
      readonly what: "exc"
      readonly from: Place
      readonly where: Place
      readonly ec: number
      readonly iss: number
      /** Of a guest's abort: the intermediate physical address. */
      readonly ipa?: number
      /** Of a guest's HVC or SMC. */
      readonly x0?: bigint
      /** Of a host program's SVC: the system call. */
      readonly call?: number
      /** Of the host kernel's HVC: the function of hyp code. */
      readonly hostCall?: number
    }
  | { readonly what: "irq"; readonly from: Place; readonly where: Place; readonly kind: "irq" | "fiq" | "serror" }
  /** `cptr` and the rest are in force for the target. */
  | { readonly what: "eret"; readonly where: Place; readonly to: Place; readonly cptr: bigint; readonly hcr: bigint; readonly cpacr: bigint }
  /** A write or read of a main register, named as the instruction names it; `physical` is the register really reached, where that differs. */
  | { readonly what: "msr" | "mrs"; readonly where: Place; readonly register: string; readonly physical?: string; readonly value: bigint }
  | { readonly what: "isb"; readonly where: Place }
  /** Other registers, moved as one list, and their values. */
  | { readonly what: "regs-write" | "regs-read"; readonly where: Place; readonly list: readonly string[]; readonly values: readonly bigint[] }
  /** A register file moved to or from an owner's memory; `bytes` of it. */
  | { readonly what: "save" | "load"; readonly where: Place; readonly memory: string; readonly component: string; readonly bytes: number }
  | { readonly what: "smstop"; readonly where: Place; readonly which: "sm" | "za" | "sm+za" }
  /** The kernel met a condition that should not be. */
  | { readonly what: "warn"; readonly message: string }
  /** A signal was delivered to a host program, or ended it. */
  | { readonly what: "signal"; readonly task: string; readonly signal: string; readonly handler: boolean }
  /** The registers' owner on this CPU changed. */
  | { readonly what: "owner"; readonly owner: string }
  /** The host touched memory that its stage 2 had no mapping for; `ipa` is byte exact. */
  | { readonly what: "host-stage2-fault"; readonly ipa: number; readonly result: "mapped" | "present" | "refused" }
  /** Hyp code went back from a call of the host kernel: X1 and on, and what X0 and X1 were then. */
  | {
      readonly what: "hostcall"
      readonly call: number
      readonly arguments: readonly bigint[]
      readonly status: "success" | "not supported"
      readonly result: bigint
    }
  /** A page has another owner; `actor` is who asked for it and `transition` by what. */
  | { readonly what: "page"; readonly pfn: number; readonly from: string; readonly to: string; readonly actor: string; readonly transition: string }
  /** KVM_RUN came back to user space. */
  | { readonly what: "exit"; readonly vcpu: string; readonly reason: string }
  | ({ readonly what: "sched" } & SchedulerStep)
  | { readonly what: "hypercall"; readonly vcpu: string; readonly function: number; readonly result: bigint | "user" }
)
type WithoutStamp<T> = T extends unknown ? Omit<T, "time" | "cpu"> : never
/** An event without its time and CPU. */
export type KvmEventBody = WithoutStamp<KvmEvent>
/** Called as an event happens; must not change the machine: a call of the host that would throws RangeError. What it throws, the call that made the event throws when it is done. */
export type Listener = (event: KvmEvent) => void

/** Hands events to listeners; nothing is made while there are none. */
export class EventStream {
  /** Somebody listens: events must be made. */
  listening = false
  /** Listeners are being called. */
  delivering = false
  #thrown: { readonly error: unknown } | undefined
  readonly #listeners = new Set<Listener>()

  /** Calls `listener` for everything that happens from now on; the result stops it. Listeners must not change the machine. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    this.listening = true
    return () => {
      this.#listeners.delete(listener)
      this.listening = this.#listeners.size > 0
    }
  }
  emit(event: KvmEvent): void {
    const outer = this.delivering
    this.delivering = true
    for (const listener of this.#listeners)
      try {
        listener(event)
      } catch (error) {
        this.#thrown ??= { error }
      }
    this.delivering = outer
  }
  /** Throws the first thing that a listener has thrown since the last time. */
  rethrow(): void {
    const thrown = this.#thrown
    this.#thrown = undefined
    if (thrown) throw thrown.error
  }
}
