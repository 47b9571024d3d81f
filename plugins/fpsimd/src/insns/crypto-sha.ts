/** FEAT_SHA1 and FEAT_SHA256: hash and schedule updates, on vectors of four 32-bit words. */
import { choice, helper, instruction } from "@eltwo/isa"
import { choose, majority, parity, rotateLeft, rotateRight, wordAt, wordsOf } from "./crypto-words.ts"

const sha1Functions = [choose, parity, majority]
/** Four rounds of SHA-1 with function 0 (choose), 1 (parity) or 2 (majority): abcd, e and four words of schedule plus constant. */
export const sha1Hash = helper({
  name: "sha1Hash",
  takes: ["vector", "word", "vector", "number"],
  gives: "vector",
  pure: true,
  run(_host, state, word, schedule, kind) {
    const mixing = sha1Functions[kind]!
    let [a, b, c, d, e] = [wordAt(state, 0), wordAt(state, 1), wordAt(state, 2), wordAt(state, 3), word | 0]
    for (let round = 0; round < 4; round++) {
      const next = (e + rotateLeft(a, 5) + mixing(b, c, d) + wordAt(schedule, round)) | 0
      e = d
      d = c
      c = rotateLeft(b, 30)
      b = a
      a = next
    }
    return wordsOf(a, b, c, d)
  }
})
/** Second half of the SHA-1 schedule: what SHA1SU0 gave, and the words 12 to 15. */
export const sha1Schedule = helper({
  name: "sha1Schedule",
  takes: ["vector", "vector"],
  gives: "vector",
  pure: true,
  run(_host, partial, last) {
    const w = [0, 1, 2, 3].map((i) => wordAt(partial, i) ^ (i < 3 ? wordAt(last, i + 1) : 0)) as [number, number, number, number]
    const first = rotateLeft(w[0], 1)
    return wordsOf(first, rotateLeft(w[1], 1), rotateLeft(w[2], 1), rotateLeft(w[3], 1) ^ rotateLeft(first, 1))
  }
})

/** Four rounds of SHA-256: abcd, efgh, schedule plus constants; the new efgh when `lower` is 1, else the new abcd. */
export const sha256Hash = helper({
  name: "sha256Hash",
  takes: ["vector", "vector", "vector", "number"],
  gives: "vector",
  pure: true,
  run(_host, abcd, efgh, schedule, lower) {
    let [a, b, c, d] = [wordAt(abcd, 0), wordAt(abcd, 1), wordAt(abcd, 2), wordAt(abcd, 3)]
    let [e, f, g, h] = [wordAt(efgh, 0), wordAt(efgh, 1), wordAt(efgh, 2), wordAt(efgh, 3)]
    for (let round = 0; round < 4; round++) {
      const sum1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25)
      const sum0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22)
      const t = (h + sum1 + choose(e, f, g) + wordAt(schedule, round)) | 0
      const next = (t + sum0 + majority(a, b, c)) | 0
      h = g
      g = f
      f = e
      e = (d + t) | 0
      d = c
      c = b
      b = a
      a = next
    }
    return lower ? wordsOf(e, f, g, h) : wordsOf(a, b, c, d)
  }
})
/** SHA256SU0: words 0 to 3 plus sigma0 of words 1 to 4. */
export const sha256ScheduleFirst = helper({
  name: "sha256ScheduleFirst",
  takes: ["vector", "vector"],
  gives: "vector",
  pure: true,
  run(_host, w0, w4) {
    const step = (i: number): number => {
      const x = i < 3 ? wordAt(w0, i + 1) : wordAt(w4, 0)
      return wordAt(w0, i) + (rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3))
    }
    return wordsOf(step(0), step(1), step(2), step(3))
  }
})
/** SHA256SU1: adds words 9 to 12 and sigma1 of words 14 to 17, the last two of which are its own first results. */
export const sha256ScheduleSecond = helper({
  name: "sha256ScheduleSecond",
  takes: ["vector", "vector", "vector"],
  gives: "vector",
  pure: true,
  run(_host, partial, w8, w12) {
    const sigma1 = (x: number): number => rotateRight(x, 17) ^ rotateRight(x, 19) ^ (x >>> 10)
    const sum = (i: number): number => wordAt(partial, i) + (i < 3 ? wordAt(w8, i + 1) : wordAt(w12, 0))
    const w16 = (sum(0) + sigma1(wordAt(w12, 2))) | 0
    const w17 = (sum(1) + sigma1(wordAt(w12, 3))) | 0
    return wordsOf(w16, w17, sum(2) + sigma1(w16), sum(3) + sigma1(w17))
  }
})

