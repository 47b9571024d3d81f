/**
 * Memory copy and memory set (MOPS). Of the manual's two algorithms this is option A: the prologue leaves the address registers past the end and a
 * negative size (a backward copy keeps both), clears NZCV, and every step writes its progress, so that a fault resumes where it stopped.
 * How much each stage does is the implementation's choice: the prologue works up to a page boundary, the main step leaves less than a page.
 */
import { type Cpu, type Host, helper, type Value } from "../builder.ts"
import { type Instruction, instruction } from "../instruction.ts"
import { choice } from "../operands.ts"

const PAGE = 4096n
const LONGEST = 0x7fff_ffff_ffff_ffffn
/** A copy that may run backwards compares addresses without their tags, and is no longer than what they can tell apart. */
const LONGEST_MOVE = 0x007f_ffff_ffff_ffffn
const ADDRESS_BITS = 56
/** Pages a main step goes through before it lets interrupts in: it then branches to itself, and its registers say what is left. */
const PAGES_AT_ONCE = 256

const STAGES = ["prologue", "main", "epilogue"] as const
const least = (x: bigint, y: bigint): bigint => (x < y ? x : y)
const unsigned64 = (x: bigint): bigint => BigInt.asUintN(64, x)
/** Bytes from an address up to the end of its page, and from its page's start up to and with it. */
const leftInPage = (address: bigint): bigint => PAGE - (address & (PAGE - 1n))
const leftInPageBackwards = (address: bigint): bigint => (address & (PAGE - 1n)) + 1n

/** The fields of a memory-copy exception's syndrome that say which instruction and which registers. */
interface Operands {
  readonly set: boolean
  readonly options: number
  readonly Rd: number
  readonly Rs: number
  readonly Rn: number
}
/** Ends the instruction: the registers are not what an earlier stage of this algorithm leaves. */
const refuse = (host: Host, o: Operands, epilogue: boolean, wrongOption: boolean): never =>
  host.raise(
    "memoryCopy",
    (o.set ? 1 << 24 : 0) | (o.options << 19) | (epilogue ? 1 << 18 : 0) | (wrongOption ? 1 << 17 : 0) | (1 << 16) | (o.Rd << 10) | (o.Rs << 5) | o.Rn
  )
/** Refuses a main or epilogue step with work to do in the other algorithm's format, or an epilogue with a page or more left. */
const checkStage = (host: Host, o: Operands, epilogue: boolean, size: bigint): void => {
  if (size === 0n) return
  if (host.flags() & 0b0010) refuse(host, o, epilogue, true)
  if (epilogue && size >= PAGE) refuse(host, o, epilogue, false)
}

/** SETP, SETM, SETE. The takes are stage, options, Rd, Rs, Rn; it gives 1 if it wants to be executed again. */
export const setStep = helper({
  name: "setStep",
  takes: ["number", "number", "number", "number", "number"],
  gives: "word",
  run(host, stage, options, Rd, Rs, Rn) {
    const value = Rs === 31 ? 0n : host.X(Rs) & 0xffn
    const attributes = { unprivileged: (options & 1) !== 0 }
    if (STAGES[stage] === "prologue") {
      const size = least(host.X(Rn), LONGEST)
      const to = host.X(Rd)
      const first = least(size, leftInPage(to))
      if (first > 0n) host.fill(to, value, Number(first), attributes)
      host.writeX(Rd, unsigned64(to + size))
      host.writeX(Rn, unsigned64(first - size))
      host.writeFlags(0)
      return 0
    }
    const end = host.X(Rd)
    const epilogue = STAGES[stage] === "epilogue"
    let size = unsigned64(-host.X(Rn))
    checkStage(host, { set: true, options, Rd, Rs, Rn }, epilogue, size)
    const rest = epilogue ? 0n : size & (PAGE - 1n)
    for (let pages = 0; size > rest; pages++) {
      if (pages === PAGES_AT_ONCE) return 1
      const to = unsigned64(end - size)
      const step = least(size - rest, leftInPage(to))
      host.fill(to, value, Number(step), attributes)
      size -= step
      host.writeX(Rn, unsigned64(-size))
    }
    return 0
  }
})

/**
 * CPYFP, CPYFM, CPYFE, and with `either` CPYP, CPYM, CPYE, which run backwards where the ranges ask for it.
 * The takes are either, stage, options, Rd, Rs, Rn; it gives 1 if it wants to be executed again.
 */
