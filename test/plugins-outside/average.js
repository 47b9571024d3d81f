// A plugin as someone outside of this repository would write it: one file, nothing but @eltwo/isa, no build.
//
//   eltwo run --plugin ./average.js[,rounding=up] average-guest
//
// It adds an instruction, AVERAGE, and a register, AVERAGES_EL0, that EL0 may read and write.
import { defineExtension, definePlugin, instruction } from "@eltwo/isa"

const average = (rounding) =>
  instruction({
    name: "AVERAGE",
    encoding: "1 0 0 11010110 Rm:5 111110 Rn:5 Rd:5",
    assembly: "average <Xd>, <Xn>, <Xm>",
    feature: "AVERAGE",
    execute(cpu, { Rm, Rn, Rd }) {
      const T = cpu.unsigned(64)
      const x = cpu.X(Rn, T)
      const y = cpu.X(Rm, T)
      const half = T.shiftRight(T.xor(x, y), 1)
      // The sum itself could need 65 bits.
      const down = T.add(T.and(x, y), half)
      const odd = T.and(T.xor(x, y), T.constant(1))
      cpu.setX(Rd, rounding === "up" ? T.add(down, odd) : down, T)
    }
  })

export default definePlugin({
  name: "average",
  doc: "AVERAGE, the mean of two unsigned numbers, and a register to count with.",
  options: {
    rounding: { type: "choice", choices: ["down", "up"], default: "down", doc: "Where the mean of an odd sum goes." }
  },
  create: ({ rounding }) =>
    defineExtension({
      name: "average",
      doc: `AVERAGE rounding ${rounding}, AVERAGES_EL0.`,
      features: [{ name: "AVERAGE", doc: "The mean of two numbers." }],
      instructions: [average(rounding)],
      registers: [{ name: "AVERAGES_EL0", encoding: "3 3 13 0 6", feature: "AVERAGE", fields: { COUNT: "15:0" } }]
    })
})
