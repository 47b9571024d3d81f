// A plugin that fits nothing: an encoding of ADD, a register of the base, and a plugin nobody has.
import { defineExtension, instruction } from "@eltwo/isa"

export const conflicts = defineExtension({
  name: "conflicts",
  requires: ["teleporter"],
  instructions: [
    instruction({
      name: "ANOTHER ADD",
      encoding: "sf op S 0101 any 00 0 Rm:5 imm6:6 Rn:5 Rd:5",
      assembly: "another <sf>, <op>, <S>, <any>, <imm6>, <Rd>, <Rn>, <Rm>",
      execute() {}
    })
  ],
  registers: [{ name: "SCTLR_EL1", encoding: "3 0 1 0 0" }]
})