export const copyStep = helper({
  name: "copyStep",
  takes: ["number", "number", "number", "number", "number", "number"],
  gives: "word",
  run(host, either, stage, options, Rd, Rs, Rn) {
    const writing = { unprivileged: (options & 1) !== 0 }
    const reading = { unprivileged: (options & 2) !== 0 }
    /** One step forward with `size` bytes left, addresses given; gives the bytes done. */
    const forward = (to: bigint, from: bigint, size: bigint): bigint => {
      const step = least(size, least(leftInPage(to), leftInPage(from)))
      if (step > 0n) host.copy(to, from, Number(step), writing, reading)
      return step
    }
    /** One step at the end of `size` bytes that start at these addresses. */
    const backward = (to: bigint, from: bigint, size: bigint): bigint => {
      const lastTo = unsigned64(to + size - 1n)
      const lastFrom = unsigned64(from + size - 1n)
      const step = least(size, least(leftInPageBackwards(lastTo), leftInPageBackwards(lastFrom)))
      host.copy(unsigned64(lastTo - step + 1n), unsigned64(lastFrom - step + 1n), Number(step), writing, reading)
      return step
    }
    const to = host.X(Rd)
    const from = host.X(Rs)
    if (STAGES[stage] === "prologue") {
      const size = least(host.X(Rn), either ? LONGEST_MOVE : LONGEST)
      const plain = (address: bigint) => BigInt.asUintN(ADDRESS_BITS, address)
      if (either && plain(from) < plain(to) && plain(from + size) > plain(to)) {
        host.writeX(Rn, size - backward(to, from, size))
      } else {
        const step = forward(to, from, size)
        host.writeX(Rd, unsigned64(to + size))
        host.writeX(Rs, unsigned64(from + size))
        host.writeX(Rn, unsigned64(step - size))
      }
      host.writeFlags(0)
      return 0
    }
    const count = host.X(Rn)
    const backwards = either !== 0 && BigInt.asIntN(64, count) >= 0n
    const epilogue = STAGES[stage] === "epilogue"
    let size = backwards ? count : unsigned64(-count)
    checkStage(host, { set: false, options, Rd, Rs, Rn }, epilogue, size)
    for (let steps = 0; size >= (epilogue ? 1n : PAGE); steps++) {
      if (steps === PAGES_AT_ONCE) return 1
      size -= backwards ? backward(to, from, size) : forward(unsigned64(to - size), unsigned64(from - size), size)
      host.writeX(Rn, backwards ? size : unsigned64(-size))
    }
    return 0
  }
})

/** Executes the instruction again if the helper asked for it. */
const again = (cpu: Cpu, wanted: Value): void => {
  const W = cpu.unsigned(32)
  cpu.branchIf(cpu.negated(W.test(wanted, "equal", W.constant(0))), cpu.address)
}

/** Suffixes of the options field: unprivileged writes and reads (wt, rt, t), non-temporal ones (wn, rn, n), which make no difference here. */
const NON_TEMPORAL = ["", "wn", "rn", "n"]
const UNPRIVILEGED = ["", "wt", "rt", "t"]
const copySuffixes = NON_TEMPORAL.flatMap((n) => UNPRIVILEGED.map((t) => t + n))
const setSuffixes = ["", "t", "n", "tn"]

export const memoryCopy = instruction({
  name: "CPYFP, CPYFM, CPYFE, CPYP, CPYM, CPYE",
  encoding: "00 011 either 01 stage:2 0 Rs:5 options:4 01 Rn:5 Rd:5",
  where: (f) => f.stage !== 3 && f.Rd !== f.Rs && f.Rd !== f.Rn && f.Rs !== f.Rn && f.Rd !== 31 && f.Rs !== 31 && f.Rn !== 31,
  assembly: "<op> [<Xd>]!, [<Xs>]!, <Xn>!",
  operands: {
    op: choice(
      ["either:1", "stage:2", "options:4"],
      ["cpyf", "cpy"].flatMap((stem) =>
        ["p", "m", "e", "-"].flatMap((stage) => copySuffixes.map((suffix) => (stage === "-" ? "-" : stem + stage + suffix)))
      )
    )
  },
  feature: "MOPS",
  access: "MOPS",
  endsBlock: true,
  execute(cpu, { either, stage, Rs, options, Rn, Rd }) {
    again(cpu, cpu.call(copyStep, either, stage, options, Rd, Rs, Rn))
  }
})
export const memorySet = instruction({
  name: "SETP, SETM, SETE",
  encoding: "00 011 0 01 11 0 Rs:5 stage:2 options:2 01 Rn:5 Rd:5",
  where: (f) => f.stage !== 3 && f.Rd !== f.Rs && f.Rd !== f.Rn && f.Rs !== f.Rn && f.Rd !== 31 && f.Rn !== 31,
  assembly: "<op> [<Xd>]!, <Xn>!, <Xs>",
  operands: {
    op: choice(
      ["stage:2", "options:2"],
      ["p", "m", "e", "-"].flatMap((stage) => setSuffixes.map((suffix) => (stage === "-" ? "-" : `set${stage}${suffix}`)))
    )
  },
  feature: "MOPS",
  access: "MOPS",
  endsBlock: true,
  execute(cpu, { Rs, stage, options, Rn, Rd }) {
    again(cpu, cpu.call(setStep, stage, options, Rd, Rs, Rn))
  }
})

export const memoryOperations: readonly Instruction[] = [memoryCopy, memorySet]
