/** All declarations of all plugins together: each is well-formed, and no two claim one word. */
import { lint } from "@eltwo/isa"
import { expect, it } from "vitest"
import { everyInstruction } from "./groups.ts"

it("lint finds nothing", () => expect(lint(everyInstruction)).toEqual([]))
