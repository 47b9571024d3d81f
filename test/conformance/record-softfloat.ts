/**
 * Floating-point results as QEMU has them, for packages/cpu/test/softfloat-golden.test.ts.
 *
 *   npx tsx test/conformance/record-softfloat.ts                     writes the golden file
 *   npx tsx test/conformance/record-softfloat.ts compare [N] [SEED]  compares N fresh cases per operation, writes nothing
 *
 * Needs the oracle: ORACLE names a directory whose bin/ has as, ld and qemu-aarch64; otherwise the prefixed tools on PATH.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { casesOf, foldCase, GOLDEN_FILE, type GoldenHeader, packGolden } from "../../packages/cpu/test/golden-softfloat.ts"
import { type Case, evaluateCase, FLAGS, type Operation, type Outcome, operations } from "../../packages/cpu/test/softfloat-operations.ts"
import { oracleTool, runTool } from "./oracle.ts"

const GOLDEN_SEED = 20
const GOLDEN_CASES = 600
/** Bytes of a record: operation and FPCR (32 bits each), 8 unused, three registers; and of an answer: one register, FPSR, 12 unused. */
const RECORD = 64
const ANSWER = 32
const RECORDS_PER_READ = 1024

/** Reads records from standard input, runs the instruction each names, writes answers to standard output. */
const program = (): string => `
 .arch armv9.4-a+fp16+fp16fml+bf16+faminmax
 .bss
 .balign 16
input: .skip ${RECORD * RECORDS_PER_READ}
output: .skip ${ANSWER * RECORDS_PER_READ}
 .text
 .globl _start
_start:
more:
 ldr x20, =input
 mov x21, #0
fill:
 mov x0, #0
 add x1, x20, x21
 mov x2, #${RECORD * RECORDS_PER_READ}
 sub x2, x2, x21
 cbz x2, full
 mov x8, #63
 svc #0
 cmp x0, #0
 b.le full
 add x21, x21, x0
 b fill
full:
 cbz x21, done
 ldr x22, =output
 mov x23, x21
 ldr x24, =table
next:
 ldp w1, w2, [x20]
 ldr x3, [x24, w1, uxtw #3]
 ldp q1, q2, [x20, #16]
 ldr q3, [x20, #48]
 mov v0.16b, v3.16b
 fmov x1, d1
 msr fpcr, x2
 msr fpsr, xzr
 blr x3
 mrs x4, fpsr
 msr fpcr, xzr
 str q0, [x22]
 str w4, [x22, #16]
 add x20, x20, #${RECORD}
 add x22, x22, #${ANSWER}
 subs x23, x23, #${RECORD}
 b.ne next
 ldr x1, =output
 sub x2, x22, x1
write:
 mov x0, #1
 mov x8, #64
 svc #0
 cmp x0, #0
 b.le done
 add x1, x1, x0
 subs x2, x2, x0
 b.ne write
 b more
done:
 mov x0, #0
 mov x8, #93
 svc #0
 .ltorg
${operations.map(({ assembly }, n) => `operation${n}:\n ${assembly.replaceAll("; ", "\n ")}\n ret`).join("\n")}
 .data
 .balign 8
table:
${operations.map((_, n) => ` .quad operation${n}`).join("\n")}
`

function build(directory: string): string {
  const at = (name: string) => join(directory, name)
  writeFileSync(at("program.s"), program())
  runTool("as", ["-o", at("program.o"), at("program.s")])
  runTool("ld", ["-o", at("program"), at("program.o")])
  return at("program")
}

function encode(numbered: readonly (readonly [number, Case])[]): Buffer {
  const bytes = Buffer.alloc(RECORD * numbered.length)
  for (const [index, [operation, { fpcr, operands }]] of numbered.entries()) {
    const at = index * RECORD
    bytes.writeUInt32LE(operation, at)
    bytes.writeUInt32LE(fpcr, at + 4)
    for (const [n, operand] of operands.entries()) {
      bytes.writeBigUInt64LE(BigInt.asUintN(64, operand), at + 16 * (n + 1))
      bytes.writeBigUInt64LE(operand >> 64n, at + 16 * (n + 1) + 8)
    }
  }
  return bytes
}

/** What QEMU makes of cases of one operation. */
function run(executable: string, index: number, cases: readonly Case[]): Outcome[] {
  const { resultBits, lanes } = operations[index]!
  const input = encode(cases.map((one) => [index, one] as const))
  const answers = execFileSync(oracleTool("qemu-aarch64")!, ["-cpu", "max", executable], { input, maxBuffer: 1 << 30 })
  if (answers.length !== cases.length * ANSWER) throw new Error(`${operations[index]!.name}: ${answers.length} bytes of answers`)
  return cases.map((_, n) => {
    const at = n * ANSWER
    const register = answers.readBigUInt64LE(at) | (answers.readBigUInt64LE(at + 8) << 64n)
    return { result: BigInt.asUintN(resultBits * lanes, register), flags: answers.readUInt32LE(at + 16) & FLAGS }
  })
}

const hex = (x: bigint) => `0x${x.toString(16)}`
const show = (operation: Operation, one: Case, theirs: Outcome, ours: Outcome) =>
  `${operation.name} fpcr ${hex(BigInt(one.fpcr))} ${one.operands.map(hex).join(" ")}: QEMU ${hex(theirs.result)} flags ${hex(BigInt(theirs.flags))}, ` +
  `here ${hex(ours.result)} flags ${hex(BigInt(ours.flags))}`

function compare(executable: string, count: number, seed: number): number {
  let different = 0
  for (const [index, operation] of operations.entries()) {
    const cases = casesOf(operation, seed, count)
    const theirs = run(executable, index, cases)
    const wrong = cases.flatMap((one, n) => {
      const ours = evaluateCase(operation, one)
      const same = ours.result === theirs[n]!.result && ours.flags === theirs[n]!.flags
      return same ? [] : [show(operation, one, theirs[n]!, ours)]
    })
    different += wrong.length
    if (wrong.length > 0) console.log(`${operation.name}: ${wrong.length} of ${count} differ\n  ${wrong.slice(0, 5).join("\n  ")}`)
  }
  console.log(`${operations.length} operations, ${operations.length * count} cases, seed ${seed}: ${different} differ`)
  return different
}

function record(executable: string): void {
  const all = operations.map((operation) => casesOf(operation, GOLDEN_SEED, GOLDEN_CASES))
  const header: GoldenHeader = {
    seed: GOLDEN_SEED,
    casesPerOperation: GOLDEN_CASES,
    operations: operations.map(({ name }) => name),
    checksum: all.flat().reduce(foldCase, 0)
  }
  const file = packGolden(
    header,
    all.map((cases, index) => run(executable, index, cases))
  )
  writeFileSync(GOLDEN_FILE, file)
  console.log(`${operations.length * GOLDEN_CASES} cases of ${operations.length} operations, ${file.length} bytes`)
}

const [command, count = "1000", seed = "1"] = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), "record-softfloat-"))
try {
  const executable = build(directory)
  if (command === "compare") process.exitCode = compare(executable, Number(count), Number(seed)) === 0 ? 0 : 1
  else record(executable)
} finally {
  rmSync(directory, { recursive: true })
}