export const sha1Rounds = instruction({
  name: "SHA1C, SHA1P, SHA1M",
  encoding: "01011110 000 Rm:5 00 kind:2 00 Rn:5 Rd:5",
  where: (f) => f.kind !== 3,
  assembly: "<op> <Qd>, <Sn>, <Vm>.4s",
  operands: { op: choice("kind", "sha1c sha1p sha1m -") },
  feature: "SHA1",
  access: "SIMD",
  execute(cpu, { Rm, kind, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sha1Hash, cpu.V(Rd, W), cpu.scalar(Rn, W), cpu.V(Rm, W), kind))
  }
})
export const sha1ScheduleFirst = instruction({
  name: "SHA1SU0",
  encoding: "01011110 000 Rm:5 0011 00 Rn:5 Rd:5",
  assembly: "sha1su0 <Vd>.4s, <Vn>.4s, <Vm>.4s",
  feature: "SHA1",
  access: "SIMD",
  execute(cpu, { Rm, Rn, Rd }) {
    const D = cpu.unsigned(64)
    const [d, n, m] = [cpu.V(Rd, D), cpu.V(Rn, D), cpu.V(Rm, D)]
    const between = cpu.permute(D, [d, n], (i) => i + 1)
    cpu.setV(
      Rd,
      cpu.map(D, [d, between, m], (x, y, z) => D.xor(D.xor(x!, y!), z!))
    )
  }
})
export const sha1ScheduleSecond = instruction({
  name: "SHA1SU1",
  encoding: "01011110 00 10100 0000 1 10 Rn:5 Rd:5",
  assembly: "sha1su1 <Vd>.4s, <Vn>.4s",
  feature: "SHA1",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sha1Schedule, cpu.V(Rd, W), cpu.V(Rn, W)))
  }
})
export const sha1Rotate = instruction({
  name: "SHA1H",
  encoding: "01011110 00 10100 0000 0 10 Rn:5 Rd:5",
  assembly: "sha1h <Sd>, <Sn>",
  feature: "SHA1",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setScalar(Rd, W.rotateRight(cpu.scalar(Rn, W), 2), W)
  }
})
export const sha256Rounds = instruction({
  name: "SHA256H, SHA256H2",
  encoding: "01011110 000 Rm:5 010 lower 00 Rn:5 Rd:5",
  assembly: "<op> <Qd>, <Qn>, <Vm>.4s",
  operands: { op: choice("lower", "sha256h sha256h2") },
  feature: "SHA256",
  access: "SIMD",
  execute(cpu, { Rm, lower, Rn, Rd }) {
    const W = cpu.unsigned(32)
    const [d, n] = [cpu.V(Rd, W), cpu.V(Rn, W)]
    cpu.setV(Rd, cpu.call(sha256Hash, lower ? n : d, lower ? d : n, cpu.V(Rm, W), lower))
  }
})
export const sha256First = instruction({
  name: "SHA256SU0",
  encoding: "01011110 00 10100 0001 0 10 Rn:5 Rd:5",
  assembly: "sha256su0 <Vd>.4s, <Vn>.4s",
  feature: "SHA256",
  access: "SIMD",
  execute(cpu, { Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sha256ScheduleFirst, cpu.V(Rd, W), cpu.V(Rn, W)))
  }
})
export const sha256Second = instruction({
  name: "SHA256SU1",
  encoding: "01011110 000 Rm:5 0110 00 Rn:5 Rd:5",
  assembly: "sha256su1 <Vd>.4s, <Vn>.4s, <Vm>.4s",
  feature: "SHA256",
  access: "SIMD",
  execute(cpu, { Rm, Rn, Rd }) {
    const W = cpu.unsigned(32)
    cpu.setV(Rd, cpu.call(sha256ScheduleSecond, cpu.V(Rd, W), cpu.V(Rn, W), cpu.V(Rm, W)))
  }
})

export const cryptoSha = [sha1Rounds, sha1ScheduleFirst, sha1ScheduleSecond, sha1Rotate, sha256Rounds, sha256First, sha256Second]
